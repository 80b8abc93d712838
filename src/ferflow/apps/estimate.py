"""`ferflow estimate`: how long the trainings of a study will take on this machine, before any is started."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ferflow import datasets
from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.errors import SettingError
from ferflow.settings import Settings, parameters
from ferflow.steps.work import shown
from ferflow.training import splits

if TYPE_CHECKING:
    from ferflow.training.estimate import Cost


@dataclass(frozen=True)
class Estimate:
    """The cost of one network: `fold` and `study` (all folds and the final run) are seconds, at most."""

    model: str
    cost: Cost
    fold: float
    study: float


def estimates(settings: Settings, clips: int | None = None) -> Iterator[Estimate]:
    """Measure one training step of every network for clips that the study trains.

    `clips`: how many it trains on; None: all clips of the data set, with the test subjects, so a few too
    many. Raises SettingError for a study of images, InputError where the data set is not there.
    """
    if settings.kind != "clips":
        raise SettingError("kind", f"is {settings.kind}", "estimate a study of clips")
    if clips is None:
        clips = len(datasets.subjects(settings)) * len(settings.emotions)
        _, settings = splits.planned(settings, datasets.clips(settings))
    most, folds = settings.finalize.max_epochs, settings.splits.folds
    temporal, plan = settings.temporal, settings.end_to_end
    trained = {head: (recipe.augmentations, temporal.epochs) for head, recipe in temporal.heads.items()}
    trained |= {name: (plan.of(name).augmentations, plan.epochs) for name in plan.run}
    for name, (augmentations, epochs) in trained.items():
        cost = step_cost(settings, name)
        model = f"{settings.spatial.network}+{name}" if name in temporal.heads else name
        fold = cost.seconds * shown(clips, augmentations, epochs + most, folds)
        final = cost.seconds * shown(clips, augmentations, most)
        yield Estimate(model, cost, fold, folds * fold + final)


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


def run(settings: Settings, clips: int | None = None) -> None:
    """Print a line per network as soon as it is measured."""
    from ferflow.training.estimate import duration

    total = 0.0
    for one in estimates(settings, clips):
        place = "GPU" if one.cost.device == "cuda" else "CPU"
        total += one.study
        print(
            f"{one.model}: {one.cost.seconds:.2g} s a clip and step on the {place}; at most "
            f"{duration(one.fold)} a fold, {duration(one.study)} in all",
            flush=True,
        )
    print(f"all networks one after the other: at most {duration(total)}")


def network_lines(settings: Settings) -> list[str]:
    """A line for each network that a study of clips or of images trains: its name and parameters."""
    counts = dict(parameters.counted(settings))
    if not counts:
        return []
    most, width = settings.max_parameters, max(map(len, counts))
    bound = f"; a larger one than {most:,} is refused" if most is not None else ""
    title = f"{len(counts)} networks and their parameters, the most where a search chooses{bound}:"
    return [title, *(f"  {name:{width}} {count:13,}" for name, count in counts.items())]
