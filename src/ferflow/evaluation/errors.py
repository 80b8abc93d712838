"""The clips that a model got wrong."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ferflow import tables
from ferflow.evaluation.bootstrap import chunked_draws, interval
from ferflow.evaluation.predictions import KEY, WHO, codes, groups, scores
from ferflow.evaluation.results import LEAKY, marks, units
from ferflow.settings import Evaluation

THIRD = 0.01
"""Scores of further classes above this are marked in the thesis's table of errors."""
ALL = "all"


def errors(predictions: pd.DataFrame, emotions: Sequence[str]) -> pd.DataFrame:
    """Schema `errors`: misclassified clips with all class scores (thesis, Figure 3.29).

    Sorted by model, view, protocol, true class in the order of `emotions`, and clip.
    """
    wrong = predictions[predictions["emotion"] != predictions["predicted"]].copy()
    order = wrong["emotion"].map({emotion: i for i, emotion in enumerate(emotions)})
    wrong = wrong.assign(order=order, note=np.where(wrong["leaky"], LEAKY, ""))
    wrong = wrong.sort_values([*KEY, "order", "clip_id"])
    wrong["fold"] = wrong["fold"].astype("Int64")
    shares = [column for column in wrong.columns if column.startswith("p_")]
    columns = [*WHO, "fold", "clip_id", "subject_id", "emotion", "predicted"]
    return wrong[[*columns, *shares, "synthetic", "note"]].reset_index(drop=True)


def error_counts(
    predictions: pd.DataFrame, emotions: Sequence[str], settings: Evaluation, seed: int
) -> pd.DataFrame:
    """Schema `error_counts`: how many clips of each class are wrong, and what they were mistaken for.

    `third_class` counts those in which a class beside the true and the said one has a score above THIRD. The
    interval of a share draws subjects anew. Of equally frequent mistakes all are named.
    """
    rows = []
    for who, group in groups(predictions):
        wrong = group[group["emotion"] != group["predicted"]]
        third = _third(wrong, emotions)
        for emotion in (*emotions, ALL):
            mine = group if emotion == ALL else group[group["emotion"] == emotion]
            lost = wrong if emotion == ALL else wrong[wrong["emotion"] == emotion]
            low, high = _interval(mine, settings, seed)
            rows.append(
                who
                | {
                    "emotion": emotion,
                    "n_clips": len(mine),
                    "errors": len(lost),
                    "share": len(lost) / len(mine) if len(mine) else None,
                    "low": low,
                    "high": high,
                    "mistaken_for": "" if emotion == ALL else _most(lost["predicted"], emotions),
                    "third_class": None if third is None else int(third.loc[lost.index].sum()),
                }
                | marks(group)
            )
    frame = pd.DataFrame(rows, columns=tables.schema("error_counts").names)
    return frame.astype({"share": float, "low": float, "high": float, "third_class": "Int64"})


def _third(wrong: pd.DataFrame, emotions: Sequence[str]) -> pd.Series | None:
    """Whether a third class has a score above THIRD; None where there are no scores."""
    shares = scores(wrong, emotions).copy()
    if np.isnan(shares).any():
        return None
    rows = np.arange(len(wrong))
    for classes in codes(wrong, emotions):
        shares[rows, classes] = 0
    return pd.Series((shares > THIRD).any(1), index=wrong.index)


def _most(said: pd.Series, emotions: Sequence[str]) -> str:
    counts = said.value_counts()
    return ", ".join(e for e in emotions if len(counts) and counts.get(e, 0) == counts.max())


def _interval(part: pd.DataFrame, settings: Evaluation, seed: int) -> tuple[float | None, float | None]:
    names, unit = np.unique(units(part), return_inverse=True)
    if len(names) < 2:
        return None, None
    wrong = np.bincount(unit, (part["emotion"] != part["predicted"]).to_numpy(float))
    clips = np.bincount(unit).astype(float)
    drawn = chunked_draws(len(names), settings.bootstrap, np.random.default_rng(seed))
    return interval(np.concatenate([(c @ wrong) / (c @ clips) for c in drawn]), settings.confidence)
