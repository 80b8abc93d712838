"""How the work of a step's jobs grows with the data: per frame, per clip and epoch, or not at all."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from ferflow import shards
from ferflow.settings import ClipNetworkSettings, HeadSettings, Settings, Spatial

FRAME = "frame"
VERSION = "frame and augmentation"
CLIP = "clip"
STEP = "clip, augmentation and epoch"
IMAGE = "image and epoch"
CONSTANT = "constant"
STEPPED = (STEP, IMAGE)
"""What is trained, and a GPU takes over."""
LOOKS = {"one": 1, "mirror": 2, "ten": 10}
"""How many versions of an image a view looks at."""
TEST_SHARE = 1 / 5
"""FER2013's test parts together, of all of its images."""


@dataclass(frozen=True)
class Sizes:
    """A data set's size: the clips and frames of each subject. `known`: from its manifest, not assumed."""

    subjects: Mapping[str, tuple[int, int]]
    images: int = 0
    known: bool = True

    @cached_property
    def clips(self) -> int:
        """All clips."""
        return sum(clips for clips, _ in self.subjects.values())

    @cached_property
    def frames(self) -> int:
        """All frames."""
        return sum(frames for _, frames in self.subjects.values())

    def frames_of(self, shard: str) -> int:
        """The frames of the subjects of a shard (`ferflow.shards`)."""
        names, up_to = self._in_order
        first, last = shards.ends(shard)
        return up_to[bisect_right(names, last)] - up_to[bisect_left(names, first)]

    @cached_property
    def _in_order(self) -> tuple[list[str], list[int]]:
        """The subjects, and how many frames those before each have."""
        names = sorted(self.subjects)
        return names, [0, *accumulate(self.subjects[name][1] for name in names)]


@dataclass(frozen=True)
class Work:
    """How much work a job is: `amount` times what one of `per` costs; `variant` is whose cost that is."""

    per: str
    amount: float = 1.0
    variant: str = ""


Amount = Callable[[Mapping[str, str], Settings, Sizes], Work]
"""The work of a job by its wildcards, in a study of that size."""


def constant(wildcards: Mapping[str, str], settings: Settings, size: Sizes) -> Work:
    """The same whatever the data."""
    return Work(CONSTANT)


def frames(wildcards: Mapping[str, str], settings: Settings, size: Sizes) -> Work:
    """The frames of a subject, or of several."""
    return Work(FRAME, size.frames_of(wildcards.get("subject", "")))


def versions(wildcards: Mapping[str, str], settings: Settings, size: Sizes) -> Work:
    """The frames of a subject, as they are and augmented."""
    most = max((head.augmentations for head in settings.temporal.heads.values()), default=0)
    return Work(VERSION, frames(wildcards, settings, size).amount * (1 + most), settings.spatial.network)


def clips(wildcards: Mapping[str, str], settings: Settings, size: Sizes) -> Work:
    """All clips."""
    return Work(CLIP, size.clips)


def stills(wildcards: Mapping[str, str], settings: Settings, size: Sizes) -> Work:
    """All images, rendered."""
    return Work(IMAGE, size.images)


def images(wildcards: Mapping[str, str], settings: Settings, size: Sizes) -> Work:
    """All images, each looked at once."""
    return Work(CLIP, size.images)


def frozen_stages(wildcards: Mapping[str, str], settings: Settings, size: Sizes) -> Work:
    """A pass of frozen stages over all images."""
    variant = f"{wildcards.get('network')}, {wildcards.get('unfrozen')} unfrozen"
    return Work(CLIP, size.images, variant)


def transfer(wildcards: Mapping[str, str], settings: Settings, size: Sizes) -> Work:
    """A training on all images but those of a fold, in every fold."""
    run = settings.sfew.transfer.trained().get(wildcards.get("run", ""))
    if run is None:
        return Work(CONSTANT)
    folds = 1 if wildcards.get("protocol") == "spi" else settings.sfew.transfer.folds - 1
    variant = f"{run.network}, {run.unfrozen} unfrozen, batch {run.batch}"
    return Work(STEP, size.images * folds * max(run.epochs), variant)


def affect_training(wildcards: Mapping[str, str], settings: Settings, size: Sizes) -> Work:
    """A training for expression, valence and arousal."""
    own = settings.affect.models[wildcards["model"]]
    return Work(IMAGE, size.images * own.epochs, f"{own.backbone}, {own.size} pixels")


def datacentric_training(wildcards: Mapping[str, str], settings: Settings, size: Sizes) -> Work:
    """A row of the data-centric comparison, or one fold of the search for label errors."""
    own = settings.datacentric
    shown = (own.images or size.images) * own.recipe.epochs
    return Work(IMAGE, shown, wildcards.get("network", ""))


def views(wildcards: Mapping[str, str], settings: Settings, size: Sizes) -> Work:
    """The test images in every view."""
    looks = sum(LOOKS[one] for one in settings.images.views)
    return Work(IMAGE, size.images * TEST_SHARE * looks, f"views of {wildcards['model']}")


def networks_of_images(settings: Settings) -> dict[str, Spatial]:
    """The networks for single images of a study of clips or images, by their names."""
    if settings.kind == "images":
        return {name: model.recipe() for name, model in settings.images.trained().items()}
    return {settings.spatial.network: settings.spatial} if settings.sees_images() else {}


def image_training(step: str, epochs: Callable[[Spatial, Settings], int]) -> Amount:
    """A training of a network for single images in `step`, for so many epochs by its recipe and the study."""

    def amount(wildcards: Mapping[str, str], settings: Settings, size: Sizes) -> Work:
        own = networks_of_images(settings).get(wildcards.get("model", ""), settings.spatial)
        if own.weights is not None:
            return Work(CONSTANT, variant="adopted")
        return Work(IMAGE, size.images * epochs(own, settings), f"{own.network}, {step}")

    return amount


def fixed(own: Spatial, settings: Settings) -> int:
    """Epochs of a training by its recipe."""
    return own.epochs


def once(own: Spatial, settings: Settings) -> int:
    """A pass."""
    return 1


def searched(own: Spatial, settings: Settings) -> int:
    """Epochs of all classifiers that fine-tuning tries, and of the best once more."""
    stage = settings.finetune.classifier
    return (stage.trials + 1) * stage.epochs


def finetuned(own: Spatial, settings: Settings) -> int:
    """Epochs of all attempts of phases 2 and 3, at most."""
    stages = settings.finetune
    return len(stages.unfreeze.blocks) * stages.unfreeze.epochs + 2 * stages.refine.epochs


def swept(wildcards: Mapping[str, str], settings: Settings, size: Sizes) -> Work:
    """A run of the sweep over optimisers and schedules; the last ones go on from the best for some epochs."""
    own = settings.sweep
    shown = (own.images or size.images) * max(own.epochs, own.tuning.epochs)
    return Work(IMAGE, shown, f"{own.network}, sweep")


def shown(clips: int, augmentations: int, epochs: float, *folds: int) -> float:
    """Clips shown in a training on `clips` and their augmented versions, less one of so many `folds`."""
    found = clips * (1 + augmentations) * epochs
    for count in folds:
        found *= (count - 1) / count
    return found


def clip_training(
    epochs: Callable[[Settings, int], int],
    *folds: Callable[[Settings], int],
    trials: Callable[[Settings], int] | None = None,
) -> Amount:
    """A training of the head, network or run that the wildcards name.

    `epochs` follow from the settings and the epochs of a training in cross-validation; `folds` as in `shown`.
    With `trials` it is so many trainings, with as many augmented versions as a search may try.
    """

    def amount(wildcards: Mapping[str, str], settings: Settings, size: Sizes) -> Work:
        temporal, networks = settings.temporal, settings.end_to_end
        name = wildcards.get("head") or wildcards.get("network") or wildcards.get("run") or ""
        if name in temporal.heads:
            own, kind = temporal.heads[name], name
        elif name in networks.run:
            own, kind = networks.of(name), name
        elif name in settings.experiments.trained():
            own, kind = settings.of_run(name), settings.experiments.runs[name].of
        else:
            return Work(CONSTANT)
        most = settings.search.greatest(name, "augmentations") if trials else None
        augmentations = own.augmentations if most is None else most
        length = epochs(settings, (networks if isinstance(own, ClipNetworkSettings) else temporal).epochs)
        clips = shown(size.clips, augmentations, length, *(one(settings) for one in folds))
        return Work(STEP, clips * (trials(settings) if trials else 1), _variant(kind, own, settings))

    return amount


def _variant(kind: str, own: HeadSettings | ClipNetworkSettings, settings: Settings) -> str:
    """Trainings of one variant cost the same a step."""
    if isinstance(own, ClipNetworkSettings):
        return f"{kind} {own.frames}x{own.size}x{own.size}, {'-'.join(map(str, own.filters))}"
    return f"{kind} {own.units} on {settings.spatial.network}/{settings.features.layer}"


def _folds(settings: Settings) -> int:
    return settings.splits.folds


fold = clip_training(lambda s, epochs: epochs + s.finalize.max_epochs, _folds)
"""A fold, of which there are two runs: of fixed length, and one that stops early."""
fold_alone = clip_training(lambda s, epochs: epochs, _folds)
"""A fold, the run of fixed length alone."""
final = clip_training(lambda s, epochs: s.finalize.max_epochs)
nested_outer = clip_training(lambda s, epochs: s.finalize.max_epochs, lambda s: s.nested.outer)
nested_inner = clip_training(
    lambda s, epochs: epochs + s.finalize.max_epochs, lambda s: s.nested.outer, lambda s: s.nested.inner
)
search = clip_training(lambda s, epochs: epochs, _folds, trials=lambda s: s.search.trials * s.splits.folds)
