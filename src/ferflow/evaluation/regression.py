"""How far predicted valence and arousal are from the true ones (Akhtar 2022, Table 6)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ferflow.evaluation import bootstrap
from ferflow.settings import Evaluation

DIMENSIONS = ("valence", "arousal")
MEASURES = ("rmse", "corr", "sagr", "ccc")
SCALES: dict[str, bootstrap.Scale] = {"rmse": "size", "corr": "coefficient", "ccc": "coefficient"}
METRICS = tuple(f"{measure}_{name}" for measure in MEASURES for name in DIMENSIONS)


def known(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """The rows whose true valence or arousal (`name`) is known."""
    return frame[frame[name].notna()]


def regression(true: np.ndarray, predicted: np.ndarray) -> dict[str, tuple[float, str]]:
    """RMSE, Pearson's correlation, sign agreement and concordance of two vectors [N], as (value, note).

    Sign agreement (SAGR, Mollahosseini 2017) is the share of pairs of one sign; a zero agrees with a zero
    alone. Concordance (CCC) is Lin's, with variances over n - 1 as torchmetrics has it: 0 where one of
    the two does not vary. A metric that cannot be is NaN, and its note says why.
    """
    if len(true) == 0:
        return dict.fromkeys(MEASURES, (np.nan, "no image with a known value"))
    values = _from_moments(_moments(true, predicted).mean(0), len(true))
    notes = dict.fromkeys(values, "")
    for constant, what in (
        (np.ptp(predicted) == 0, "the predictions"),
        (np.ptp(true) == 0, "the true values"),
    ):
        if constant:
            values["corr"], notes["corr"] = np.nan, f"{what} do not vary"
    if np.isnan(values["ccc"]):
        notes["ccc"] = "neither varies, and both are alike"
    return {metric: (float(values[metric]), notes[metric]) for metric in values}


def resampled(
    true: np.ndarray, predicted: np.ndarray, resampling_units: Sequence, settings: Evaluation, seed: int
) -> dict[str, np.ndarray]:
    """The same metrics [B] of resamples of subjects or images; nothing where there are not two.

    `resampling_units` [N] names the subject or image of each value.
    """
    names, unit = np.unique(np.asarray(resampling_units), return_inverse=True)
    if len(names) < 2:
        return {}
    sums, sizes = np.zeros((len(names), 6)), np.bincount(unit).astype(float)
    np.add.at(sums, unit, _moments(true, predicted))
    rng = np.random.default_rng(seed)
    drawn = [
        (counts @ sums, counts @ sizes)
        for counts in bootstrap.chunked_draws(len(names), settings.bootstrap, rng)
    ]
    totals, n = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
    return _from_moments(totals / n[:, None], n)


def _moments(true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """What all four metrics follow from once it is averaged over images: [N,6]."""
    x, y = np.asarray(true, float), np.asarray(predicted, float)
    return np.stack([x, y, x * x, y * y, x * y, np.sign(x) == np.sign(y)], axis=1)


def _from_moments(means: np.ndarray, n: int | np.ndarray) -> dict[str, np.ndarray]:
    """The four metrics [...] from moments [...,6] averaged over `n` images; NaN where undefined."""
    x, y, xx, yy, xy, agree = np.moveaxis(means, -1, 0)
    # Sums of squares may fall below zero by their rounding.
    var_x, var_y, both = _positive(xx - x * x), _positive(yy - y * y), xy - x * y
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "rmse": np.sqrt(_positive(xx - 2 * xy + yy)),
            "corr": np.clip(both / np.sqrt(var_x * var_y), -1, 1),
            "sagr": agree,
            "ccc": 2 * both / (var_x + var_y + (x - y) ** 2 * (n - 1) / n),
        }


def _positive(values: np.ndarray) -> np.ndarray:
    return np.where(values > 1e-15, values, 0.0)
