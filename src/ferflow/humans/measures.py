"""Intervals of shares and medians, from the bootstrap over subjects.

Answers about one person's clips are not independent, so whole subjects are drawn with replacement; clips,
where no subject is known. An interval is over subjects, for these annotators.

Fleiss' kappa says how far annotators agree beyond chance (Fleiss 1971).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ferflow.evaluation import bootstrap
from ferflow.evaluation.bootstrap import Spread, chunked_draws, interval, ratio_interval, resampled_sums
from ferflow.evaluation.results import ONE, few
from ferflow.settings import Evaluation


@dataclass(frozen=True)
class Estimate:
    """A number with its interval (None for both ends where there is none) and a remark on it."""

    value: float
    low: float | None
    high: float | None
    note: str = ""


def share(right: np.ndarray, n: np.ndarray, units: Sequence, settings: Evaluation, seed: int) -> Estimate:
    """Share of right answers: sum of `right` [N] over sum of `n` [N] (answers about each clip).

    `units` names each clip's subject.
    """
    right, n = np.asarray(right, float), np.asarray(n, float)
    if not n.sum():
        return Estimate(np.nan, None, None, "no answers")
    value = float(right.sum() / n.sum())
    rng = np.random.default_rng(seed)
    ends = ratio_interval(right, n, units, settings.bootstrap, settings.confidence, rng)
    if ends is None:
        return Estimate(value, None, None, ONE)
    return Estimate(value, *ends, few(len(np.unique(np.asarray(units)[n > 0]))))


def wilson(right: np.ndarray, n: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Wilson's intervals of `right` of `n` independent answers, arrays of one shape."""
    from scipy.special import ndtri

    return bootstrap.wilson(right, n, float(ndtri((1 + confidence) / 2)))


def weighted_medians(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Medians [B] of `values` [N], each taken as often as `weights`, whole numbers [B,N], say.

    Equal to numpy's median of the repeated values; NaN where all weights are 0.
    """
    order = np.argsort(values, kind="stable")
    ranked, counted = np.asarray(values, float)[order], np.cumsum(weights[:, order], axis=1)
    total = counted[:, -1]
    middle = [(counted > ((total - 1 + step) // 2)[:, None]).argmax(axis=1) for step in (0, 1)]
    return np.where(total > 0, (ranked[middle[0]] + ranked[middle[1]]) / 2, np.nan)


def medians(
    values: np.ndarray,
    groups: np.ndarray,
    n_groups: int,
    units: Sequence,
    settings: Evaluation,
    seed: int,
    unit_name: str = "subject",
) -> tuple[list[Estimate], Estimate]:
    """The median of `values` [N] in each of the groups 0..G-1 ([N] of them), and the mean of these medians.

    `units` [N] are drawn, called `unit_name`; a group without values has an undefined median, and is left out
    of the mean. A median has an interval where its values are of two units.
    """
    values, groups = np.asarray(values, float), np.asarray(groups)
    members = [np.flatnonzero(groups == group) for group in range(n_groups)]
    of_groups = np.array([np.median(values[rows]) if len(rows) else np.nan for rows in members])
    mean = float(np.nanmean(of_groups))
    names, unit = np.unique(np.asarray(units), return_inverse=True)
    if len(names) < 2:
        each = [Estimate(value, None, None, "one unit: no interval") for value in (*of_groups.tolist(), mean)]
        return each[:-1], each[-1]
    rng = np.random.default_rng(seed)
    parts = []
    for counts in chunked_draws(len(names), settings.bootstrap, rng):
        drawn = np.full((len(counts), n_groups), np.nan)
        for group, rows in enumerate(members):
            if len(rows):
                drawn[:, group] = weighted_medians(values[rows], counts[:, unit[rows]])
        parts.append(drawn)
    resamples = np.concatenate(parts)
    present = [group for group, rows in enumerate(members) if len(rows)]
    each = [Estimate(value, None, None) for value in of_groups.tolist()]
    for group in present:
        rows = members[group]
        n_units = len(np.unique(unit[rows]))
        if n_units > 1:
            spread = Spread(resamples[:, group], n_units - 1, len(rows))
            ends = interval(each[group].value, spread, settings.confidence)
            each[group] = Estimate(each[group].value, *ends, few(n_units, unit_name))
    spread = Spread(np.nanmean(resamples[:, present], axis=1), len(names) - 1, len(values))
    ends = interval(mean, spread, settings.confidence)
    return each, Estimate(mean, *ends, few(len(names), unit_name))


def fleiss(counts: np.ndarray) -> float:
    """Fleiss' kappa of votes [N,K], from statsmodels where each clip has as many.

    With varying numbers the agreement of a clip is the share of its pairs of annotators who agree, its mean
    is over clips, and chance is the classes' share of all votes. Clips with a single vote have no pair and
    are left out. NaN where nothing is left, or all votes are for one class.
    """
    counts = np.asarray(counts)
    counts = counts[counts.sum(1) > 1]
    if not len(counts) or (counts.sum(0) > 0).sum() < 2:
        return float("nan")
    n = counts.sum(1)
    if (n == n[0]).all():
        from statsmodels.stats.inter_rater import fleiss_kappa

        return float(fleiss_kappa(counts))
    return float(_kappas(_terms(counts).sum(0, keepdims=True))[0])


def fleiss_with_interval(counts: np.ndarray, units: Sequence, settings: Evaluation, seed: int) -> Estimate:
    """The same with an interval by the bootstrap over `units` [N], the clips' subjects."""
    counts = np.asarray(counts)
    paired = counts.sum(1) > 1
    note = "" if paired.all() else f"{int((~paired).sum())} clips with a single vote left out"
    value = fleiss(counts)
    rng, votes = np.random.default_rng(seed), _terms(counts[paired])
    sums = None
    if not np.isnan(value):
        sums = resampled_sums(votes, np.asarray(units)[paired], settings.bootstrap, rng)
    if sums is None:
        return Estimate(value, None, None, note or "no interval")
    n_units = len(np.unique(np.asarray(units)[paired]))
    spread = Spread(_kappas(sums), n_units - 1, int(paired.sum()))
    ends = interval(value, spread, settings.confidence, "coefficient")
    return Estimate(value, *ends, "; ".join(filter(None, [note, few(n_units)])))


def _terms(counts: np.ndarray) -> np.ndarray:
    """The terms of kappa of each clip, [N,2+K]: its agreement, 1 (to count clips), and its votes."""
    counts = np.asarray(counts, float)
    n = counts.sum(1)
    agreement = ((counts**2).sum(1) - n) / (n * (n - 1))
    return np.column_stack([agreement, np.ones(len(counts)), counts])


def _kappas(sums: np.ndarray) -> np.ndarray:
    """Kappa [B] from sums of `_terms` [B,2+K]; NaN where all votes are for one class."""
    observed = sums[:, 0] / sums[:, 1]
    shares = sums[:, 2:] / sums[:, 2:].sum(1, keepdims=True)
    chance = (shares**2).sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(chance < 1, (observed - chance) / (1 - chance), np.nan)
