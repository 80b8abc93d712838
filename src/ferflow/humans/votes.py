"""Vote counts per clip: how many annotators chose each emotion.

`read_cremad` reads those that CREMA-D publishes (Cao, Cooper, Keutmann et al. 2014). There `fileName` is
`<actor>_<sentence>_<intended emotion>_<level>`; the columns A, D, F, H, N and S count the ratings, and
`numResponses` is their sum. There is no surprise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ferflow import tables
from ferflow.classes import match
from ferflow.errors import InputError
from ferflow.evaluation.predictions import refuse_rows

PREFIX = "votes_"
"""May stand before an emotion's name in a column."""
REMEDY = "correct or leave out the row"


@dataclass(frozen=True)
class Votes:
    """Votes about N clips.

    `clips` has the columns clip_id, subject_id, emotion (the label) and synthetic, N rows; `counts` is int64
    [N,K], how many annotators chose each of the K `emotions`. Every clip has a vote and a label among them.
    """

    clips: pd.DataFrame
    counts: np.ndarray
    emotions: tuple[str, ...]

    @property
    def labels(self) -> np.ndarray:
        """Class index of each clip's label, int [N]."""
        return self.clips["emotion"].map({e: k for k, e in enumerate(self.emotions)}).to_numpy(int)

    @property
    def n(self) -> np.ndarray:
        """Votes of each clip, int [N]."""
        return self.counts.sum(1)

    @property
    def right(self) -> np.ndarray:
        """Votes for each clip's label, int [N]."""
        return self.counts[np.arange(len(self.counts)), self.labels]

    def about(self, chosen: np.ndarray) -> Votes:
        """The votes of the clips where `chosen`, bool [N]."""
        return Votes(self.clips[chosen].reset_index(drop=True), self.counts[chosen], self.emotions)


def read(path: str | Path, manifest: pd.DataFrame, emotions: Sequence[str]) -> Votes:
    """Read a CSV of `clip_id` and a column of counts per emotion, named `angry` or `votes_angry` and so on.

    `manifest` lists the clips (clip_id, subject_id, emotion, synthetic). An emotion without a column got no
    votes. Raises InputError for a column that is no emotion, a count that is not a whole number, a clip that
    is not in the manifest, stands twice, or has no votes.
    """
    frame = tables.read(path, "votes")
    named = {column: _emotion(column, emotions) for column in frame.columns if column != "clip_id"}
    odd = [column for column, emotion in named.items() if emotion is None]
    if odd:
        classes = ", ".join(emotions)
        raise InputError(path, f"the column {odd[0]} is not among the classes", f"name the columns {classes}")
    names = list(named.values())
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise InputError(path, f"has two columns of {repeated[0]}", "keep one")
    unknown = ~frame["clip_id"].isin(manifest["clip_id"])
    refuse_rows(path, frame, unknown, "it is not in the manifest", REMEDY)
    listed = manifest.set_index("clip_id").loc[frame["clip_id"]].reset_index()
    counts = frame.rename(columns=named).reindex(columns=list(emotions), fill_value=0)
    return checked(listed, counts.to_numpy(), emotions, path)


def checked(clips: pd.DataFrame, counts: np.ndarray, emotions: Sequence[str], where: str | Path) -> Votes:
    """Votes about `clips`, `counts` [N,K] row for row; InputError for a clip twice or without votes."""
    refuse_rows(where, clips, clips["clip_id"].duplicated(), "it stands twice", REMEDY)
    refuse_rows(where, clips, counts.sum(1) == 0, "it has no votes", REMEDY)
    order = np.argsort(clips["clip_id"].to_numpy(), kind="stable")
    about = clips[["clip_id", "subject_id", "emotion", "synthetic"]].iloc[order].reset_index(drop=True)
    return Votes(about, np.asarray(counts, np.int64)[order], tuple(emotions))


def _emotion(column: str, emotions: Sequence[str]) -> str | None:
    """The class that a column counts; a class may itself begin with PREFIX."""
    name = column.strip()
    bare = name[len(PREFIX) :] if name.lower().startswith(PREFIX) else name
    return match(name, emotions) or match(bare, emotions)


CREMAD_LETTERS = {"A": "angry", "D": "disgust", "F": "fear", "H": "happy", "S": "sad", "N": "neutral"}
CREMAD_EMOTIONS = tuple(CREMAD_LETTERS.values())
"""Its classes, in the order used everywhere."""
CREMAD_INTENDED = {emotion[:3].upper(): emotion for emotion in CREMAD_EMOTIONS}
"""Its codes of intended emotions: ANG, DIS, ..."""


def read_cremad(path: str | Path) -> Votes:
    """Read the table (.csv or .csv.gz); a clip's label is the emotion that the actor intended.

    Raises InputError for a missing column, a name without a known emotion, a sum that differs from
    `numResponses`, a clip that stands twice or has no votes.
    """
    frame = tables.read(path, "cremad_votes")
    parts = frame["fileName"].str.split("_")
    emotion = parts.str[2].map(CREMAD_INTENDED)
    where, remedy = (path, frame), ("correct the table", "fileName")
    refuse_rows(*where, emotion.isna(), "its third part is not an emotion of CREMA-D", *remedy)
    total = frame[list(CREMAD_LETTERS)].sum(axis=1)
    differs = total != frame["numResponses"]
    refuse_rows(*where, differs, "the votes do not add up to numResponses", *remedy)
    clips = pd.DataFrame(
        {"clip_id": frame["fileName"], "subject_id": parts.str[0], "emotion": emotion, "synthetic": False}
    )
    counts = frame.rename(columns=CREMAD_LETTERS)[list(CREMAD_EMOTIONS)].to_numpy(np.int64)
    return checked(clips, counts, CREMAD_EMOTIONS, path)
