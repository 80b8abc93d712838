"""Intervals by the bootstrap over subjects.

Clips of one person are not independent, so whole subjects are drawn with replacement. A resample's metrics
need only the sum of its subjects' confusion matrices, which makes thousands of resamples one matrix product.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

CHUNK = 200
"""Resamples held in memory at once; thousands of images as units need about 1 MB a resample."""


def unit_confusions(truth: np.ndarray, predicted: np.ndarray, units: Sequence, n_classes: int) -> np.ndarray:
    """Confusion matrix of every unit (a subject, or an image where there are no subjects), sorted by name.

    `truth` and `predicted` are class indices [N] in 0..K-1, `units` N names. Returns counts [U,K,K], rows:
    true class.
    """
    names, unit = np.unique(np.asarray(units), return_inverse=True)
    cell = (unit * n_classes + np.asarray(truth)) * n_classes + np.asarray(predicted)
    counts = np.bincount(cell, minlength=len(names) * n_classes**2)
    return counts.reshape(len(names), n_classes, n_classes)


def draws(n_units: int, n_resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Counts [B,U] of each unit in each resample of U units with replacement."""
    drawn = rng.integers(n_units, size=(n_resamples, n_units))
    drawn += n_units * np.arange(n_resamples)[:, None]
    return np.bincount(drawn.ravel(), minlength=n_resamples * n_units).reshape(n_resamples, n_units)


def chunked_draws(n_units: int, n_resamples: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """The same for B resamples, `CHUNK` of them at a time."""
    for done in range(0, n_resamples, CHUNK):
        yield draws(n_units, min(CHUNK, n_resamples - done), rng)


def resampled_sums(
    values: np.ndarray, units: Sequence, n_resamples: int, rng: np.random.Generator
) -> np.ndarray | None:
    """Sums [B,P] of `values` [N,P] over B resamples of the `units` [N]; None where there is a single unit."""
    names, unit = np.unique(np.asarray(units), return_inverse=True)
    if len(names) < 2:
        return None
    sums = np.zeros((len(names), values.shape[1]))
    np.add.at(sums, unit, values)
    return np.concatenate([counts @ sums for counts in chunked_draws(len(names), n_resamples, rng)])


def ratio_interval(
    part: np.ndarray,
    whole: np.ndarray,
    units: Sequence,
    n_resamples: int,
    confidence: float,
    rng: np.random.Generator,
) -> tuple[float, float] | None:
    """The interval of sum(`part`) / sum(`whole`), [N] each, over resamples of the `units` [N].

    None where there is a single unit.
    """
    drawn = resampled_sums(np.column_stack([part, whole]).astype(float), units, n_resamples, rng)
    if drawn is None:
        return None
    with np.errstate(invalid="ignore"):  # NaN where a resample holds nothing of the whole
        return interval(drawn[:, 0] / drawn[:, 1], confidence)


def resampled(confusions: np.ndarray, n_resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Confusion matrices [B,K,K] of B resamples of the units whose matrices are [U,K,K]."""
    n_units, n_classes, _ = confusions.shape
    flat = confusions.reshape(n_units, -1).astype(float)
    sums = [counts.astype(float) @ flat for counts in chunked_draws(n_units, n_resamples, rng)]
    return np.concatenate(sums).reshape(n_resamples, n_classes, n_classes)


def interval(values: np.ndarray, confidence: float) -> tuple[float, float]:
    """The percentile interval of bootstrap values [B] at `confidence` (0–1).

    Resamples in which the value is undefined (NaN: an AUC of rows of one class) are passed over.
    """
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(values, [tail, 1 - tail])
    return float(low), float(high)
