"""The majority vote of a clip.

Of several emotions with the most votes the first one in the order of the classes wins: the rule for ties
everywhere. How many clips tie, and what the accuracy would be if every tie went well or badly, is said too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ferflow.evaluation.predictions import first_largest
from ferflow.humans.annotations import human_rows
from ferflow.humans.votes import Votes

MODEL = "human-majority"
SIMULATED_MODEL = "simulated-human-majority"


@dataclass(frozen=True)
class Majority:
    """Of N clips the `winner` (class index), whether several emotions `tied`, and whether the label is
    `among` those with the most votes; arrays [N]."""

    winner: np.ndarray
    tied: np.ndarray
    among: np.ndarray


def majority(votes: Votes) -> Majority:
    """The majority vote of every clip."""
    most = votes.counts.max(1, keepdims=True)
    first = votes.counts == most
    rows = np.arange(len(first))
    return Majority(first_largest(votes.counts), first.sum(1) > 1, first[rows, votes.labels])


def to_predictions(votes: Votes, simulated: bool, seed: int | None = None) -> pd.DataFrame:
    """Schema `predictions`, protocol `human`: the majority as one model, whose scores are shares of votes."""
    shares = votes.counts / votes.n[:, None]
    said = np.asarray(votes.emotions, object)[majority(votes).winner]
    scores = {f"p_{emotion}": shares[:, k] for k, emotion in enumerate(votes.emotions)}
    frame = votes.clips[["clip_id", "subject_id", "emotion"]].assign(predicted=said, **scores)
    return human_rows(frame.assign(model=SIMULATED_MODEL if simulated else MODEL), seed)
