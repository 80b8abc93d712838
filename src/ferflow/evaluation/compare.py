"""Models compared on the same clips: which is right where the other is wrong, and by how much.

Whether two models differ is decided by a sign-flip permutation test over subjects: if the models are equally
good, the gain of one over the other in a subject's clips might as well have the other sign. McNemar's test
counts the clips that only one of two models got right; it takes clips as independent, which clips of one
person are not, and is shown for comparison alone. The interval of the difference draws whole subjects anew,
the same ones for both models.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from ferflow import tables
from ferflow.errors import InputError
from ferflow.evaluation.bootstrap import ratio_interval
from ferflow.evaluation.results import few_of, marks, n_subjects, resampling_units, unit_of
from ferflow.settings import Evaluation


def comparisons(
    predictions: pd.DataFrame, models: Sequence[str], settings: Evaluation, seed: int
) -> pd.DataFrame:
    """Schema `comparisons`: every pair of `models`, in their order, on the clips that both were shown.

    `predictions` is a checked predictions table (with `synthetic`) in which a model has one row per clip: one
    protocol's rows, with those of a human majority, for instance. P values are corrected for all pairs of the
    table by Holm's method. Raises InputError for a model that is not there or two models without a clip in
    common.
    """
    by_model = {model: _rows(predictions, model) for model in models}
    rows = [
        _pair(first, second, by_model[first], by_model[second], settings, seed)
        for first, second in combinations(models, 2)
    ]
    if not rows:
        return tables.from_rows(rows, "comparisons")
    frame = pd.DataFrame(rows)
    for kind in ("permutation", "exact", "mid"):
        frame[f"p_{kind}_holm"] = holm(frame[f"p_{kind}"])
    frame["differs"] = frame["p_permutation_holm"] < 1 - settings.confidence
    # Of few subjects there are few signs to flip: then none of many pairs can differ, whatever the models.
    least = frame.pop("least_p")
    for place in frame.index[len(frame) * least >= 1 - settings.confidence]:
        remark = f"p is at least {least[place]:.2g}: none of {len(frame)} pairs can differ"
        frame.loc[place, "note"] = "; ".join(filter(None, [frame.loc[place, "note"], remark]))
    return tables.from_rows(frame, "comparisons")


def holm(p: Sequence[float]) -> np.ndarray:
    """P values corrected for all of them by Holm's method (statsmodels)."""
    from statsmodels.stats.multitest import multipletests

    return multipletests(p, method="holm")[1]


def sign_flip(gains: np.ndarray) -> float:
    """Two-sided p value of the sign-flip permutation test of whole numbers `gains` [U], one a subject.

    The share of all 2^U choices of signs whose sum is as far from 0 as that of `gains`. It is exact for any
    number of subjects: gains of one size add up to a binomial, and sizes are independent. Of gains of 1 (a
    clip each) it is McNemar's exact test.
    """
    from scipy.signal import convolve
    from scipy.stats import binom

    gains = np.asarray(gains).astype(int)
    chances = np.ones(1)
    for size, n in zip(*np.unique(np.abs(gains[gains != 0]), return_counts=True), strict=True):
        of_size = np.zeros(2 * size * n + 1)
        of_size[:: 2 * size] = binom.pmf(np.arange(n + 1), n, 0.5)
        chances = convolve(chances, of_size)
    sums = np.abs(np.arange(len(chances)) - len(chances) // 2)
    return float(np.clip(chances[sums >= abs(gains.sum())].sum(), 0, 1))


def gains_of(right: np.ndarray, units: Sequence) -> np.ndarray:
    """The clips that the first model got right less those of the second, by unit [U]; bool `right` [2,N]."""
    _, unit = np.unique(np.asarray(units), return_inverse=True)
    return np.bincount(unit, right[0].astype(int) - right[1]).astype(int)


def mcnemar(first_only: int, second_only: int) -> tuple[float, float]:
    """Two-sided p values of McNemar's test, exact and mid-p, from the clips that only one model got right.

    The mid-p value counts what was seen by half (Fagerland, Lydersen and Laake 2013), as the exact test is
    wider than it needs to be. Both are 1 where the models are right on the same clips.
    """
    from scipy.stats import binom
    from statsmodels.stats.contingency_tables import mcnemar as test

    n, fewer = first_only + second_only, min(first_only, second_only)
    if n == 0:
        return 1.0, 1.0
    exact = float(test([[0, first_only], [second_only, 0]], exact=True).pvalue)
    # statsmodels has no mid-p; with equal counts it is 1.
    return exact, float(min(1.0, 2 * binom.cdf(fewer, n, 0.5) - binom.pmf(fewer, n, 0.5)))


def difference_interval(
    right: np.ndarray, subjects: Sequence, n_resamples: int, confidence: float, rng: np.random.Generator
) -> tuple[float, float]:
    """Interval of the difference in accuracy of two models, from bool `right` [2,N] and N subjects' names.

    Subjects are drawn with replacement, with all of their clips. NaN where there is one subject.
    """
    gained, clips = right[0].astype(float) - right[1], np.ones(right.shape[1])
    ends = ratio_interval(gained, clips, subjects, n_resamples, confidence, rng, "difference")
    return ends or (np.nan, np.nan)


def _rows(predictions: pd.DataFrame, model: str) -> pd.DataFrame:
    rows = predictions[predictions["model"] == model]
    if rows.empty:
        known = ", ".join(dict.fromkeys(predictions["model"]))
        raise InputError("predictions", f"hold nothing of {model}", f"choose from {known}")
    if rows["clip_id"].duplicated().any():
        clip = rows.loc[rows["clip_id"].duplicated(), "clip_id"].iloc[0]
        raise InputError("predictions", f"hold clip {clip} of {model} twice", "give one protocol's rows")
    return rows.set_index("clip_id").sort_index()


def _pair(
    first: str, second: str, one: pd.DataFrame, other: pd.DataFrame, settings: Evaluation, seed: int
) -> dict:
    both = one.index.intersection(other.index)
    if both.empty:
        raise InputError(f"predictions of {first} and {second}", "have no clip in common", "compare others")
    remark = ""
    if (n := len(one.index.union(other.index))) > len(both):
        remark = f"on the {len(both)} of {n} clips that both were shown"
    one, other = one.loc[both], other.loc[both]
    right = np.stack([(rows["emotion"] == rows["predicted"]).to_numpy() for rows in (one, other)])
    only = int((right[0] & ~right[1]).sum()), int((~right[0] & right[1]).sum())
    exact, mid = mcnemar(*only)
    units = resampling_units(one.reset_index())
    rng = np.random.default_rng(seed)  # the same draws for every pair
    low, high = difference_interval(right, units, settings.bootstrap, settings.confidence, rng)
    return {
        "first": first,
        "first_role": one["role"].iloc[0],
        "second": second,
        "second_role": other["role"].iloc[0],
        "n_clips": len(both),
        "n_subjects": n_subjects(one),
        "unit": unit_of(one),
        "first_accuracy": float(right[0].mean()),
        "second_accuracy": float(right[1].mean()),
        "difference": 100 * float(right[0].mean() - right[1].mean()),
        "low": 100 * low,
        "high": 100 * high,
        "first_only": only[0],
        "second_only": only[1],
        "p_permutation": sign_flip(gains_of(right, units)),
        "least_p": 2.0 ** (1 - units.nunique()),
        "p_exact": exact,
        "p_mid": mid,
        **marks(pd.concat([one, other]), remark, few_of(one.reset_index())),
    }
