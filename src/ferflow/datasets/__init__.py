"""Data sets: each module lists clips; `listing` picks the one that a study names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ferflow.datasets import bu4dfe, listed, manifest
from ferflow.datasets.manifest import ListedClip
from ferflow.errors import InputError, SettingError
from ferflow.settings import Dataset, Settings


def clips(settings: Settings) -> list[ListedClip]:
    """Every clip of the study's data set by its name; opens none. Embedded ones may still be missing."""
    if settings.dataset.name != "synth4d":
        return listing(settings.dataset, settings.emotions)

    return [
        bu4dfe.named(subject, emotion, Path(settings.dataset.root) / f"{subject}_{emotion}_tex.avi")
        for subject in subjects(settings)
        for emotion in settings.emotions
    ]


def write_manifest(
    dataset: Dataset, emotions: Sequence[str], faces: Sequence[str | Path], out: str | Path
) -> None:
    """List the clips of a data set in the table `out` (schema manifest); raises as `listing`.

    `faces`: the files of the faces step, which has opened every clip.
    """
    manifest.build(listing(dataset, emotions), faces, out)


def subjects(settings: Settings) -> list[str]:
    """The subjects of the study's data set, sorted; for real data this lists names and opens no clip."""
    if settings.dataset.name == "synth4d":
        from ferflow.datasets import synth4d

        return synth4d.subjects(settings.synth4d)
    return sorted({clip.subject_id for clip in listing(settings.dataset, settings.emotions)})


def listing(dataset: Dataset, emotions: Sequence[str]) -> list[ListedClip]:
    """The clips of a data set, as their names or the user's table say.

    Raises SettingError where there is no table, InputError where it has no clip of one of `emotions`.
    """
    emotions = tuple(emotions)
    if dataset.name == "manifest":
        if dataset.manifest is None:
            raise SettingError("dataset.manifest", "is empty", "give the CSV that lists the clips")
        clips = listed.find(dataset.manifest, dataset.root, emotions)
        lacking = set(emotions) - {clip.emotion for clip in clips}
        if lacking:
            problem = f"has no clip of class {min(lacking, key=emotions.index)}"
            raise InputError(dataset.manifest, problem, "take it out of `emotions`, or list some")
        return clips

    # The synthetic set has its layout, but nobody is missing there.
    return bu4dfe.find(dataset.root, emotions, () if dataset.name == "synth4d" else bu4dfe.ABSENT)
