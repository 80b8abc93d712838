"""The manifest: one row per clip, whatever data set it comes from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from ferflow import tables
from ferflow.errors import InputError
from ferflow.faces.video import images_in, no_clip, open_clip
from ferflow.files import sha256

SYNTHETIC_MARK = "SYNTHETIC.txt"
"""A file of this name beside clips says that a generator made them, whatever the data set is called."""


@dataclass(frozen=True)
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
        named = {name: value for name, value in vars(self).items() if name != "further"}
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


def build(clips: Iterable[ListedClip], path: str | Path) -> None:
    """Open every clip for its frame count, size and rate, hash it, and write the manifest to `path`.

    One that cannot be opened is listed with 0 frames of 0×0 pixels: the faces step says why.
    """
    rows = []
    for clip in clips:
        try:
            info = open_clip(clip.source).info
        except InputError:
            info = no_clip(clip.source).info
        rows.append(
            clip.row(
                n_frames=info.n_frames,
                fps=info.fps,
                width=info.width,
                height=info.height,
                sha256=content_hash(clip.source),
                synthetic=is_synthetic(clip.source),
            )
        )
    if not rows:
        raise InputError(path, "there are no clips to list", "check the data set's folder")
    frame = pd.DataFrame(rows)
    frame = frame.drop(columns=[name for name in ("fold", "group_id") if not frame[name].any()])
    refuse_repeats(path, frame)
    tables.write(frame, path, "manifest")


def is_synthetic(source: Path) -> bool:
    """Whether the generator's mark lies beside the clip or in the folder above it."""
    return any((folder / SYNTHETIC_MARK).exists() for folder in (source.parent, source.parent.parent))


def content_hash(source: Path) -> str:
    """SHA-256 of a file; of a folder, of its images' names and hashes in order; empty if unreadable."""
    import hashlib

    try:
        if source.is_file():
            return sha256(source)
        listing = "".join(f"{file.name} {sha256(file)}\n" for file in images_in(source))
    except OSError:
        return ""
    return hashlib.sha256(listing.encode()).hexdigest()
