"""Whether a study can run, as far as that can be known before its first job.

`look` holds the settings against the data and files that are there, and opens no clip and no image. The
workflow calls it when it starts, and `ferflow check` prints what it finds: both refuse the same.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from ferflow import datasets, layout, shards, tables, weights
from ferflow.classes import EMOTIONS_NEUTRAL, match
from ferflow.datasets import affectnet, sfew
from ferflow.datasets.manifest import ListedClip
from ferflow.errors import FerflowError, InputError, SettingError, SplitError
from ferflow.evaluation.groups import grouped_by
from ferflow.fusion import rules, stacking
from ferflow.humans import annotations as human_answers
from ferflow.humans import votes
from ferflow.networks import BACKBONES, NETWORKS
from ferflow.settings import (
    SHIPPED,
    AffectSettings,
    ClipSettings,
    ImageSettings,
    Settings,
    SfewSettings,
    Spatial,
)
from ferflow.settings.decided import resolved
from ferflow.settings.scenes import rendered
from ferflow.settings.sfew import Sfew
from ferflow.sfew import folds
from ferflow.training import nested, splits


@dataclass(frozen=True)
class Ready:
    """A study that can run.

    `settings` are the study's, less what its data do not allow. `by` are the columns that its results are
    grouped by. A study of clips has `clips`, and `split` as in splits.json. `images` counts what is listed
    of each class, where that is known. `notes` say what is lacking; `decided` is a line on what `auto` in
    the settings of clips came to, or "".
    """

    settings: Settings
    clips: tuple[ListedClip, ...] = ()
    by: tuple[str, ...] = ()
    split: dict = field(default_factory=dict)
    images: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    decided: str = ""

    @property
    def subjects(self) -> list[str]:
        """The people in the clips, sorted."""
        return sorted({clip.subject_id for clip in self.clips})


def look(settings: Settings, weights_folder: str | Path = layout.WEIGHTS) -> Ready:
    """Everything about the study that can be known before it runs.

    Paths in the settings are relative to the working folder. Raises FerflowError for the first thing that
    would stop a job: data or a file that is not there, a table with a wrong column or name, too few subjects
    for the folds, pretrained weights that nobody can fetch.
    """
    of_kind = {"clips": _clips, "images": _images, "sfew": _sfew, "affect": _affect}
    return of_kind[settings.kind](settings, Path(weights_folder))


def _clips(settings: ClipSettings, folder: Path) -> Ready:
    settings, decided = resolved(settings, folder)
    clips = datasets.clips(settings)
    if not clips:
        raise SettingError(settings.dataset.name, "has no clip", "list some, or set synth4d's women or men")
    columns = {name: [getattr(clip, name) for clip in clips] for name in ListedClip.__slots__}
    about = pd.DataFrame(columns).assign(synthetic=settings.data()[1])
    sexes = dict(zip(about["subject_id"], about["sex"], strict=True))
    settings = _sharded(settings, len(sexes))
    split, settings = splits.planned(settings, clips)
    if settings.splits.compared:
        splits.regrouped(split, sexes, settings.seed)
    if settings.nested.heads:
        nested.make(sexes, settings.nested.outer, settings.nested.inner, settings.seed)
    _fusion(settings, split)
    _baselines(settings)
    if settings.sees_images():
        _recipe(settings.spatial, "spatial", settings, folder)
    _action_units(settings, about)
    _overrides(settings, about)
    _humans(settings, about, split)
    by, notes = grouped_by(settings), tuple(_lacking(settings, about, split))
    return Ready(settings, tuple(clips), tuple(by), split, notes=notes, decided=decided)


def _sharded(settings: ClipSettings, subjects: int) -> ClipSettings:
    """The settings with the number of subjects that a job handles."""
    each = settings.dataset.subjects_per_job or shards.size(subjects)
    dataset = settings.dataset.model_copy(update={"subjects_per_job": each})
    return settings.model_copy(update={"dataset": dataset})


def _lacking(settings: ClipSettings, about: pd.DataFrame, split: dict) -> list[str]:
    """Notes: who is on no side; which side, or what is trained on without a fold, lacks a class."""
    notes = list(split.get("notes", []))
    sides = {"the test side": split["test"]} if split["test"] else {}
    for number in range(len(split["folds"])):
        rest = [s for other, fold in enumerate(split["folds"]) if other != number for s in fold]
        sides[f"what is trained on without fold {number}"] = rest
    for name, subjects in sides.items():
        there = set(about.loc[about["subject_id"].isin(subjects), "emotion"])
        lost = [one for one in settings.emotions if one not in there]
        if lost:
            notes.append(f"{name} has no clip of {', '.join(lost)}")
    return notes


def _fusion(settings: ClipSettings, split: dict) -> None:
    for where, names in rules.asked(settings.fusion).items():
        rules.resolve(names, settings.fusible(), f"fusion.{where}")
    if settings.fusion.stacking is not None:
        sizes = [len(fold) for fold in split["folds"]]
        stacking.refuse_few(sum(sizes) - max(sizes))


def _baselines(settings: ClipSettings) -> None:
    """Refuse a mean over probabilities of classes that the network for single images does not know."""
    unknown = [name for name in settings.emotions if name not in EMOTIONS_NEUTRAL]
    averaged = [name for name in settings.baselines.run if name in ("mean", "weighted_mean")]
    if unknown and averaged:
        problem = f"names {averaged[0]}, but the image network does not know the class {unknown[0]}"
        own = match(unknown[0], EMOTIONS_NEUTRAL)
        remedy = f"take {' and '.join(averaged)} out"
        raise SettingError("baselines.run", problem, f"write {own}, or {remedy}" if own else remedy)


def _recipe(own: Spatial, where: str, settings: ClipSettings | ImageSettings, folder: Path) -> None:
    """Refuse a network for single images whose weights or images are not there."""
    if own.weights == SHIPPED:
        return
    if own.weights is not None:
        if not Path(own.weights).is_file():
            remedy = f"correct {where}.weights, or set it to null to train the network"
            raise InputError(own.weights, "does not exist", remedy)
        return
    _stills(settings)
    if own.pretrained is None:
        return
    if (folder / own.pretrained).is_file():
        weights.refuse_another(folder / own.pretrained)
    else:
        _fetchable(own, f"{where}.pretrained")


def _fetchable(own: Spatial, where: str) -> None:
    """Refuse published weights that are not in the list, or that are another network's."""
    weight = weights.entry(own.pretrained)
    fitting = NETWORKS[own.network].pretrained
    if weight.name not in fitting:
        remedy = f"choose from {', '.join(fitting)}" if fitting else f"only {', '.join(BACKBONES)} have any"
        raise SettingError(where, f"{weight.name} are no weights of {own.network}", remedy)


def _stills(settings: ClipSettings | ImageSettings) -> None:
    path = settings.stills.path
    if settings.kind == "clips" and settings.stills.by_subject:
        problem = f"is {settings.stills.source}, which a study of clips cannot learn from"
        raise SettingError("stills.source", problem, "choose fer2013 or synth4d, or set kind: images")
    if settings.stills.source != "synth4d" and not Path(path).exists():
        raise InputError(
            path,
            "does not exist",
            f"put the images of {settings.stills.source} there, or correct stills.path",
        )


def _action_units(settings: ClipSettings, about: pd.DataFrame) -> None:
    aus = settings.aus
    backends = {aus.backend, *aus.compared}
    if "pyfeat" in backends and find_spec("feat") is None:
        remedy = "install it with pip install ferflow[pyfeat], or take another backend"
        raise SettingError("aus.backend", "pyfeat is not installed", remedy)
    if "openface" not in backends:
        return
    for clip_id in about["clip_id"]:
        path = aus.openface_table(clip_id)
        if not Path(path).is_file():
            raise InputError(path, "does not exist", "run OpenFace's FeatureExtraction on the clip")


def _overrides(settings: ClipSettings, about: pd.DataFrame) -> None:
    path = settings.trim.overrides
    if path is None:
        return
    listed = tables.read(path, "trim_overrides")
    unknown = listed["clip_id"][~listed["clip_id"].isin(about["clip_id"])]
    if len(unknown):
        raise InputError(path, f"names the clip {unknown.iloc[0]}, which is not in the data", "correct it")


def _humans(settings: ClipSettings, about: pd.DataFrame, split: dict) -> None:
    """Refuse answers that the job which reads them would refuse."""
    source = settings.humans.source(settings.dataset.name)
    if source not in ("annotations", "votes"):
        return
    path = getattr(settings.humans, source)
    if not Path(path).exists():
        raise InputError(path, "does not exist", f"correct humans.{source}, or set it to null")
    test = split["test"]
    tested = about[about["subject_id"].isin(test)] if test else about  # see humans.annotations
    if source == "annotations":
        human_answers.only(human_answers.read(path, about, settings.emotions), tested, path)
    else:
        votes.read(path, about, settings.emotions)


def _images(settings: ImageSettings, folder: Path) -> Ready:
    _stills(settings)  # its images are counted, whatever is trained
    images = settings.images.of_copies(lambda path: Path(path).exists())
    notes = [
        f"images.models.{name}: trained without {one}, of which there is no copy"
        for name, own in images.trained().items()
        for one in settings.images.models[name].further
        if one not in own.further
    ]
    settings = settings.model_copy(update={"images": images})
    for name, model in settings.images.trained().items():
        _recipe(model.recipe(), f"images.models.{name}", settings, folder)
    notes += [
        f"images.models.{name}: not run ({own.not_run})"
        for name, own in settings.images.models.items()
        if own.not_run
    ]
    averaged = settings.images.averaged()
    notes += [
        f"images.ensembles.{name}: left out, as not all of its networks are run"
        for name in settings.images.ensembles
        if name not in averaged
    ]
    notes += [
        f"images.folders.{name}: {path} does not exist, and is not counted"
        for name, path in settings.images.folders.items()
        if path and not Path(path).exists()
    ]
    return Ready(settings, by=tuple(grouped_by(settings)), notes=tuple(notes))


def _sfew(settings: SfewSettings, folder: Path) -> Ready:
    about = settings.sfew
    if not about.transfer.runs:
        remedy = "take the paper's with `base: sfew.yaml` (workflow/studies), or name one"
        raise SettingError("sfew.transfer.runs", "names no network", remedy)
    boxes = about.crops.manual_boxes
    if boxes is not None:
        tables.read(boxes, "manual_boxes")
    notes = []
    if settings.data()[1]:
        counts = _rendered(about)
        films = min(about.scenes.films, max(counts.values()))
    else:
        scenes = sfew.find(about.dataset.path)
        counts = Counter(scene.emotion for scene in scenes)
        films = len({scene.group_id for scene in scenes})
        if "spi" in about.transfer.protocols and not any(scene.split for scene in scenes):
            notes.append(f"protocol spi: not run, {about.dataset.path} has no lists of its two sets")
            about = about.without("spi")
    about = about.without()
    if not about.transfer.trained():
        why = f" ({notes[0]})" if notes else ""
        remedy = "name a network and a protocol for it"
        raise SettingError("sfew.transfer", f"no network is left under its protocols{why}", remedy)
    if about.transfer.wants_start():
        if settings.data()[1]:
            transfer = about.transfer.model_copy(update={"start": "untrained"})
            about = about.model_copy(update={"transfer": transfer})
        else:
            remedy = (
                "write imagenet, from which the paper's networks start, or untrained to have random weights"
            )
            raise SettingError("sfew.transfer.start", "is not set, and the images are real", remedy)
    for protocol in dict.fromkeys([*about.transfer.under(), *about.handmade.under()]):
        if protocol != "spi":  # has two sets of its own
            folds.refuse_few(counts, films, protocol, about.transfer.folds)
        elif settings.data()[1] and films < 2:
            remedy = "render more, or leave spi out"
            raise SplitError("protocol spi", "one film is too few for two sets", remedy)
    found = settings.model_copy(update={"sfew": about})
    return Ready(found, by=tuple(grouped_by(settings)), images=counts, notes=tuple(notes))


def _rendered(about: Sfew) -> dict[str, int]:
    """Scenes of each class in the embedded set; SettingError where all of them are too small."""
    made = about.scenes
    if min(made.width, made.height) < about.dataset.smallest:
        problem = f"{about.dataset.smallest} is more than the {made.width}x{made.height} pixels of a scene"
        raise SettingError("sfew.dataset.smallest", problem, "lower it")
    return {emotion: rendered(emotion, made.per_class) for emotion in EMOTIONS_NEUTRAL}


def _affect(settings: AffectSettings, folder: Path) -> Ready:
    if not settings.affect.models:
        remedy = "lay a study over params.yaml, as workflow/studies/affect.yaml"
        raise FerflowError("affect.models", "names no network", remedy)
    path = settings.affect.dataset.path
    if not settings.data()[1]:
        if not Path(path).exists():
            raise InputError(path, "does not exist", "put AffectNet there, or correct affect.dataset.path")
        affectnet.folders(path)
    return Ready(settings, by=tuple(grouped_by(settings)))
