"""How many images of each class a data set holds, by its names or tables: no face is searched for."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from ferflow.classes import EMOTIONS_CONTEMPT
from ferflow.datasets import ckplus, jaffe, kdef
from ferflow.datasets.images import is_synthetic_root
from ferflow.errors import SettingError
from ferflow.settings import Sequences


class Counted(NamedTuple):
    """The images of one copy of a data set."""

    images: dict[str, int]
    """By class, in the order of classes.EMOTIONS_CONTEMPT; 0 where there is none."""
    form: str
    """What kind of copy it is, where that bears on the numbers; else empty."""
    synthetic: bool

    @property
    def total(self) -> int:
        return sum(self.images.values())


def count(name: str, root: str | Path, sequences: Sequences) -> Counted:
    """Count the images of `name` (ckplus, jaffe or kdef) at `root`, those without a face included.

    Raises InputError for what is wrong with the files, SettingError for another name.
    """
    root = Path(root)
    if name == "ckplus" and not ckplus.has_sequences(root):
        emotions, form = ckplus.read(root).table["emotion"], "faces of 48×48"
    elif name == "ckplus":
        listed, _ = ckplus.find(root, sequences)
        emotions = pd.Series([clip.emotion for clip in listed])
        form = f"the last {sequences.peak} frames of each sequence"
        form += " and its first as neutral" if sequences.neutral else ""
    elif name == "jaffe":
        emotions, form = pd.Series([clip.emotion for clip in jaffe.find(root)]), ""
    elif name == "kdef":
        listed = kdef.find(root)
        averages = sum(kdef.is_average(clip) for clip in listed)
        emotions = pd.Series([clip.emotion for clip in listed])
        form = f"{len(listed) - averages} of KDEF, {averages} of AKDEF"
    else:
        raise SettingError("images.folders", f"{name!r} cannot be counted", "name ckplus, jaffe or kdef")
    return Counted(by_class(emotions), form, is_synthetic_root(root))


def by_class(emotions: pd.Series) -> dict[str, int]:
    """How often each of classes.EMOTIONS_CONTEMPT occurs in `emotions`."""
    found = emotions.value_counts()
    return {emotion: int(found.get(emotion, 0)) for emotion in EMOTIONS_CONTEMPT}
