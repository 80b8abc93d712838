"""Confusion matrices (thesis, Figures 3.12 and 3.28; Akhtar 2022, Figures 7 and 8)."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ferflow.evaluation.classification import MEAN, WEIGHTED, matrix
from ferflow.report import style
from ferflow.report.names import model_label, protocol_label, protocol_order

DARK_CELL = 0.55
"""Share of the colour scale above which a cell's number is white."""
FEW = 8
"""Classes of which a cell has room for a decimal."""
ACROSS = 3
"""Matrices in a row of a sheet."""


def counts_and_shares(table: pd.DataFrame, marks: str, things: str = "clips") -> Figure:
    """One model's confusion matrix as counts and, beside it, as shares of each true class.

    `table`: the rows of schema `confusion` of one model and protocol; `things` are what is counted.
    """
    drawn = style.figure(2 * style.COLUMN, 3.55)
    left, right = drawn.subplots(1, 2)
    counts, emotions = matrix(table, "count")
    shares, _ = matrix(table, "share")
    size = min(7.5, 52 / len(emotions))
    cells(left, counts, emotions, False, max(1.0, counts.max()), size)
    cells(right, 100 * shares, emotions, len(emotions) <= FEW, 100, min(7, size))
    style.panel(left, "a", f"number of {things}")
    style.panel(right, "b", "share of the true class (%)")
    right.set_ylabel("")
    first = table.iloc[0]
    name, protocol = model_label(first["model"], first["view"]), protocol_label(first["protocol"])
    style.heading(drawn, f"Confusion matrix of {name}, {protocol}, n = {counts.sum():.0f}", marks)
    return drawn


def counts_and_report(
    counts: pd.DataFrame, report: pd.DataFrame, classes: list[str], name: str, marks: str
) -> Figure:
    """One model's confusion matrix and, beside it, its report of classes (Akhtar 2022, Figures 7 and 8).

    `counts`: its rows of schema `confusion`, `report`: those of `class_report`; both in the order of
    `classes`.
    """
    drawn = style.figure(2 * style.COLUMN, 3.5)
    left, right = drawn.subplots(1, 2, width_ratios=(1.15, 1))
    values, emotions = matrix(counts, "count")
    order = [list(emotions).index(emotion) for emotion in classes]
    values = values[np.ix_(order, order)]
    cells(left, values, classes, False, max(1.0, values.max()), 7)
    style.panel(left, "a", "images")
    _report(right, report.set_index("emotion").loc[[*classes, MEAN, WEIGHTED]])
    style.panel(right, "b", "precision, recall, F1, images")
    style.heading(drawn, f"Confusion matrix of {name}, validation, n = {values.sum():.0f}", marks)
    return drawn


def _report(axes: Axes, report: pd.DataFrame) -> None:
    """The report, indexed by class and the two means, as a table of shaded cells."""
    values = report[["precision", "recall", "f1"]].to_numpy(float)
    shaded = np.concatenate([values, np.full((len(report), 1), np.nan)], axis=1)
    axes.imshow(np.ma.masked_invalid(shaded), cmap=style.CELLS, vmin=0, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        colour = "white" if value > DARK_CELL else style.DARK
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=colour, fontsize=7)
    for row, images in enumerate(report["support"]):
        axes.text(3, row, f"{images}", ha="center", va="center", color=style.DARK, fontsize=7)
    axes.axhline(len(report) - 2.5, color=style.DARK, linewidth=0.8)
    axes.set_xticks(range(4), ["precision", "recall", "F1", "images"])
    axes.set_yticks(range(len(report)), report.index)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def sheet(table: pd.DataFrame, models: list[str], marks: str) -> Figure:
    """Normalised confusion matrices of `models` beside one another (thesis, Figure 3.28).

    `table`: rows of schema `confusion`, each model under one protocol.
    """
    across = min(ACROSS, len(models))
    rows = math.ceil(len(models) / across)
    width = 2 * style.COLUMN * across / ACROSS + (0.6 if across < ACROSS else 0)
    # Below a matrix its classes are written slantwise.
    room = 0.045 * max(0, table["emotion"].str.len().max() - len("surprise"))
    drawn = style.figure(max(width, style.COLUMN), 0.6 + (2.45 + room) * rows)
    grid = drawn.subplots(rows, across, squeeze=False)
    for place, (axes, model) in enumerate(zip(grid.flat, models, strict=False)):
        shares, emotions = matrix(table[table["model"] == model], "share")
        cells(axes, 100 * shares, emotions, False, 100, min(6, 42 / len(emotions)))
        axes.set_title(model_label(model).replace("control: ", "control:\n"), loc="left")
        if place % across:
            axes.set_ylabel("")
            axes.set_yticklabels([])
        if place + across < len(models):
            axes.set_xlabel("")
    for axes in list(grid.flat)[len(models) :]:
        axes.set_axis_off()
    protocols = " and ".join(protocol_label(name) for name in protocol_order(table["protocol"]))
    style.heading(drawn, f"Confusion matrices, {protocols}: share of the true class (%)", marks)
    return drawn


def cells(
    axes: Axes, values: np.ndarray, emotions: list[str], decimals: bool, top: float, size: float = 7.5
) -> None:
    """Draw the matrix `values` [K,K] (rows: true class) with its numbers, shaded up to `top`.

    `decimals` writes one decimal; NaN stays empty. `size` is that of the numbers, points.
    """
    axes.imshow(np.nan_to_num(values), cmap=style.CELLS, vmin=0, vmax=top, aspect="equal")
    for (row, column), value in np.ndenumerate(values):
        if np.isnan(value) or value == 0:
            text, colour = "" if np.isnan(value) else "·", style.LIGHT
        else:
            text = f"{value:.1f}" if decimals else f"{math.floor(value + 0.5)}"
            colour = "white" if value > DARK_CELL * top else style.DARK
        weight = "bold" if row == column else "normal"
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=size, fontweight=weight)
    ticks, letters = range(len(emotions)), min(7.5, 10 * size / 7) if len(emotions) > FEW else 7.5
    axes.tick_params(labelsize=letters)
    axes.set_xticks(ticks, emotions, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(ticks, emotions)
    axes.tick_params(length=0)
    axes.set(xlabel="predicted emotion", ylabel="true emotion")
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color(style.LIGHT)
