"""Calibration of a model: its reliability diagram, and the expected calibration error.

Confidence is the greatest probability. Clips are put into bins of it, and each bin's accuracy is compared
with its mean confidence (Guo et al. 2017, "On calibration of modern neural networks").
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ferflow import tables
from ferflow.evaluation.bootstrap import Spread, chunked_draws, interval
from ferflow.evaluation.predictions import groups, scores
from ferflow.evaluation.results import few_of, marks, n_subjects, resampling_units
from ferflow.settings import Calibration, Evaluation


def edges(confidence: np.ndarray, settings: Calibration) -> np.ndarray:
    """Edges [bins+1] of the bins, from 0 to 1: of equal width, or at the quantiles of `confidence` [N]."""
    if settings.binning == "width":
        return np.linspace(0, 1, settings.bins + 1)
    inner = np.quantile(confidence, np.linspace(0, 1, settings.bins + 1)[1:-1])
    return np.array([0.0, *inner, 1.0])


def bin_of(confidence: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Number [N] of the bin of each confidence; a bin holds its upper edge, and the first one 0 too."""
    return np.clip(np.searchsorted(bounds, confidence, "left") - 1, 0, len(bounds) - 2)


def expected_calibration_error(n: np.ndarray, confidence: np.ndarray, right: np.ndarray) -> np.ndarray:
    """ECE [...] from each bin's number of clips, sum of confidence and number of right ones, [...,bins] each.

    The mean over clips of |accuracy - confidence| of their bin.
    """
    return np.abs(right - confidence).sum(-1) / n.sum(-1)


def calibration(
    predictions: pd.DataFrame,
    emotions: Sequence[str],
    settings: Calibration,
    evaluation: Evaluation,
    seed: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Schemas `calibration` and `reliability` of every model, view and protocol whose rows have scores.

    Folds are pooled. Intervals draw subjects anew; the bins stay those of all clips. A bin has an interval
    where it holds clips of two subjects.
    """
    errors, bins = [], []
    for who, group in groups(predictions):
        probabilities = scores(group, emotions)
        if np.isnan(probabilities).any():
            continue
        mark = marks(group, few_of(group))
        error, curve = _one(group, probabilities, settings, evaluation, np.random.default_rng(seed))
        errors.append(who | error | mark)
        bins += [who | row | mark for row in curve]
    return tables.from_rows(errors, "calibration"), tables.from_rows(bins, "reliability")


def _one(
    group: pd.DataFrame,
    probabilities: np.ndarray,
    settings: Calibration,
    evaluation: Evaluation,
    rng: np.random.Generator,
) -> tuple[dict, list[dict]]:
    confidence = probabilities.max(1)
    right = (group["emotion"] == group["predicted"]).to_numpy(float)
    bounds = edges(confidence, settings)
    names, unit = np.unique(resampling_units(group), return_inverse=True)
    # What each subject adds to each bin; a resample is a sum of subjects.
    cell = unit * settings.bins + bin_of(confidence, bounds)
    size = len(names) * settings.bins
    n, sure, good = (
        np.bincount(cell, weights, minlength=size).reshape(len(names), settings.bins)
        for weights in (None, confidence, right)
    )
    whole_n, whole_sure, whole_good = (part.sum(0).astype(float) for part in (n, sure, good))
    accuracy, mean = float(right.mean()), float(confidence.mean())
    error = {
        "binning": settings.binning,
        "bins": settings.bins,
        "n_clips": len(group),
        "n_subjects": n_subjects(group),
        "accuracy": accuracy,
        "confidence": mean,
        "ece": float(expected_calibration_error(whole_n, whole_sure, whole_good)),
        "gap": 100 * (mean - accuracy),
    }
    spread = np.full((settings.bins, 2), np.nan)
    if len(names) > 1:
        drawn = [
            [counts @ part for part in (n, sure, good)]
            for counts in chunked_draws(len(names), evaluation.bootstrap, rng)
        ]
        ns, sures, goods = (np.concatenate(parts).astype(float) for parts in zip(*drawn, strict=True))
        level = evaluation.confidence
        about = len(names) - 1, len(group)
        drawn_error = Spread(expected_calibration_error(ns, sures, goods), *about)
        error["low"], error["high"] = interval(error["ece"], drawn_error, level)
        gaps = Spread((sures - goods).sum(1) / ns.sum(1), *about)
        ends = interval(mean - accuracy, gaps, level, "difference")
        error["gap_low"], error["gap_high"] = (100 * end for end in ends)
        accuracies = np.divide(goods, ns, out=np.full(ns.shape, np.nan), where=ns > 0)
        for k in np.flatnonzero(whole_n):
            of_bin = Spread(accuracies[:, k], int((n[:, k] > 0).sum()) - 1, int(whole_n[k]))
            spread[k] = interval(whole_good[k] / whole_n[k], of_bin, level)
    curve = [
        {
            "bin": k,
            "from": float(bounds[k]),
            "to": float(bounds[k + 1]),
            "n_clips": int(whole_n[k]),
            "confidence": float(whole_sure[k] / whole_n[k]) if whole_n[k] else None,
            "accuracy": float(whole_good[k] / whole_n[k]) if whole_n[k] else None,
            "low": float(spread[k, 0]),
            "high": float(spread[k, 1]),
        }
        for k in range(settings.bins)
    ]
    return error, curve
