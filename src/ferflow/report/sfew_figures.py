"""Figures of the SFEW study: accuracy in each fold of each protocol, confusion matrices (Figures 4, 5)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ferflow import tables
from ferflow.errors import InputError
from ferflow.report import confusion as confusion_figures
from ferflow.report import style
from ferflow.report.finders import PROTOCOLS
from ferflow.report.names import marks, marks_of
from ferflow.report.papers import paper, published
from ferflow.report.sfew_tables import HEADINGS

LOOKS = {
    "random": {"marker": "s", "color": style.MIDDLE, "markerfacecolor": "white"},
    "film": {"marker": "o", "color": style.DARK, "markerfacecolor": style.DARK},
    "spi": {"marker": "^", "color": style.LIGHT, "markerfacecolor": style.BAND},
}
APART = 0.24
"""Between the lines of one model, in lines."""
PUBLISHED = {"marker": "D", "color": style.MIDDLE, "markerfacecolor": style.BAND_MIDDLE, "linestyle": ""}


def folds(table: pd.DataFrame, chance: float, marks: str, printed: dict[str, float]) -> Figure:
    """Accuracy of each model in each fold of each protocol (points) and their mean (bar).

    `table`: schema `sfew_folds`; `printed`: the paper's mean of a model, drawn where there is one.
    """
    models = list(dict.fromkeys(table["model"]))
    drawn = style.figure(2 * style.COLUMN, 1.5 + 0.42 * len(models))
    axes = drawn.subplots()
    for place, model in enumerate(models):
        for number, protocol in enumerate(PROTOCOLS):
            rows = table[(table["model"] == model) & (table["protocol"] == protocol)]
            line = place + APART * (number - 1)
            _points(axes, rows, line, protocol)
        if model in printed:
            axes.plot(printed[model], place - APART, markersize=5, zorder=4, **PUBLISHED)
        if place:
            axes.axhline(place - 0.5, color=style.BAND, linewidth=0.6, zorder=0)
    axes.axvline(chance, color=style.LIGHT, linestyle=":")
    highest = max([table["accuracy"].max(), *printed.values()])
    axes.set(xlim=(0, min(1, highest + 0.05)), xlabel="accuracy")
    style.percent(axes.xaxis)
    style.names_down(axes, models)
    shown = [protocol for protocol in PROTOCOLS if protocol in set(table["protocol"])]
    handles = [Line2D([], [], linestyle="", label=HEADINGS[name], **LOOKS[name]) for name in shown]
    handles.append(
        Line2D([], [], color=style.DARK, linestyle="", marker="|", markersize=9, label="mean over folds")
    )
    if printed:
        handles.append(Line2D([], [], label="the paper's mean", **PUBLISHED))
    handles.append(Line2D([], [], color=style.LIGHT, linestyle=":", label=f"chance, {100 * chance:.1f} %"))
    drawn.legend(handles=handles, loc="outside lower center", ncols=3)
    style.heading(drawn, "Accuracy in each fold by protocol", marks)
    return drawn


def _points(axes, rows: pd.DataFrame, line: float, protocol: str) -> None:
    each, mean = rows[rows["fold"].notna()]["accuracy"], rows[rows["fold"].isna()]["accuracy"]
    if each.empty:
        return
    colour = LOOKS[protocol]["color"]
    axes.plot([each.min(), each.max()], [line, line], color=colour, linewidth=0.8, zorder=1)
    axes.plot(each, [line] * len(each), linestyle="", zorder=2, **LOOKS[protocol])
    axes.plot(mean, [line] * len(mean), "|", color=colour, markersize=9, markeredgewidth=1.8, zorder=3)


def write_folds(folds_csvs: Iterable[str | Path], output: str | Path, n_classes: int) -> None:
    """Draw `folds` of tables of schema `sfew_folds`; the paper's means stand there for real data alone."""
    table = pd.concat([tables.read(path, "sfew_folds") for path in folds_csvs], ignore_index=True)
    synthetic = bool(table["synthetic"].any())
    printed = {} if synthetic else _printed(set(table["model"]))
    with style.style():
        drawn = folds(table, 1 / n_classes, marks(synthetic), printed)
        style.save(drawn, output, "Accuracy in each fold by protocol")


def _printed(models: set[str]) -> dict[str, float]:
    rows, named = published("sfew"), paper("sfew").items
    rows = rows[(rows["split"] == "mean") & (rows["item"] != "SPI protocol baseline")]
    values = zip(rows["item"].map(named), rows["value"], strict=True)
    return {model: value for model, value in values if model in models}


def write_confusion(confusion_csv: str | Path, model: str, protocol: str, output: str | Path) -> None:
    """Draw a model's confusion matrix in the fold that its note names: counts, and shares beside them."""
    table = tables.read(confusion_csv, "confusion")
    table = table[(table["model"] == model) & (table["protocol"] == protocol)]
    if table.empty:
        raise InputError(confusion_csv, f"has no rows of {model} ({protocol})", "evaluate that model first")
    fold = table["note"].iloc[0].split("; ")[0]
    kind = PROTOCOLS[protocol]
    with style.style():
        mark = marks_of(table)
        drawn = confusion_figures.counts_and_shares(table, mark)
        style.heading(drawn, f"Confusion matrix of {model}, {kind}, {fold}", mark)
        style.save(drawn, output, f"Confusion matrix of {model}, {kind}")
