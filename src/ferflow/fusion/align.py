"""The scores of several models for the same clips, row for row.

Cross-validation gives every training subject's clip one out-of-fold prediction per model, and the final
models predict the test subjects' clips. The first are for learning a fusion (weights, a stack, a choice), the
second for testing it: the two have no clip and no subject in common.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ferflow.errors import InputError, SplitError
from ferflow.evaluation.predictions import FOLDED, first_largest, scores

COLUMNS = ("clip_id", "subject_id", "emotion", "fold", "seed", "synthetic", "leaky")


@dataclass(frozen=True)
class Scores:
    """Predictions of M models for N clips.

    `clips` has the columns COLUMNS, sorted by clip; `probabilities` are [M,N,K], `truth` class indices [N],
    `protocol` is cv or test.
    """

    models: tuple[str, ...]
    protocol: str
    clips: pd.DataFrame
    probabilities: np.ndarray
    truth: np.ndarray

    def part(self, rows: np.ndarray) -> Scores:
        """The clips where bool `rows` [N] is true."""
        clips = self.clips[rows].reset_index(drop=True)
        return Scores(self.models, self.protocol, clips, self.probabilities[:, rows], self.truth[rows])

    def of(self, models: Sequence[str]) -> Scores:
        """These models alone, in this order."""
        chosen = [self.models.index(model) for model in models]
        return Scores(tuple(models), self.protocol, self.clips, self.probabilities[chosen], self.truth)

    @property
    def folds(self) -> list[int]:
        """The folds that occur, in order; none on the test set."""
        return [int(fold) for fold in sorted(self.clips["fold"].dropna().unique())]


def aligned(
    predictions: pd.DataFrame, models: Sequence[str], protocol: str, emotions: Sequence[str]
) -> Scores:
    """Scores of `models` under `protocol` from a checked predictions table (`predictions.read`).

    Raises InputError where a model has no such predictions, rows without scores, or other clips, labels,
    subjects or folds than the first model.
    """
    by_model = [_one(predictions, model, protocol, emotions) for model in models]
    first = by_model[0]
    for model, table in zip(models[1:], by_model[1:], strict=True):
        _refuse_other_clips(model, table, models[0], first, protocol)
    index = {emotion: k for k, emotion in enumerate(emotions)}
    return Scores(
        tuple(models),
        protocol,
        first[[*COLUMNS]].reset_index(drop=True),
        np.stack([scores(table, emotions) for table in by_model]),
        first["emotion"].map(index).to_numpy(int),
    )


def refuse_shared_subjects(learnt: Scores, evaluated: Scores) -> None:
    """Raise SplitError where a subject is among those a fusion is learnt from and those it is tested on."""
    known = set(learnt.clips["subject_id"]) - {""}
    both = sorted(known & set(evaluated.clips["subject_id"]))
    if both:
        raise SplitError(
            f"predictions ({learnt.protocol} and {evaluated.protocol})",
            f"subject {both[0]} is in both",
            "keep each subject on one side",
        )


def out_of_fold(scores: Scores, predict: Callable[[Scores, Scores], np.ndarray]) -> np.ndarray:
    """Probabilities [N,K] of all clips, those of each fold by `predict` from the other folds and the fold."""
    out = np.full(scores.probabilities.shape[1:], np.nan)
    for fold in scores.folds:
        held_out = (scores.clips["fold"] == fold).to_numpy()
        out[held_out] = predict(scores.part(~held_out), scores.part(held_out))
    return out


def fold_accuracy(probabilities: np.ndarray, clips: pd.DataFrame, truth: np.ndarray) -> float:
    """Accuracy of scores [N,K]: the mean over folds where the clips have folds, as in schema `results`."""
    right = pd.Series(first_largest(probabilities) == truth)
    if clips["fold"].isna().all():
        return float(right.mean())
    return float(right.groupby(clips["fold"].to_numpy(float)).mean().mean())


def _one(predictions: pd.DataFrame, model: str, protocol: str, emotions: Sequence[str]) -> pd.DataFrame:
    where = f"predictions of {model} ({protocol})"
    table = predictions[(predictions["model"] == model) & (predictions["protocol"] == protocol)]
    if table.empty:
        raise InputError(where, "are not there", "train that model, or take it out of the fusion")
    table = table.sort_values("clip_id", ignore_index=True)
    empty = np.isnan(scores(table, emotions)).any(1)
    if empty.any():
        clip = table["clip_id"][int(empty.argmax())]
        raise InputError(where, f"have no scores for clip {clip}", "fuse models that give scores")
    return table


def _refuse_other_clips(
    model: str, table: pd.DataFrame, first_model: str, first: pd.DataFrame, protocol: str
) -> None:
    where, remedy = f"predictions of {model} ({protocol})", "predict the same clips with every model"
    clips, first_clips = set(table["clip_id"]), set(first["clip_id"])
    if clips != first_clips:
        odd = min(clips ^ first_clips)
        problem = f"hold clip {odd}, which {first_model} lacks" if odd in clips else f"lack clip {odd}"
        raise InputError(where, problem, f"{remedy} ({len(clips ^ first_clips)} clips differ)")
    for column in ("emotion", "subject_id", *(["fold"] if protocol in FOLDED else [])):
        differs = np.flatnonzero(table[column].to_numpy() != first[column].to_numpy())
        if len(differs):
            row = differs[0]
            raise InputError(
                where,
                f"clip {table['clip_id'][row]}: {column} is {table[column][row]}, "
                f"but {first[column][row]} for {first_model}",
                "make both from one split",
            )
