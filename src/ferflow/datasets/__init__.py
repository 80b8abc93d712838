"""Data sets: each module lists clips; `listing` picks the one that a study names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

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


def resolved(settings: Settings) -> Settings:
    """`settings` with the number of folds and the share of test subjects that the data set's clips give.

    Scheme `leave_one_out` has as many folds as subjects, `given` those of the user's column; subjects may be
    marked as test there, too. Opens no clip. Raises SplitError where the clips cannot be split so.
    """
    from ferflow.training import splits

    own = settings.splits
    if settings.dataset.name == "synth4d":
        from ferflow.datasets import synth4d

        people = synth4d.subjects(settings.synth4d)
        clips = [ListedClip(name, name, SEXES[name[0] == "M"], "", Path()) for name in people]
    else:
        clips = listing(settings.dataset, settings.emotions)
    split = splits.of_clips(
        own.scheme,
        clips,
        own.folds,
        own.test_share,
        settings.seed,
        settings.protocol,
        by_name=settings.dataset.name == "bu4dfe",
    )
    share, n_test = own.test_share, len(split["test"])
    if own.tested != bool(n_test):
        share = n_test / (n_test + sum(map(len, split["folds"])))
    return settings.model_copy(
        update={"splits": own.model_copy(update={"folds": len(split["folds"]), "test_share": share})}
    )


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
