"""Figures of the AffectNet study: confusion, the plane of valence and arousal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle

from ferflow import tables
from ferflow.classes import EMOTIONS_CONTEMPT
from ferflow.errors import InputError
from ferflow.evaluation import predictions
from ferflow.evaluation.classification import MEAN, WEIGHTED, matrix
from ferflow.report import style
from ferflow.report.affect_looks import LOOKS
from ferflow.report.confusion import cells
from ferflow.report.names import marks, marks_of, model_label

SEVERAL = 3000
"""Images from which on the points of the plane are drawn smaller."""


def confusion(counts: pd.DataFrame, report: pd.DataFrame, name: str, marks: str) -> Figure:
    """One model's confusion matrix with its report of classes (Akhtar 2022, Figures 7 and 8).

    `counts`: its rows of schema `confusion`, `report`: those of `class_report`.
    """
    drawn = style.figure(2 * style.COLUMN, 3.5)
    left, right = drawn.subplots(1, 2, width_ratios=(1.15, 1))
    values, emotions = matrix(counts, "count")
    order = [list(emotions).index(name) for name in LOOKS]
    values = values[np.ix_(order, order)]
    cells(left, values, list(LOOKS), False, max(1.0, values.max()), 7)
    style.panel(left, "a", "images")
    _report(right, report)
    style.panel(right, "b", "precision, recall, F1, images")
    style.heading(drawn, f"Confusion matrix of {name}, validation, n = {values.sum():.0f}", marks)
    return drawn


def _report(axes: Axes, report: pd.DataFrame) -> None:
    """The report as a table of shaded cells."""
    rows = [*LOOKS, MEAN, WEIGHTED]
    shown = report.set_index("emotion").loc[rows]
    values = shown[["precision", "recall", "f1"]].to_numpy(float)
    shaded = np.concatenate([values, np.full((len(rows), 1), np.nan)], axis=1)
    axes.imshow(np.ma.masked_invalid(shaded), cmap=style.CELLS, vmin=0, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        colour = "white" if value > 0.55 else style.DARK
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=colour, fontsize=7)
    for row, images in enumerate(shown["support"]):
        axes.text(3, row, f"{images}", ha="center", va="center", color=style.DARK, fontsize=7)
    axes.axhline(len(LOOKS) - 0.5, color=style.DARK, linewidth=0.8)
    axes.set_xticks(range(4), ["precision", "recall", "F1", "images"])
    axes.set_yticks(range(len(rows)), rows)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def plane(frame: pd.DataFrame, name: str, marks: str) -> Figure:
    """Every image in the plane of valence and arousal: true places left, predicted ones right.

    `frame`: one model's rows of schema `predictions`; images without known values are left out and
    counted. Colour and marker are those of the true class in both.
    """
    there = frame[frame["valence"].notna() & frame["arousal"].notna()]
    drawn = style.figure(2 * style.COLUMN, 4.0)
    panels = drawn.subplots(1, 2, sharex=True, sharey=True)
    size = 6 if len(there) > SEVERAL else 14
    sides = (("a", "", "true"), ("b", "predicted_", "predicted"))
    for axes, (letter, before, title) in zip(panels, sides, strict=True):
        axes.axhline(0, color=style.LIGHT, linewidth=0.6)
        axes.axvline(0, color=style.LIGHT, linewidth=0.6)
        circle = Circle((0, 0), 1, fill=False, edgecolor=style.LIGHT, linewidth=0.6, linestyle=":")
        axes.add_patch(circle)
        # Shuffled, so that no class lies on top of all others.
        mixed = there.sample(frac=1, random_state=0)
        for emotion, (colour, marker) in LOOKS.items():
            mine = mixed[mixed["emotion"] == emotion]
            axes.scatter(
                mine[f"{before}valence"],
                mine[f"{before}arousal"],
                s=size,
                color=colour,
                marker=marker,
                alpha=0.65,
                linewidths=0,
            )
        style.panel(axes, letter, title)
        axes.set(xlim=(-1.08, 1.08), ylim=(-1.08, 1.08), aspect="equal", xlabel="valence")
        axes.set_xticks([-1, -0.5, 0, 0.5, 1])
        axes.set_yticks([-1, -0.5, 0, 0.5, 1])
    panels[0].set_ylabel("arousal")
    shown = [
        Line2D([], [], linestyle="", color=colour, marker=marker, label=emotion)
        for emotion, (colour, marker) in LOOKS.items()
        if (there["emotion"] == emotion).any()
    ]
    if shown:
        drawn.legend(handles=shown, loc="outside lower center", ncols=len(shown))
    left_out = len(frame) - len(there)
    more = f", {left_out} without known values left out" if left_out else ""
    style.heading(drawn, f"Valence and arousal by {name}: {len(there)} images{more}, by true class", marks)
    return drawn


def of_model(table: pd.DataFrame, model: str, path: str | Path) -> pd.DataFrame:
    """The rows of `model`; InputError naming the file at `path` where it has none."""
    mine = table[table["model"] == model]
    if mine.empty:
        raise InputError(path, f"has no rows of {model}", "judge that model first")
    return mine


def write_confusion(
    confusion_csv: str | Path, report_csv: str | Path, output: str | Path, model: str
) -> None:
    """Draw the confusion matrix of `model` with its report to an SVG."""
    counts = of_model(tables.read(confusion_csv, "confusion"), model, confusion_csv)
    report = of_model(tables.read(report_csv, "class_report"), model, report_csv)
    with style.style():
        drawn = confusion(counts, report, model_label(model), marks_of(report))
        style.save(drawn, output, f"Confusion matrix of {model_label(model)}")


def write_plane(predictions_csv: str | Path, output: str | Path, model: str, synthetic: bool) -> None:
    """Draw the images of `model` in the plane of valence and arousal to an SVG."""
    frame = of_model(predictions.read([predictions_csv], EMOTIONS_CONTEMPT), model, predictions_csv)
    with style.style():
        drawn = plane(frame, model_label(model), marks(synthetic))
        style.save(drawn, output, f"Valence and arousal by {model_label(model)}")
