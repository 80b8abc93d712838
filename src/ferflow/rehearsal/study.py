"""The settings of a rehearsal: a study's own, on fabricated data, with few epochs and trials."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

from ferflow.datasets import bu4dfe
from ferflow.errors import SettingError
from ferflow.rehearsal import clips, images
from ferflow.settings import Settings
from ferflow.settings.clips import BU4DFE
from ferflow.training import splits

STEPS = 2
"""Training steps of an epoch, and batches of a prediction."""
TRIALS = 2
"""Of a search: one drawn at random, one by its sampler."""
PER_JOB = 20
"""Subjects in a job: of a hundred jobs of few frames each most of the time would be their starts."""
RAW = PurePosixPath("data/raw")
GREATEST = ("units", "augmentations", "neurons", "layers")
"""Choices of a search of which the greatest asks for the most memory: a rehearsal tries no other."""


def named(study: str) -> str:
    """The study's name in its rehearsal: its results cannot be taken for those of the study."""
    return f"rehearsal-{study}"


def data(settings: Settings) -> dict[str, Any]:
    """What of the settings says where data lie, inside a rehearsal's folder; and no people's answers.

    SettingError for clips of which only the user's own table knows the names.
    """
    laid: dict[str, Any] = {}
    if settings.kind == "clips":
        own = settings.dataset
        if own.name == "manifest":
            problem = "is manifest: only their own table knows such clips"
            raise SettingError("dataset.name", problem, "rehearse a study of BU-4DFE or of rendered clips")
        if own.name == "bu4dfe":
            laid["dataset"] = {"root": _inside(own.root, BU4DFE)}
        laid |= {"humans": {"annotations": None, "votes": None}, "trim": {"overrides": None}}
        if "openface" in {settings.aus.backend, *settings.aus.compared}:
            laid["aus"] = {"openface_folder": str(RAW / "openface")}
    if settings.kind in ("clips", "images"):
        laid["stills"] = {"path": _inside(settings.stills.path)}
    if settings.kind == "images":
        folders = {name: _inside(path) for name, path in settings.images.folders.items() if path}
        laid["images"] = {"folders": folders}
    if settings.kind == "sfew":  # embedded scenes show nothing of SFEW's own layout
        path = settings.sfew.dataset.path if settings.sfew.dataset.name == "sfew" else "sfew"
        laid["sfew"] = {"dataset": {"name": "sfew", "path": _inside(path)}, "crops": {"manual_boxes": None}}
        # Of its own SFEW a study must say it.
        laid["sfew"]["transfer"] = {"start": settings.sfew.transfer.start or "imagenet"}
    if settings.kind == "affect":
        laid["affect"] = {"dataset": {"path": _inside(settings.affect.dataset.path)}}
    return laid


def _inside(path: str, usual: str | None = None) -> str:
    """A path below a rehearsal's folder for `path`, which may be anywhere."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or len(pure.parts) < 2:
        return usual or str(RAW / pure.name)
    return str(pure)


def cuts(settings: Settings) -> dict[str, Any]:
    """What a rehearsal lays over the study besides: its mark, one epoch, few trials, the largest choices."""
    laid = _cut(settings.model_dump(mode="json"), ())
    if settings.kind == "clips":
        laid["dataset"] = {"subjects_per_job": PER_JOB}
    return laid | {"study": named(settings.study), "rehearsal": STEPS}


def _cut(values: dict[str, Any], above: tuple[str, ...]) -> dict[str, Any]:
    """What changes in a section, by the names of its settings."""
    laid: dict[str, Any] = {}
    searched = "space" in above or "classifier" in above
    for name, value in values.items():
        if isinstance(value, dict):
            inner = _cut(value, (*above, name))
            laid |= {name: inner} if inner else {}
        elif name in ("epochs", "max_epochs") and value is not None:
            laid[name] = list(range(1, len(value) + 1)) if isinstance(value, list) else 1
        elif name == "trials":
            laid[name] = min(value, TRIALS)
        elif name == "startup":
            laid[name] = 1
        elif searched and name in GREATEST and isinstance(value, list):
            laid[name] = [max(value)] * (2 if name == "layers" else 1)  # of layers the least and the most
    return laid


def subjects(settings: Settings, count: int | None) -> list[str]:
    """The people of fabricated clips: all hundred of BU-4DFE, or `count` of them on all sides."""
    everyone = list(bu4dfe.SUBJECTS)
    if count is None or count >= len(everyone):
        return everyone
    sexes = {name: "female" if name[0] == "F" else "male" for name in everyone}
    own = settings.splits
    if own.scheme == "thesis":
        split = splits.thesis(sexes, own.folds, by_name=True)
        return clips.chosen([*split["folds"], split["test"]], count)
    return clips.chosen([[s for s in everyone if s[0] == letter] for letter in "FM"], count)


def fabricators(settings: Settings, people: list[str]) -> dict[str, Callable[[Path, Path], None]]:
    """What fabricates each of the study's data sets, by its place; called with the place and the weights."""
    made: dict[str, Callable[[Path, Path], None]] = {}
    if settings.kind == "clips" and settings.dataset.name == "bu4dfe":
        made[settings.dataset.root] = lambda at, weights: clips.write(at, weights, people)
    if settings.kind in ("clips", "images"):
        own = settings.stills
        needed = settings.kind == "images" or settings.trains_spatial()
        if needed and own.source in _STILLS:
            made[own.path] = _STILLS[own.source]
    if settings.kind == "images":
        made |= {path: _STILLS[name] for name, path in settings.images.folders.items() if path}
    if settings.kind == "sfew":
        made[settings.sfew.dataset.path] = images.write_sfew
    if settings.kind == "affect" and not settings.data()[1]:
        made[settings.affect.dataset.path] = images.write_affectnet
    return made


def _fer2013(at: Path, weights: Path) -> None:
    images.write_fer2013(at if at.suffix == ".csv" else at / "fer2013.csv", weights)


_STILLS: dict[str, Callable[[Path, Path], None]] = {
    "fer2013": _fer2013,
    "kdef": images.write_kdef,
    "jaffe": images.write_jaffe,
    "ckplus": images.write_ckplus,
}
"""By the names of the sets of images."""
