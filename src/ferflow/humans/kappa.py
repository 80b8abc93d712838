"""Fleiss' kappa: how far annotators agree beyond chance (Fleiss 1971)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ferflow.evaluation.bootstrap import chunked_draws, interval
from ferflow.humans.intervals import Estimate
from ferflow.settings import Evaluation


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


def with_interval(counts: np.ndarray, units: Sequence, settings: Evaluation, seed: int) -> Estimate:
    """The same with an interval by the bootstrap over `units` [N], the clips' subjects."""
    counts = np.asarray(counts)
    paired = counts.sum(1) > 1
    note = "" if paired.all() else f"{int((~paired).sum())} clips with a single vote left out"
    value = fleiss(counts)
    names, unit = np.unique(np.asarray(units)[paired], return_inverse=True)
    if np.isnan(value) or len(names) < 2:
        return Estimate(value, None, None, note or "no interval")
    terms = _terms(counts[paired])
    sums = np.zeros((len(names), terms.shape[1]))
    np.add.at(sums, unit, terms)
    rng = np.random.default_rng(seed)
    drawn = [_kappas(times @ sums) for times in chunked_draws(len(names), settings.bootstrap, rng)]
    return Estimate(value, *interval(np.concatenate(drawn), settings.confidence), note)


def _terms(counts: np.ndarray) -> np.ndarray:
    """What kappa needs of each clip, [N,2+K]: its agreement, 1 (to count clips), and its votes."""
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
