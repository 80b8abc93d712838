"""Data sets: each module lists clips; `listing` picks the one that a study names."""

from __future__ import annotations

from collections.abc import Sequence

from ferflow.classes import SEXES
from ferflow.datasets.manifest import ListedClip
from ferflow.errors import SettingError
from ferflow.settings import Dataset, Settings


def subjects(settings: Settings) -> list[str]:
    """The subjects of the study's data set, sorted; for real data this lists names and opens no clip."""
    if settings.dataset.name == "synth4d":
        from ferflow.datasets import synth4d

        return synth4d.subjects(settings.synth4d)
    return sorted({clip.subject_id for clip in listing(settings.dataset, settings.emotions)})


def grouped_by(settings: Settings) -> list[str]:
    """The columns of `evaluation.by` that put the study's clips into groups; opens no clip.

    Raises SettingError for one that the clips do not have.
    """
    from ferflow.evaluation.groups import used

    if settings.dataset.name == "manifest":
        from ferflow import tables

        columns = tables.read(settings.dataset.manifest, "clips").to_dict("list")
    else:
        columns = {"sex": SEXES, "emotion": settings.emotions}
    return used(columns, settings.evaluation.by)


def listing(dataset: Dataset, emotions: Sequence[str]) -> list[ListedClip]:
    """The clips of a data set, as their names or the user's table say."""
    emotions = tuple(emotions)
    if dataset.name == "manifest":
        from ferflow.datasets import listed

        if dataset.manifest is None:
            raise SettingError("dataset.manifest", "is empty", "give the CSV that lists the clips")
        return listed.find(dataset.manifest, dataset.root, emotions)
    from ferflow.datasets import bu4dfe

    # The synthetic set has its layout, but nobody is missing there.
    return bu4dfe.find(dataset.root, emotions, () if dataset.name == "synth4d" else bu4dfe.ABSENT)
