"""The manifest: one row per clip, whatever data set it comes from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pandas as pd

from ferflow import tables
from ferflow.errors import InputError

SYNTHETIC_MARK = "SYNTHETIC.txt"
"""A file of this name beside clips says that a generator made them, whatever the data set is called."""
MEASURED = {"n_frames": "n_declared", "fps": "fps", "width": "width", "height": "height", "sha256": "sha256"}
"""Columns that say what a clip's file holds, and the facts of the faces step that they are from."""


@dataclass(frozen=True, slots=True)
class ListedClip:
    """A clip as its file name or the user's table gives it, before the file is opened.

    `further` are the cells of columns that the table has besides.
    """

    clip_id: str
    subject_id: str
    sex: str
    emotion: str
    source: Path
    split: str = ""
    fold: str = ""
    further: dict[str, str] = field(default_factory=dict)
    group_id: str = ""

    def row(self, **measured: object) -> dict[str, object]:
        """A row of schema `manifest`; `measured` is what its file says: frames, size, hash."""
        named = {name: getattr(self, name) for name in self.__slots__ if name != "further"}
        return {**named, "source": self.source.as_posix(), **measured, **self.further}


def read(path: str | Path) -> pd.DataFrame:
    """Read a manifest and check that its clips have different names."""
    manifest = tables.read(path, "manifest")
    refuse_repeats(path, manifest)
    return manifest


def refuse_repeats(path: str | Path, frame: pd.DataFrame) -> None:
    """Raise InputError where a `clip_id` stands twice."""
    repeated = frame.clip_id[frame.clip_id.duplicated()]
    if len(repeated):
        name = repeated.iloc[0]
        first, second = (frame.clip_id == name).to_numpy().nonzero()[0][:2] + tables.FIRST_LINE
        problem = f"clip {name} is listed twice (lines {first} and {second})"
        raise InputError(path, problem, "give each clip its own clip_id")


def resampling_units(manifest: pd.DataFrame) -> pd.Series:
    """Whom or what each clip's results hang on, the `subject_id` of its predictions: its group or subject."""
    return manifest["group_id" if "group_id" in manifest else "subject_id"]


def example(path: str | Path, clip_id: str) -> pd.Series:
    """The clip that pictures show: that of `clip_id`; where it is not listed, the last subject's first."""
    clips = read(path).sort_values("clip_id")
    rows = clips[clips["clip_id"] == clip_id]
    rows = rows if len(rows) else clips[clips["subject_id"] == clips["subject_id"].max()]
    return rows.iloc[0]


def copies(clips: pd.DataFrame) -> list[pd.DataFrame]:
    """Groups of clips (rows of schema `manifest`) whose files have the same content."""
    read = clips[clips["sha256"] != ""]
    return [own for _, own in read.groupby("sha256", sort=False) if len(own) > 1]


def build(clips: Sequence[ListedClip], faces: Iterable[str | Path], path: str | Path) -> None:
    """Write the manifest of `clips` to `path`, with what the files `faces` know of each from opening it.

    One that could not be opened is listed with 0 frames of 0×0 pixels: the table `unusable` says why. Raises
    InputError where there is no clip, or one that is in no file.
    """
    from ferflow.faces import store

    if not clips:
        raise InputError(path, "there are no clips to list", "check the data set's folder")
    unused = [name for name in ("fold", "group_id") if not any(getattr(clip, name) for clip in clips)]
    measured: dict[str, tuple] = {}
    for file in faces:
        for clip_id, facts in store.facts(file).items():
            lacking = [name for name in MEASURED.values() if name not in facts]
            if lacking:
                raise InputError(file, f"does not say the {lacking[0]} of {clip_id}", store.REMEDY)
            measured[clip_id] = tuple(facts[name] for name in MEASURED.values())
    refuse_repeats(path, pd.DataFrame({"clip_id": [clip.clip_id for clip in clips]}))
    missing = next((clip.clip_id for clip in clips if clip.clip_id not in measured), None)
    if missing is not None:
        raise InputError(path, f"no face was stored of {missing}", "run the faces step again")
    synthetic = cache(_is_marked)

    def row(clip: ListedClip) -> dict[str, object]:
        own = dict(zip(MEASURED, measured[clip.clip_id], strict=True))
        return clip.row(**own, synthetic=synthetic(clip.source.parent))

    slices = (clips[first : first + tables.SLICE] for first in range(0, len(clips), tables.SLICE))
    made = (pd.DataFrame(list(map(row, part))).drop(columns=unused) for part in slices)
    tables.write_slices(made, path, "manifest")


def is_synthetic(source: Path) -> bool:
    """Whether the generator's mark lies beside the clip or in the folder above it."""
    return _is_marked(source.parent)


def _is_marked(folder: Path) -> bool:
    return any((place / SYNTHETIC_MARK).exists() for place in (folder, folder.parent))
