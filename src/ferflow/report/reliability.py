"""Reliability of the models: accuracy against confidence, with how many clips each bin holds."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ferflow import tables
from ferflow.errors import InputError
from ferflow.evaluation.predictions import evaluation_protocol
from ferflow.report import style
from ferflow.report.names import marks_of, model_label, model_order, protocol_label
from ferflow.report.rendering import with_interval

ACROSS = 3
"""Models in a row."""


def reliability(
    reliability_csv: str | Path, calibration_csv: str | Path, output: str | Path, confidence: float
) -> None:
    """Draw all models, controls left out, from schemas `reliability` and `calibration`.

    Of the test subjects' clips, or of cross-validation where nobody is held out.
    """
    bins, errors = tables.read(reliability_csv, "reliability"), tables.read(calibration_csv, "calibration")
    protocol = evaluation_protocol(errors)
    bins, errors = (table[table["protocol"] == protocol] for table in (bins, errors))
    errors = errors[errors["role"] != "control"]
    if errors.empty:
        raise InputError(calibration_csv, f"has no model of protocol {protocol}", "evaluate such predictions")
    with style.style():
        drawn = curves(bins, errors, confidence, marks_of(errors))
        style.save(drawn, output, "Reliability of the models")


def curves(bins: pd.DataFrame, errors: pd.DataFrame, confidence: float, marks: str) -> Figure:
    """One panel per model of `errors` (schema `calibration`): its rows of `bins`, and their counts below.

    `confidence` (0–1) is that of the intervals.
    """
    models = model_order(errors)
    across = min(ACROSS, len(models))
    rows = math.ceil(len(models) / across)
    width = max(style.COLUMN * 1.3, 2 * style.COLUMN * across / ACROSS)
    drawn = style.figure(width, 0.9 + 2.9 * rows)
    grid = drawn.subplots(
        2 * rows, across, squeeze=False, sharex=True, gridspec_kw={"height_ratios": [3, 1] * rows}
    )
    for place, model in enumerate(models):
        row, column = divmod(place, across)
        upper, lower = grid[2 * row, column], grid[2 * row + 1, column]
        of_model = bins[bins["model"] == model].sort_values("bin")
        _curve(upper, of_model)
        _counts(lower, of_model)
        error = errors[errors["model"] == model].iloc[0]
        upper.set_title(f"{model_label(model)}\n{_error(error)}", loc="left", fontsize=7)
        if column == 0:
            upper.set_ylabel("accuracy")
            lower.set_ylabel("clips")
        lower.set_xlabel("confidence")
        upper.tick_params(labelbottom=False)
        lower.tick_params(labelbottom=True)
    for place in range(len(models), rows * across):
        row, column = divmod(place, across)
        for axes in grid[2 * row : 2 * row + 2, column]:
            axes.set_axis_off()
    first = errors.iloc[0]
    looks = {
        f"{100 * confidence:g} % intervals over subjects": {"color": style.DARK, "marker": "o"},
        "confidence equals accuracy": {"color": style.LIGHT, "linestyle": ":"},
    }
    style.legend(drawn, looks)
    kind = "equal width" if first["binning"] == "width" else "equally many clips"
    title = f"Reliability, {protocol_label(first['protocol'])}: {first['bins']} bins of {kind}"
    style.heading(drawn, title, marks)
    return drawn


def _curve(axes: Axes, of_model: pd.DataFrame) -> None:
    axes.plot([0, 1], [0, 1], ":", color=style.LIGHT)
    filled = of_model[of_model["n_clips"] > 0]
    at, value = filled["confidence"].to_numpy(float), filled["accuracy"].to_numpy(float)
    low, high = filled["low"].to_numpy(float), filled["high"].to_numpy(float)
    # An interval of a bin's accuracy need not hold the accuracy itself where few subjects fill the bin.
    spread = np.maximum(0, np.stack([value - low, high - value]))
    axes.errorbar(at, value, yerr=spread, fmt="o-", color=style.DARK, elinewidth=0.8, capsize=1.5)
    axes.set(xlim=(0, 1), ylim=(0, 1.02))
    style.percent(axes.yaxis)
    axes.grid(axis="both")


def _counts(axes: Axes, of_model: pd.DataFrame) -> None:
    begin, end = of_model["from"].to_numpy(float), of_model["to"].to_numpy(float)
    n = of_model["n_clips"].to_numpy()
    axes.bar(begin, n, end - begin, align="edge", color=style.BAND, edgecolor=style.DARK, linewidth=0.6)
    top = max(1, n.max())
    for left, right, count in zip(begin, end, n, strict=True):
        if count:
            axes.text((left + right) / 2, count + 0.04 * top, count, ha="center", va="bottom", fontsize=5.5)
    axes.set(ylim=(0, 1.35 * top), xlim=(0, 1))
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=""))


def _error(error: pd.Series) -> str:
    ece = with_interval({"value": error["ece"], "low": error["low"], "high": error["high"]}, "percent")
    return f"ECE {ece} %, n = {error['n_clips']}"
