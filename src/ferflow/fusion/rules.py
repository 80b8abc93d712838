"""The rules that the thesis fuses by (its equations 3.1 to 3.3)."""

from __future__ import annotations

import numpy as np

from ferflow.evaluation import ensemble
from ferflow.fusion.align import Scores, fold_accuracy

RULES = ("average", "weighted", "maximum")


def weighted(shares: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean [N,K] of probabilities [M,N,K] with `weights` [M], all at least 0 and not all 0.

    Equation 3.2 divides by the number of models; dividing by the sum of the weights gives the same winners,
    and probabilities. Raises ValueError for other weights.
    """
    weights = np.asarray(weights, float)
    if weights.shape != shares.shape[:1] or (weights < 0).any() or weights.sum() <= 0:
        raise ValueError(f"{len(shares)} models need as many weights of 0 or more, not {weights}")
    return np.tensordot(weights / weights.sum(), shares, axes=1)


def maximum(shares: np.ndarray) -> np.ndarray:
    """Greatest probability [N,K] that any of M models [M,N,K] gives each class, made to sum to one."""
    greatest = np.asarray(shares, float).max(axis=0)
    return greatest / greatest.sum(axis=1, keepdims=True)


def fuse(shares: np.ndarray, rule: str, weights: np.ndarray) -> np.ndarray:
    """Probabilities [N,K] of M models [M,N,K] as one by `rule`; `weights` [M] count for `weighted` alone.

    Raises ValueError for an unknown rule.
    """
    if rule == "average":
        return ensemble.average(list(shares))
    if rule == "weighted":
        return weighted(shares, weights if np.any(weights) else np.ones(len(weights)))  # none is ever right
    if rule == "maximum":
        return maximum(shares)
    raise ValueError(f"no rule {rule}; there are {', '.join(RULES)}")


def cross_fitted(scores: Scores, rule: str) -> np.ndarray:
    """Probabilities [N,K] by `rule` of out-of-fold clips: those of a fold with the weights of the others."""
    found = np.empty(scores.shares.shape[1:])
    for fold in scores.folds:
        held_out = (scores.clips["fold"] == fold).to_numpy()
        weights = accuracies(scores.part(~held_out))
        found[held_out] = fuse(scores.shares[:, held_out], rule, weights)
    return found


def accuracies(scores: Scores) -> np.ndarray:
    """Accuracy [M] of each model, the mean over folds: W_i of equation 3.2, from cross-validation."""
    return np.array([fold_accuracy(shares, scores.clips, scores.truth) for shares in scores.shares])
