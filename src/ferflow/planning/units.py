"""How the work of every rule grows with the data: per frame, per clip and epoch, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ferflow import datasets, layout, tables
from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.datasets.sfew import PUBLISHED
from ferflow.errors import FerflowError
from ferflow.settings import Settings
from ferflow.training.steps import final_steps, fold_steps

FRAME = "frame"
VERSION = "frame and augmentation"
CLIP = "clip"
STEP = "clip, augmentation and epoch"
IMAGE = "image and epoch"
CONSTANT = "constant"
FER2013 = 35_887
"""Images of FER2013."""
AFFECTNET_VALIDATION = 3_999
"""Images of AffectNet's validation part with one of the eight classes (Akhtar 2022, Figure 7)."""
STEPPED = (STEP, IMAGE)
"""What is trained, and a GPU takes over."""


@dataclass(frozen=True)
class Sizes:
    """A data set's size: the clips and frames of each subject. `known`: from its manifest, not assumed."""

    subjects: Mapping[str, tuple[int, int]]
    images: int = 0
    known: bool = True

    @property
    def clips(self) -> int:
        """All clips."""
        return sum(clips for clips, _ in self.subjects.values())

    @property
    def frames(self) -> int:
        """All frames."""
        return sum(frames for _, frames in self.subjects.values())


@dataclass(frozen=True)
class Units:
    """How much work a job is: `amount` times what one of `per` costs; `variant` is whose cost that is."""

    per: str
    amount: float = 1.0
    variant: str = ""


def sizes(settings: Settings, folder: Path) -> Sizes:
    """The size of a study's data, from its manifest, else from its list of clips.

    Clips whose manifest is not there yet count `features.max_frames` frames each; synthetic ones the mean
    of the frames that are rendered. Raises InputError where the data set is not there.
    """
    if settings.kind == "sfew":
        return _scenes(settings, folder)
    if settings.kind == "affect":
        return _faces(settings, folder)
    rendered = settings.stills.per_class * len(EMOTIONS_NEUTRAL)
    images = rendered if settings.stills.source == "synth4d" else FER2013
    if settings.kind != "clips":
        return Sizes({}, images)
    manifest = folder / layout.MANIFEST.format(dataset=settings.data()[0])
    names = None if settings.dataset.name != "synth4d" else datasets.subjects(settings)
    if manifest.is_file():
        try:
            clips = tables.read(manifest, "manifest")
        except FerflowError:
            clips = None
        if clips is not None and (names is None or set(clips["subject_id"]) >= set(names)):
            groups = clips.groupby("subject_id")["n_frames"]
            found = {str(s): (len(own), int(own.sum())) for s, own in groups if names is None or s in names}
            return Sizes(found, images)
    each = len(settings.emotions)
    frames = sum(settings.synth4d.frames) / 2 if names is not None else settings.features.max_frames
    subjects = datasets.subjects(settings)
    return Sizes({name: (each, round(each * frames)) for name in subjects}, images, known=False)


def _scenes(settings: Settings, folder: Path) -> Sizes:
    """The images of SFEW by the manifest; before there is one as many as are rendered, or were published."""
    manifest = folder / layout.MANIFEST.format(dataset=settings.data()[0])
    try:
        return Sizes({}, len(tables.read(manifest, "sfew_manifest")))
    except FerflowError:
        share = settings.sfew.scenes.per_class / 100 if settings.data()[1] else 1
        return Sizes({}, round(share * sum(PUBLISHED.values())), known=False)


def _faces(settings: Settings, folder: Path) -> Sizes:
    """AffectNet by the lines of its index; before there is one, as many images as are rendered or known."""
    index = folder / layout.AFFECT_INDEX.format(dataset=settings.data()[0])
    try:
        with index.open("rb") as lines:
            return Sizes({}, max(0, sum(1 for _ in lines) - 1))
    except OSError:
        own = settings.affect.synthetic
        rendered = own.train + len(own.distribution) * own.validation_per_class
        listed = sum(own.distribution.values()) + AFFECTNET_VALIDATION
        return Sizes({}, rendered if settings.data()[1] else listed, known=False)


def of_job(rule: str, wildcards: Mapping[str, str], settings: Settings, size: Sizes) -> Units:
    """The work of one job of a study with `size`."""
    subject = size.subjects.get(wildcards.get("subject", ""), (0, 0))
    if rule in ("synth4d", "faces", "aus"):
        return Units(FRAME, subject[1])
    if rule == "features":
        most = max((head.augmentations for head in settings.temporal.heads.values()), default=0)
        return Units(VERSION, subject[1] * (1 + most), settings.spatial.network)
    if rule in ("manifest", "clips", "trim", "export", "agreement", "dataset"):
        return Units(CLIP, size.clips)
    if rule == "stills":
        return Units(IMAGE, size.images)
    if rule == "scenes" or rule.startswith("sfew_"):
        return _of_scenes(rule, wildcards, settings, size)
    if rule == "affect_network":
        own = settings.affect.models[wildcards["model"]]
        return Units(IMAGE, size.images * own.epochs, f"{own.backbone}, {own.size} pixels")
    if rule in ("affect_images", "affect_index"):
        return Units(CLIP, size.images)
    if rule in ("spatial", "frozen", "classifier", "finetune", "views", "sweep_run"):
        return _of_images(rule, wildcards, settings, size)
    if rule.startswith("datacentric_") and rule.endswith(("_fold", "_cell")):
        own = settings.datacentric
        shown = (own.images or size.images) * own.recipe.epochs
        return Units(IMAGE, shown, wildcards.get("network", ""))
    return _of_training(rule, wildcards, settings, size) if settings.kind == "clips" else Units(CONSTANT)


def _of_scenes(rule: str, wildcards: Mapping[str, str], settings: Settings, size: Sizes) -> Units:
    """Work on every image, a pass of frozen stages, or trainings in folds."""
    if rule == "sfew_frozen":
        return Units(CLIP, size.images, f"{wildcards.get('network')}, {wildcards.get('unfrozen')} unfrozen")
    cells, folds = settings.sfew.transfer.run(), settings.sfew.transfer.folds
    if rule == "sfew_cell" and wildcards.get("cell") in cells:
        cell = cells[wildcards["cell"]]
        within = size.images if wildcards.get("protocol") == "spi" else size.images * (folds - 1)
        kind = f"{cell.network}, {cell.unfrozen} unfrozen, batch {cell.batch}"
        return Units(STEP, within * max(cell.epochs), kind)
    if rule in ("scenes", "sfew_manifest", "sfew_originals", "sfew_crops", "sfew_handmade"):
        return Units(CLIP, size.images)
    return Units(CONSTANT)


def _of_images(rule: str, wildcards: Mapping[str, str], settings: Settings, size: Sizes) -> Units:
    model = wildcards.get("model", settings.spatial.network)
    if rule == "views":
        looks = sum({"one": 1, "mirror": 2, "ten": 10}[one] for one in settings.images.views)
        return Units(IMAGE, size.images / 5 * looks, f"views of {model}")
    listed = settings.images.models if settings.kind == "images" else {}
    own = listed[model].recipe() if model in listed else settings.spatial
    if own.weights is not None:
        return Units(CONSTANT, variant="adopted")
    epochs = 1 if rule == "frozen" else own.epochs
    return Units(IMAGE, size.images * epochs, f"{own.network}, {rule}")


def _of_training(rule: str, wildcards: Mapping[str, str], settings: Settings, size: Sizes) -> Units:
    temporal, network = settings.temporal, settings.end_to_end
    folds, most, clips = settings.splits.folds, settings.finalize.max_epochs, size.clips
    name = wildcards.get("head") or wildcards.get("network") or wildcards.get("run") or ""
    if rule.startswith("experiment_") and name in settings.experiments.trained():
        own, kind = settings.of_run(name), settings.experiments.runs[name].of
    elif name in temporal.heads:
        own, kind = temporal.heads[name], name
    elif name in network.run:
        own, kind = network.of(name), name
    else:
        return Units(CONSTANT)
    on_frames = kind in ("c3d", "convlstm")
    epochs = network.epochs if on_frames else temporal.epochs
    amounts = {
        "fold": fold_steps(clips, own.augmentations, folds, epochs + most),
        "end_to_end_fold": fold_steps(clips, own.augmentations, folds, epochs + most),
        "final": final_steps(clips, own.augmentations, most),
        "end_to_end_final": final_steps(clips, own.augmentations, most),
        "control_neutral": final_steps(clips, own.augmentations, most),
        "other_splits_fold": fold_steps(clips, own.augmentations, folds, epochs),
        "experiment_fold": fold_steps(clips, own.augmentations, folds, epochs),
        "experiment_frames_fold": fold_steps(clips, own.augmentations, folds, epochs),
    }
    if rule.startswith("nested_"):
        within = (
            final_steps(clips, own.augmentations, 1) * (settings.nested.outer - 1) / settings.nested.outer
        )
        inner = settings.nested.inner
        amounts["nested_inner"] = within * (inner - 1) / inner * (epochs + most)
        amounts["nested_outer"] = within * most
    if rule == "search_head":
        counted = settings.search.greatest(name, "augmentations")
        augmentations = own.augmentations if counted is None else counted
        amounts[rule] = settings.search.trials * folds * fold_steps(clips, augmentations, folds, epochs)
    if rule not in amounts:
        return Units(CONSTANT)
    return Units(STEP, amounts[rule], _variant(kind, own, settings, on_frames))


def _variant(kind: str, own, settings: Settings, on_frames: bool) -> str:
    """Trainings of one variant cost the same a step."""
    if on_frames:
        return f"{kind} {own.frames}x{own.size}x{own.size}, {'-'.join(map(str, own.filters))}"
    layer = settings.features.layer
    return f"{kind} {own.units} on {settings.spatial.network}/{layer}"
