"""Accuracy, macro precision, recall and F1, F1 weighted by class size, Cohen's kappa, and the macro AUC.

`measure` calls scikit-learn; `from_confusion` computes the same from confusion matrices, thousands at once,
for the bootstrap. The AUC needs the probabilities and lives in `auc.py`.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

METRICS = ("accuracy", "precision", "recall", "f1", "weighted_f1", "kappa")
"""Metrics of labels alone. Precision, recall and F1 are macro means: every class that occurs among the true
labels counts the same; in `weighted_f1` a class counts by its number of images (the compact study does not
say which F1 it prints)."""
SCORED = ("auc",)
"""Metrics of the probabilities: the macro mean of the areas under the ROC curves, class against rest."""


def measure(emotion: Sequence[str], predicted: Sequence[str], emotions: Sequence[str]) -> dict[str, float]:
    """All METRICS of N predicted labels, from scikit-learn.

    The macro means are over the classes that occur among the true labels; one of these that is never
    predicted has a precision of 0. Kappa is 0 where it is undefined (only one class among labels and
    predictions).
    """
    from sklearn.exceptions import UndefinedMetricWarning
    from sklearn.metrics import accuracy_score, cohen_kappa_score, precision_recall_fscore_support

    labels, present = list(emotions), set(emotion)
    occurring = [name for name in labels if name in present]
    precision, recall, f1, _ = precision_recall_fscore_support(
        emotion, predicted, labels=occurring, average="macro", zero_division=0
    )
    weighted = precision_recall_fscore_support(
        emotion, predicted, labels=labels, average="weighted", zero_division=0
    )[2]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)  # it is replaced all the same
        kappa = cohen_kappa_score(emotion, predicted, labels=labels, replace_undefined_by=0.0)
    return {
        "accuracy": float(accuracy_score(emotion, predicted)),
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(f1),
        "weighted_f1": float(weighted),
        "kappa": float(kappa),
    }


def from_confusion(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """All METRICS from confusion matrices [...,K,K] of counts (rows: true class); each an array [...].

    Equal to `measure` on the labels that the counts stand for.
    """
    confusion = np.asarray(confusion, float)
    right = np.diagonal(confusion, axis1=-2, axis2=-1)
    occurs, predicted = confusion.sum(-1), confusion.sum(-2)
    n, classes = occurs.sum(-1), per_class(confusion)
    observed = _ratio(right.sum(-1), n)
    by_chance = _ratio((occurs * predicted).sum(-1), n**2)
    counted = occurs > 0
    return {
        "accuracy": observed,
        **{name: _ratio((values * counted).sum(-1), counted.sum(-1)) for name, values in classes.items()},
        "weighted_f1": _ratio((classes["f1"] * occurs).sum(-1), n),
        "kappa": _ratio(observed - by_chance, 1 - by_chance),
    }


def per_class(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """Precision, recall and F1 of each class, [...,K] each, from confusion matrices [...,K,K] of counts."""
    confusion = np.asarray(confusion, float)
    right = np.diagonal(confusion, axis1=-2, axis2=-1)
    occurs, predicted = confusion.sum(-1), confusion.sum(-2)
    return {
        "precision": _ratio(right, predicted),
        "recall": _ratio(right, occurs),
        "f1": _ratio(2 * right, predicted + occurs),
    }


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole, 0 where whole is 0."""
    return np.divide(part, whole, out=np.zeros(np.broadcast(part, whole).shape), where=whole != 0)
