"""Accuracy, macro precision, recall and F1, and Cohen's kappa.

`measure` asks scikit-learn; `from_confusion` computes the same from confusion matrices, thousands at once,
for the bootstrap.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

METRICS = ("accuracy", "precision", "recall", "f1", "kappa")
"""Precision, recall and F1 are macro means: every class counts the same."""


def measure(emotion: Sequence[str], predicted: Sequence[str], emotions: Sequence[str]) -> dict[str, float]:
    """All METRICS of N predicted labels, from scikit-learn.

    A class that never occurs or is never predicted counts as 0 in the macro means. Kappa is 0 where it is
    undefined (only one class among labels and predictions).
    """
    from sklearn.metrics import accuracy_score, cohen_kappa_score, precision_recall_fscore_support

    labels = list(emotions)
    precision, recall, f1, _ = precision_recall_fscore_support(
        emotion, predicted, labels=labels, average="macro", zero_division=0
    )
    return {
        "accuracy": float(accuracy_score(emotion, predicted)),
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(f1),
        "kappa": float(cohen_kappa_score(emotion, predicted, labels=labels, replace_undefined_by=0.0)),
    }


def from_confusion(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """All METRICS from confusion matrices [...,K,K] of counts (rows: true class); each an array [...].

    Equal to `measure` on the labels that the counts stand for.
    """
    confusion = np.asarray(confusion, float)
    right = np.diagonal(confusion, axis1=-2, axis2=-1)
    occurs, said = confusion.sum(-1), confusion.sum(-2)
    n = occurs.sum(-1)
    precision, recall = _ratio(right, said), _ratio(right, occurs)
    observed = _ratio(right.sum(-1), n)
    by_chance = _ratio((occurs * said).sum(-1), n**2)
    return {
        "accuracy": observed,
        "precision": precision.mean(-1),
        "recall": recall.mean(-1),
        "f1": _ratio(2 * right, said + occurs).mean(-1),
        "kappa": _ratio(observed - by_chance, 1 - by_chance),
    }


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole, 0 where whole is 0."""
    return np.divide(part, whole, out=np.zeros(np.broadcast(part, whole).shape), where=whole != 0)
