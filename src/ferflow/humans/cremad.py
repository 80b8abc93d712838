"""The vote counts that CREMA-D publishes for its clips (Cao, Cooper, Keutmann et al. 2014).

`fileName` is `<actor>_<sentence>_<intended emotion>_<level>`; the columns A, D, F, H, N and S count the
ratings, and `numResponses` is their sum. There is no surprise.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ferflow import tables
from ferflow.errors import InputError
from ferflow.humans.votes import Votes, checked

EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "neutral")
"""Its classes, in the order used everywhere."""
LETTERS = {"A": "angry", "D": "disgust", "F": "fear", "H": "happy", "S": "sad", "N": "neutral"}
INTENDED = {
    "ANG": "angry",
    "DIS": "disgust",
    "FEA": "fear",
    "HAP": "happy",
    "SAD": "sad",
    "NEU": "neutral",
}


def read(path: str | Path) -> Votes:
    """Read the table (.csv or .csv.gz); a clip's label is the emotion that the actor intended.

    Raises InputError for a missing column, a name without a known emotion, a sum that differs from
    `numResponses`, a clip that stands twice or has no votes.
    """
    frame = tables.read(path, "cremad_votes")
    parts = frame["fileName"].str.split("_")
    emotion = parts.str[2].map(INTENDED)
    _refuse(path, frame, emotion.isna(), "its third part is not an emotion of CREMA-D")
    total = frame[list(LETTERS)].sum(axis=1)
    _refuse(path, frame, total != frame["numResponses"], "the votes do not add up to numResponses")
    clips = pd.DataFrame(
        {"clip_id": frame["fileName"], "subject_id": parts.str[0], "emotion": emotion, "synthetic": False}
    )
    counts = frame.rename(columns=LETTERS)[list(EMOTIONS)].to_numpy(np.int64)
    return checked(clips, counts, EMOTIONS, path)


def _refuse(path: str | Path, frame: pd.DataFrame, bad: pd.Series, problem: str) -> None:
    rows = np.flatnonzero(bad.to_numpy())
    if len(rows):
        clip = frame["fileName"].iloc[rows[0]]
        raise InputError(path, f"line {rows[0] + 2}, clip {clip}: {problem}", "correct the table")
