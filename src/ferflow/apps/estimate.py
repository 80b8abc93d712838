"""`ferflow estimate`: how long the trainings of a study will take on this machine, before any is started."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ferflow import datasets
from ferflow.errors import SettingError
from ferflow.settings import Settings

if TYPE_CHECKING:
    from ferflow.training.estimate import Cost


@dataclass(frozen=True)
class Estimate:
    """What one network costs: `fold` and `study` (all folds and the final run) are seconds, at most."""

    model: str
    cost: Cost
    fold: float
    study: float


def estimates(settings: Settings, clips: int | None = None) -> Iterator[Estimate]:
    """Measure one training step of every network for clips that the study trains.

    `clips`: how many it trains on; None: all clips of the data set, test subjects too, which is a little too
    many. Raises SettingError for a study of images, InputError where the data set is not there.
    """
    import torch

    from ferflow.models import spatial
    from ferflow.training.estimate import head_cost, network_cost

    if settings.kind != "clips":
        raise SettingError("kind", f"is {settings.kind}", "estimate a study of clips")
    if clips is None:
        clips = len(datasets.subjects(settings)) * len(settings.emotions)
    n_classes, most, folds = len(settings.emotions), settings.finalize.max_epochs, settings.splits.folds

    def whole(model: str, cost: Cost, augmentations: int, epochs: int) -> Estimate:
        shown = clips * (1 + augmentations)
        fold = cost.seconds * shown * (folds - 1) / folds * (epochs + most)
        return Estimate(model, cost, fold, folds * fold + cost.seconds * shown * most)

    temporal = settings.temporal
    with torch.device("meta"):  # its weights play no part
        network = spatial.build(settings.spatial.network, n_classes)
    width = network.layers[settings.features.layer]
    for head, own in temporal.heads.items():
        cost = head_cost(
            head, own, width, settings.features.max_frames, n_classes, temporal.batch, temporal.threads
        )
        yield whole(f"{settings.spatial.network}+{head}", cost, own.augmentations, temporal.epochs)
    plan = settings.end_to_end
    for name in plan.run:
        cost = network_cost(name, plan.of(name), n_classes, plan.batch, plan.threads)
        yield whole(name, cost, plan.of(name).augmentations, plan.epochs)


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
