"""`ferflow check`: what a study will do, or the first error in it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from ferflow import settings as study_settings
from ferflow.apps import estimate
from ferflow.errors import InputError
from ferflow.settings import SHIPPED, Settings, Spatial
from ferflow.steps import preflight
from ferflow.steps.cost import Costs, Limits, limits_here, machine_of, too_large
from ferflow.steps.passes import networks
from ferflow.steps.preflight import Ready

NONE = "none"
ON_FOLDS = "none: the results are those of cross-validation"


def run(params: Path, overlays: list[Path], profile: Path | None = None) -> None:
    """Print a line for each thing that the study will do; FerflowError where it could not be run.

    Runs that do not fit this machine, or what `profile` says of another, are named.
    """
    ready = preflight.look(study_settings.load(params, *overlays))
    names = " + ".join(str(file) for file in [params, *overlays])
    print(f"{names}: correct (study {ready.settings.study}, kind {ready.settings.kind})")
    print("\n".join(lines(ready)))
    print("\n".join(fitting(ready.settings, profile)))


def fitting(settings: Settings, profile: Path | None = None) -> list[str]:
    """A line for each run that needs more than there is, else one that says that all fit."""
    limits, on = limits_here(), settings.machine
    if profile is not None:
        found = _profile(profile)
        on = str(found.get("config", {}).get("machine", on))
        memory = found.get("resources", {}).get("mem_mb", 0)
        limits = Limits(int(memory), round(machine_of(on).memory), f"profile {profile.name}")
    costs = Costs(settings, on=on)
    rows = [f"  does not fit: {line}" for line in too_large(costs, limits, networks(settings))]
    about = f"{limits.memory:,} MB" if limits.memory else "memory as a job asks for it"
    about += f", {costs.machine.name}" + (f" of {limits.gpu:,} MB" if limits.gpu else "")
    return rows or [f"  memory:        all networks fit {limits.what} ({about})"]


def _profile(folder: Path) -> dict:
    """A profile of Snakemake as it reads it. InputError where there is none."""
    import yte

    path = folder / "config.yaml" if folder.is_dir() else folder
    try:
        return yte.process_yaml(path.read_text(encoding="utf-8"), require_use_yte=True) or {}
    except (OSError, ValueError) as error:
        raise InputError(path, f"cannot be read as a profile ({error})", "name its folder") from None


def lines(ready: Ready) -> list[str]:
    """The data of the study, what it trains and compares, and what is left out."""
    of_kind = {"clips": _clips, "images": _images, "sfew": _sfew, "affect": _affect}
    rows = of_kind[ready.settings.kind](ready)
    rows += [("left out", note) for note in (*ready.settings.left_out, *ready.notes)]
    rows.append(("jobs", "`ferflow estimate` counts them and says what they will take"))
    shown = [f"  {name + ':':14} {what}" for name, what in rows]
    return shown + estimate.network_lines(ready.settings)


def _clips(ready: Ready) -> list[tuple[str, str]]:
    settings = ready.settings
    clips, split = ready.clips, ready.split
    sexes = Counter({clip.subject_id: clip.sex for clip in clips}.values())
    each = settings.dataset.subjects_per_job or 1
    in_jobs = f", {each} in a job of faces, action units and features" if each > 1 else ""
    counts = Counter(clip.emotion for clip in clips)
    counts = {name: counts[name] for name in settings.emotions}
    rows = [
        ("data", f"{settings.dataset.name}{_synthetic(settings)}: {len(clips)} clips"),
        ("subjects", f"{len(ready.subjects)} ({_counted(sexes) if any(sexes) else 'no sex given'}){in_jobs}"),
        ("classes", _counted(counts)),
        ("test side", _side(split["test"], ready) if split["test"] else ON_FOLDS),
        ("folds", f"{len(split['folds'])} ({split['scheme']})"),
        *((f"fold {number}", _side(fold, ready)) for number, fold in enumerate(split["folds"])),
        ("action units", ready.decided or settings.aus.backend),
    ]
    if settings.sees_images():
        rows.append(("image network", _network(settings.spatial, settings)))
    rows += [("models", ", ".join(settings.models().values())), ("fusion", _fusion(settings))]
    rows.append(("comparisons", ", ".join(settings.experiments.chosen()) or NONE))
    for name, heads in (
        ("baselines", settings.baselines.run),
        ("other folds", settings.splits.compared),
        ("nested", settings.nested.heads),
        ("search", settings.search.run),
    ):
        rows += [(name, ", ".join(heads))] if heads else []
    source = settings.humans.source(settings.dataset.name)
    rows.append(("people", {None: NONE, "simulated": "simulated annotators"}.get(source, _answers(settings))))
    trainings = _trainings(settings)
    each = ", ".join(f"{count} {name}" for name, count in trainings.items() if count)
    return [*rows, ("trainings", f"{sum(trainings.values())} ({each})")]


def _side(subjects: list[str], ready: Ready) -> str:
    """The subjects of a side, and its clips by class."""
    on_side = set(subjects)
    counts = Counter(clip.emotion for clip in ready.clips if clip.subject_id in on_side)
    named = {name: counts[name] for name in ready.settings.emotions}
    people = ", ".join(subjects) if len(subjects) == 1 else f"{len(subjects)} subjects"
    return f"{people}, {counts.total()} clips: {_counted(named)}"


def _answers(settings: Settings) -> str:
    return settings.humans.annotations or settings.humans.votes or NONE


def _trainings(settings: Settings) -> dict[str, int]:
    """How many networks for clips are trained to the end, at most, by what for."""
    folds, models = settings.splits.folds, len(settings.models())
    nested, search, splits = settings.nested, settings.search, settings.splits
    within = nested.outer * (nested.inner * len(nested.tried()) + 1)
    return {
        "in cross-validation": folds * models,
        "final": models,
        "as controls": len(settings.temporal.heads) * (settings.evaluation.controls and splits.tested),
        "for comparisons": folds * len(settings.experiments.trained()),
        "in other folds": folds * len(set(splits.compared)),
        "nested": within * len(set(nested.heads)),
        "in searches, at most": search.trials * folds * len(set(search.run)),
    }


def _fusion(settings: Settings) -> str:
    fusion = settings.fusion
    chosen = [name for name in ("stacking", "best") if getattr(fusion, name) is not None]
    return ", ".join([*fusion.named(), *chosen]) or NONE


def _network(recipe: Spatial, settings: Settings) -> str:
    if recipe.weights == SHIPPED:
        return f"{recipe.network}, as it comes with ferflow (FER2013)"
    if recipe.weights is not None:
        return f"{recipe.network}, from {recipe.weights}"
    stills = settings.stills
    images = "synthetic stills" if stills.source == "synth4d" else f"{stills.source} in {stills.path}"
    start = f", from {recipe.pretrained}" if recipe.pretrained else ""
    how = "fine-tuned" if recipe.method == "finetune" else "trained"
    return f"{recipe.network}, {how} on {images}{start}"


def _images(ready: Ready) -> list[tuple[str, str]]:
    settings = ready.settings
    images = settings.images
    where = "rendered" if settings.stills.source == "synth4d" else settings.stills.path
    rows = [
        ("data", f"images of {settings.stills.source} ({where}){_synthetic(settings)}"),
        ("networks", ", ".join(images.trained()) or NONE),
        ("averages", ", ".join([*images.averaged(), *(["best"] if images.best else [])]) or NONE),
        ("views", ", ".join(images.views)),
    ]
    if settings.datacentric.studied:
        count = len(settings.datacentric.rows())
        rows.append(("data quality", f"cleaning, and {count} rows under two protocols"))
    trained = sum(model.weights is None for model in images.trained().values())
    quality = _quality(settings)
    parts = [f"{trained} of networks"] + ([f"{quality} for the quality of the data"] if quality else [])
    return [*rows, ("trainings", f"{trained + quality} ({', '.join(parts)})")]


def _quality(settings: Settings) -> int:
    """How many trainings the study of the data takes."""
    chosen = settings.datacentric
    if not chosen.studied:
        return 0
    compared = {(name, "none") for name in chosen.variants}
    compared |= {(name, sampling) for name, samplings in chosen.networks.items() for sampling in samplings}
    cleaned = {(name, "none") for name in chosen.cleaned}
    return chosen.label_errors.folds + 2 * len(compared) + len(cleaned) + len(cleaned - compared)


def _sfew(ready: Ready) -> list[tuple[str, str]]:
    settings = ready.settings
    transfer, handmade = settings.sfew.transfer, settings.sfew.handmade
    runs = transfer.trained()
    folds = {name: 2 if name == "spi" else transfer.folds for name in transfer.under()}
    trained = sum(folds[protocol] for run in runs.values() for protocol in run.protocols)
    return [
        ("data", f"{settings.sfew.dataset.name}{_synthetic(settings)}: {sum(ready.images.values())} images"),
        ("classes", _counted(ready.images)),
        ("protocols", ", ".join(f"{name} ({count} folds)" for name, count in folds.items())),
        ("networks", ", ".join(runs)),
        ("start", transfer.start),
        ("hand-made", ", ".join(handmade.trained()) or NONE),
        ("trainings", str(trained)),
    ]


def _affect(ready: Ready) -> list[tuple[str, str]]:
    settings = ready.settings
    models = settings.affect.models
    listed = [f"{name} ({model.backbone}, start {model.start})" for name, model in models.items()]
    return [
        ("data", f"{settings.affect.dataset.name} ({settings.affect.dataset.path}){_synthetic(settings)}"),
        ("networks", ", ".join(listed)),
        ("trainings", str(len(models))),
    ]


def _synthetic(settings: Settings) -> str:
    return " (synthetic)" if settings.data()[1] else ""


def _counted(counts: Counter | dict[str, int]) -> str:
    return ", ".join(f"{name or 'not given'} {count}" for name, count in counts.items())
