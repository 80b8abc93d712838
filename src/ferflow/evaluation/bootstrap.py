"""Intervals by the bootstrap over subjects: its standard error, and Student's t.

Clips of one person are not independent, so whole subjects are drawn with replacement. A resample's metrics
need only the sum of its subjects' confusion matrices, which makes thousands of resamples one matrix product.

Percentiles of the resamples are too narrow where subjects are few, and have no width where every clip is
right. Here the standard deviation of the resamples is the standard error (U - 1 of U subjects are drawn,
which makes its square unbiased: Rao and Wu 1988). The interval of a share is Wilson's for as many independent
clips as would have that standard error (the effective sample size of Korn and Graubard 1998), with Student's
t of U - 1 degrees of freedom in place of the normal quantile. `python -m ferflow.bench --parts statistics`
measures how often it holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

CHUNK = 200
"""Resamples held in memory at once; thousands of images as units need about 1 MB a resample."""
Scale = Literal["share", "coefficient", "difference", "size"]
"""What a number may be: 0 to 1; -1 to 1; a difference of two shares, -1 to 1; 0 and more."""
NONE = 1e-12
"""Standard errors below this are rounding."""
MOST = 37.0
"""Beyond this quantile a normal tail is 0 to a computer; an interval as wide holds everything."""


@dataclass(frozen=True)
class Spread:
    """What the interval of a number rests on.

    `values` [B] are its bootstrap values, `freedom` the degrees of freedom of their variance (resampling
    units less strata), `n` the clips or images it is of.
    """

    values: np.ndarray
    freedom: float
    n: int

    @property
    def error(self) -> float:
        """The standard error; NaN where fewer than two resamples have a value (an AUC of one class)."""
        values = self.values[np.isfinite(self.values)]
        return float(values.std(ddof=1)) if len(values) > 1 else np.nan


def interval(value: float, spread: Spread, confidence: float, scale: Scale = "share") -> tuple[float, float]:
    """The interval at `confidence` (0–1) of a number `value` on its `scale`.

    Of a share and a coefficient it is Wilson's with an effective sample size, of a size Student's on the
    logarithm, of a difference Student's. Where no resample differs from another, a share or coefficient is
    taken as one of `n` independent clips, and a difference as wide as the score interval of two models that
    agree on all of them (Tango 1998). NaN where there is no standard error.
    """
    from scipy.special import stdtrit

    error = spread.error
    if not np.isfinite(error) or not np.isfinite(value) or spread.freedom <= 0:
        return np.nan, np.nan
    t = min(MOST, float(stdtrit(spread.freedom, (1 + confidence) / 2)))
    if scale == "size":
        factor = np.exp(t * error / value) if value > 0 else 1.0
        return value / factor, value * factor
    if scale == "difference":
        half = t * error if error > NONE else t**2 / (spread.n + t**2)
        return max(-1.0, value - half), min(1.0, value + half)
    low, width = (0, 1) if scale == "share" else (-1, 2)
    share = float(np.clip((value - low) / width, 0, 1))
    n = share * (1 - share) / (error / width) ** 2 if error > NONE else spread.n
    # A number at its bound varies in no sample; resamples of one that nearly is may by rounding.
    ends = wilson(share * n, n, t) if n > 0 else wilson(share * spread.n, spread.n, t)
    return tuple(low + width * float(end) for end in ends)


def wilson(right: np.ndarray, n: np.ndarray, quantile: float) -> tuple[np.ndarray, np.ndarray]:
    """Wilson's intervals of `right` of `n` independent answers, arrays of one shape (statsmodels).

    `quantile` is that of the normal distribution, or Student's in its place.
    """
    from scipy.special import ndtr
    from statsmodels.stats.proportion import proportion_confint

    right, n = np.asarray(right, float), np.asarray(n, float)
    low, high = proportion_confint(right, n, alpha=2 * ndtr(-quantile), method="wilson")
    # Exact at the ends, where rounding would put the share outside of its own interval.
    return np.where(right == 0, 0.0, low), np.where(right == n, 1.0, high)


def weighted_sum(spreads: Sequence[Spread], weights: Sequence[float]) -> Spread:
    """The spread of a weighted sum of numbers of different subjects (the mean over folds, say).

    Its degrees of freedom are Welch's and Satterthwaite's.
    """
    values = sum(weight * one.values for weight, one in zip(weights, spreads, strict=True))
    freedoms = np.array([one.freedom for one in spreads])
    variances = np.array([(weight * one.error) ** 2 for weight, one in zip(weights, spreads, strict=True)])
    freedom = float(freedoms.sum())
    if np.isfinite(variances).all() and (variances > NONE**2).any():
        freedom = float(variances.sum() ** 2 / (variances**2 / freedoms).sum())
    return Spread(values, freedom, sum(one.n for one in spreads))


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
    """Counts [B,U] of each of U units in each resample of U - 1 units with replacement."""
    drawn = rng.integers(n_units, size=(n_resamples, n_units - 1))
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
    scale: Scale = "share",
) -> tuple[float, float] | None:
    """The interval of sum(`part`) / sum(`whole`), [N] each, over resamples of the `units` [N].

    Only units count that have something of the whole; None where there is but one of them.
    """
    part, whole = np.asarray(part, float), np.asarray(whole, float)
    there = whole > 0
    units = np.asarray(units)[there]
    drawn = resampled_sums(np.column_stack([part, whole])[there], units, n_resamples, rng)
    if drawn is None:
        return None
    spread = Spread(drawn[:, 0] / drawn[:, 1], len(np.unique(units)) - 1, int(there.sum()))
    return interval(part.sum() / whole.sum(), spread, confidence, scale)


def resampled(confusions: np.ndarray, n_resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Confusion matrices [B,K,K] of B resamples of the units whose matrices are [U,K,K]."""
    n_units, n_classes, _ = confusions.shape
    flat = confusions.reshape(n_units, -1).astype(float)
    sums = [counts.astype(float) @ flat for counts in chunked_draws(n_units, n_resamples, rng)]
    return np.concatenate(sums).reshape(n_resamples, n_classes, n_classes)
