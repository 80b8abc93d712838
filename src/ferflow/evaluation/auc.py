"""Area under the ROC curve of each class against the rest, and its bootstrap.

`areas` asks scikit-learn for one sample. `resampled_areas` computes the same for thousands of resamples: a
resample only weighs the rows anew, so the rows are sorted once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ferflow.evaluation.bootstrap import chunked_draws


def areas(truth: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """AUC [K] of each class against the rest for class indices `truth` [N] and probabilities `shares` [N,K].

    NaN for a class that no row has, or that every row has: it has no curve.
    """
    from sklearn.metrics import roc_auc_score

    found = np.full(shares.shape[1], np.nan)
    for k in range(shares.shape[1]):
        is_class = truth == k
        if is_class.any() and not is_class.all():
            found[k] = roc_auc_score(is_class, shares[:, k])
    return found


def macro(found: np.ndarray) -> np.ndarray:
    """Plain mean [...] of areas [...,K] over the classes that have one; NaN where none has."""
    there = ~np.isnan(found)
    n = there.sum(-1)
    total = np.where(there, found, 0).sum(-1)
    return np.divide(total, n, out=np.full(np.shape(total), np.nan), where=n > 0)


def resampled_areas(
    truth: np.ndarray, shares: np.ndarray, units: Sequence, n_resamples: int, rng: np.random.Generator
) -> np.ndarray:
    """AUCs [B,K] of B resamples of the units (subjects or images) that the rows belong to.

    A generator in the same state draws the same units as `bootstrap.resampled`.
    """
    names, unit = np.unique(np.asarray(units), return_inverse=True)
    ranks = [_Ranks(truth == k, shares[:, k], unit) for k in range(shares.shape[1])]
    return np.concatenate(
        [
            np.stack([rank.area(counts) for rank in ranks], axis=1)
            for counts in chunked_draws(len(names), n_resamples, rng)
        ]
    )


class _Ranks:
    """The rows of one class and of the rest in the order of their scores, ready to be weighed."""

    def __init__(self, is_class: np.ndarray, scores: np.ndarray, unit: np.ndarray) -> None:
        order = np.argsort(scores, kind="stable")
        self._unit, self._is_class = unit[order], is_class[order]
        ordered = scores[order]
        # Where each run of equal scores begins: a tie between a class row and another counts one half.
        self._starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])

    def area(self, counts: np.ndarray) -> np.ndarray:
        """AUC [B] where unit u is drawn `counts` [B,U] times (Mann-Whitney: the share of pairs in order)."""
        weights = counts[:, self._unit].astype(np.float64)
        inside = np.add.reduceat(weights * self._is_class, self._starts, axis=1)
        outside = np.add.reduceat(weights * ~self._is_class, self._starts, axis=1)
        below = np.cumsum(outside, axis=1) - outside
        pairs = inside.sum(1) * outside.sum(1)
        ordered = (inside * (below + outside / 2)).sum(1)
        return np.divide(ordered, pairs, out=np.full(len(counts), np.nan), where=pairs > 0)
