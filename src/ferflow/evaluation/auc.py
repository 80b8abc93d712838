"""Area under the ROC curve of each class against the rest, and its bootstrap.

`areas` is scikit-learn's, for one sample. `resampled_areas` computes the same for thousands of resamples: a
resample only changes the weights of the rows, so the rows are sorted once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ferflow.evaluation.bootstrap import chunked_draws


def areas(truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """AUC [K] of each class against the rest from class indices `truth` [N] and `probabilities` [N,K].

    NaN for a class that no row has, or that every row has: it has no curve.
    """
    from sklearn.metrics import roc_auc_score

    values = np.full(probabilities.shape[1], np.nan)
    for k in range(probabilities.shape[1]):
        is_class = truth == k
        if is_class.any() and not is_class.all():
            values[k] = roc_auc_score(is_class, probabilities[:, k])
    return values


def average_precisions(truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Average precision [K] of each class against the rest: the area under precision over recall, AUC-PR.

    `truth` are class indices [N], `probabilities` [N,K]. NaN for a class that no row has.
    """
    from sklearn.metrics import average_precision_score

    values = np.full(probabilities.shape[1], np.nan)
    for k in range(probabilities.shape[1]):
        if (truth == k).any():
            values[k] = average_precision_score(truth == k, probabilities[:, k])
    return values


def macro(values: np.ndarray) -> np.ndarray:
    """Plain mean [...] of areas [...,K] over the classes that have one; NaN where none has."""
    there = ~np.isnan(values)
    n = there.sum(-1)
    total = np.where(there, values, 0).sum(-1)
    return np.divide(total, n, out=np.full(np.shape(total), np.nan), where=n > 0)


def resampled_areas(
    truth: np.ndarray, probabilities: np.ndarray, units: Sequence, n_resamples: int, rng: np.random.Generator
) -> np.ndarray:
    """AUCs [B,K] of B resamples of the units (subjects or images) that the rows belong to.

    A generator in the same state draws the same units as `bootstrap.resampled`.
    """
    names, unit = np.unique(np.asarray(units), return_inverse=True)
    ranks = [_Ranks(truth == k, probabilities[:, k], unit) for k in range(probabilities.shape[1])]
    return np.concatenate(
        [
            np.stack([rank.area(counts) for rank in ranks], axis=1)
            for counts in chunked_draws(len(names), n_resamples, rng)
        ]
    )


class _Ranks:
    """The rows of one class and of the rest in the order of their scores, ready to be weighed."""

    def __init__(self, is_class: np.ndarray, scores: np.ndarray, unit: np.ndarray) -> None:
        rest = np.sort(scores[~is_class])
        self._rest = unit[~is_class][np.argsort(scores[~is_class], kind="stable")]
        self._class = unit[is_class]
        # How many of the rest lie below each row of the class, and how many not above; a tie counts one half.
        self._below = np.searchsorted(rest, scores[is_class], "left")
        self._not_above = np.searchsorted(rest, scores[is_class], "right")

    def area(self, counts: np.ndarray) -> np.ndarray:
        """AUC [B] where unit u is drawn `counts` [B,U] times (Mann-Whitney: the share of pairs in order)."""
        times = counts.T.astype(np.float64)
        weights = times[self._class]
        before = np.zeros((len(self._rest) + 1, len(counts)))
        np.cumsum(times[self._rest], axis=0, out=before[1:])
        middle = (before[self._below] + before[self._not_above]) / 2
        pairs = weights.sum(0) * before[-1]
        ordered = np.einsum("nb,nb->b", weights, middle)
        return np.divide(ordered, pairs, out=np.full(len(counts), np.nan), where=pairs > 0)
