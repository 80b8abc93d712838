"""`ferflow estimate`: what a study will take, job by job of its graph, before any of them is started."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ferflow import settings as study_settings
from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.errors import InputError
from ferflow.planning import jobs
from ferflow.planning.plan import Row, plan
from ferflow.planning.rates import Rates, measured
from ferflow.settings import Settings, parameters
from ferflow.steps.cost import Costs, slowness
from ferflow.steps.work import Sizes

if TYPE_CHECKING:
    from ferflow.training.estimate import Cost


def run(
    params: Path, overlays: list[Path], records: Path, left: bool, times: int, on: str | None, snakefile: Path
) -> None:
    """Print a row per rule, the totals, what they rest on and what is not known.

    `records` is the folder whose earlier runs count; with `left` only what is left to run is estimated;
    `times` is by how much the subjects are multiplied; `on` names a machine by whose stated rates trainings
    are estimated (`cost.machine_of`), None: a step of each is measured here.
    """
    settings = study_settings.load(params, *overlays)
    if not snakefile.is_file():
        raise InputError(snakefile, "does not exist", "call it in the folder of the workflow")
    costs = Costs(settings, on=on)
    costs.slower = slowness()
    planned = jobs.planned(Path(), overlays, not left, snakefile)
    if not planned:
        print(f"study {settings.study}: nothing is left to run")
        return
    try:
        rates = Rates(measured(records))
    except InputError:
        rates = Rates([])
    step = steps(settings) if on is None else None
    rows = plan(planned, settings, costs.size, rates, times, step, costs)
    print("\n".join(lines(rows, settings, costs.size, times, costs.machine.name if on else None)))


def steps(settings: Settings) -> Callable[[str, str], tuple[float, str] | None]:
    """A function that measures a training step of a network once, where no earlier run tells of it."""
    costs: dict[str, tuple[float, str] | None] = {}
    trained: set[str] = set()
    if settings.kind == "clips":
        trained = {*settings.temporal.heads, *settings.end_to_end.run, *settings.experiments.trained()}

    def step(rule: str, name: str) -> tuple[float, str] | None:
        of_clips = name in trained
        key = name if of_clips else f"{rule} {name}"
        if key not in costs:
            cost = step_cost(settings, name) if of_clips else pass_cost(settings, rule, name)
            costs[key] = None if cost is None else (cost.seconds, cost.device)
        return costs[key]

    return step


def lines(rows: list[Row], settings: Settings, size: Sizes, times: int, on: str | None) -> list[str]:
    """The estimate as text; `on` as in `run`."""
    subjects, clips, frames = (times * n for n in (len(size.subjects), size.clips, size.frames))
    about = f"{subjects:,} subjects, {clips:,} clips, {frames:,} frames"
    assumed = "" if size.known else " (assumed, as there is no manifest yet)"
    images = f"{times * size.images:,} images{assumed}"
    text = [f"study {settings.study}: {about + assumed if size.subjects else images}"]
    head = (
        f"{'rule':26} {'jobs':>9} {'CPU h':>10} {'GPU h':>9} {'longest':>9} {'GB':>9} {'MB':>7} {'GPU MB':>7}"
    )
    text.append(f"{head}  grows")
    for row in rows:
        remark = f" ({row.remark})" if row.remark else ""
        text.append(
            f"{row.rule:26} {row.jobs:9,} {(row.seconds - row.gpu) / 3600:10,.3f} {row.gpu / 3600:9,.3f} "
            f"{_time(row.longest):>9} {row.bytes / 1e9:9,.3f} {max(row.memory, row.requested):7,.0f} "
            f"{row.gpu_memory:7,.0f}  {row.grows}{remark}"
        )
    return [*text, total(rows), *unknown(rows, on)]


def total(rows: list[Row]) -> str:
    """What all jobs take together."""
    cpu, gpu = sum(row.seconds - row.gpu for row in rows), sum(row.gpu for row in rows)
    on_gpu = f", {gpu / 3600:,.2f} GPU hours" if gpu else ""
    most = max((row.gpu_memory for row in rows if row.gpu), default=0)
    return (
        f"{sum(row.jobs for row in rows):,} jobs, {cpu / 3600:,.2f} CPU hours{on_gpu}, "
        f"{sum(row.bytes for row in rows) / 1e9:,.2f} GB of files, "
        f"at most {max(row.requested for row in rows):,.0f} MB a job"
        + (f" and {most:,.0f} MB of a GPU" if gpu else "")
    )


def unknown(rows: list[Row], on: str | None) -> list[str]:
    """What the estimate does not know."""
    text = []
    where = f"on {on}, by stated rates (src/ferflow/resources/machines.yaml)" if on else "on this machine"
    trained = sum(row.trained for row in rows)
    if trained:
        text.append(
            f"{trained / 3600:,.2f} of these hours are trainings {where}, at most: those that stop early or "
            "are pruned end sooner"
        )
    assumed = [row for row in rows if row.assumed]
    if assumed:
        named = ", ".join(row.rule for row in assumed)
        count = sum(row.jobs for row in assumed)
        text.append(f"not known, a few seconds a job assumed: {count} jobs ({named})")
    if unsized := [row.rule for row in rows if row.by_subject and not row.bytes]:
        text.append(f"not known: the files of {', '.join(unsized)}")
    return text


def _time(seconds: float) -> str:
    from ferflow.training.estimate import duration

    return duration(seconds)


def pass_cost(settings: Settings, rule: str, name: str) -> Cost | None:
    """Measure the work per image of a workflow `rule`: one pass of its network, or a training step.

    `name` is a network of a study of images; otherwise that of the section `spatial`. None for other rules.
    """
    from ferflow.models.precision import resolve
    from ferflow.training.estimate import frame_cost, image_cost

    if settings.kind not in ("clips", "images"):
        return None
    listed = settings.images.trained() if settings.kind == "images" else {}
    recipe = listed[name].recipe() if name in listed else settings.spatial
    if rule in ("features", "frozen", "views"):
        chosen = settings.features if rule == "features" else recipe
        kind = resolve(settings.features.precision if rule == "features" else "float32")
        return frame_cost(recipe.network, len(EMOTIONS_NEUTRAL), kind, chosen.threads)
    if rule in ("spatial", "finetune"):
        return image_cost(recipe.network, len(EMOTIONS_NEUTRAL), recipe.batch, recipe.threads)
    return None


def step_cost(settings: Settings, name: str) -> Cost | None:
    """Measure a training step of a head, a network on frames or an experiment's run; None for other names."""
    import torch

    from ferflow.models import spatial
    from ferflow.training.estimate import head_cost, network_cost

    n_classes, temporal, plan = len(settings.emotions), settings.temporal, settings.end_to_end
    run = settings.experiments.trained().get(name)
    kind, layer = (name, None) if run is None else (run.of, run.layer)
    if kind in temporal.heads:
        recipe = temporal.heads[kind] if run is None else settings.of_run(name)
        with torch.device("meta"):  # its weights play no part
            network = spatial.build(settings.spatial.network, n_classes)
        width, frames = network.layers[layer or settings.features.layer], settings.features.max_frames
        return head_cost(kind, recipe, width, frames, n_classes, temporal.at_once, temporal.threads)
    if kind in plan.run or run is not None:
        recipe = plan.of(kind) if run is None else settings.of_run(name)
        return network_cost(kind, recipe, n_classes, recipe.at_once, plan.threads)
    return None


def network_lines(settings: Settings) -> list[str]:
    """A line for each network that a study of clips or of images trains: its name and parameters."""
    counts = dict(parameters.counted(settings))
    if not counts:
        return []
    most, width = settings.max_parameters, max(map(len, counts))
    bound = f"; a larger one than {most:,} is refused" if most is not None else ""
    title = f"{len(counts)} networks and their parameters, the most where a search chooses{bound}:"
    return [title, *(f"  {name:{width}} {count:13,}" for name, count in counts.items())]
