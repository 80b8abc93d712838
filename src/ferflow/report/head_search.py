"""The search of a head's settings, drawn: trials in their order, against each setting, and the gap."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator, NullFormatter, NullLocator

from ferflow import tables
from ferflow.report import search_panels, style
from ferflow.report.names import marks_of, model_label
from ferflow.settings import HeadSettings
from ferflow.training.head_search import WHOLE

ACROSS = 3
"""Panels beside each other."""
FEW = 6
"""Values up to which every one has a tick of its own."""


def figure(trials_csv: str | Path, output: str | Path, head: str, logarithmic: list[str]) -> None:
    """Draw schema `head_trials` to the SVG `output`; `logarithmic` names settings drawn so."""
    table = tables.read(trials_csv, "head_trials")
    with style.style():
        drawn = history(table, model_label(head), logarithmic, marks_of(table))
        style.save(drawn, output, f"Search of the settings of {model_label(head)}")


def searched(table: pd.DataFrame) -> list[str]:
    """The settings that were searched: the columns that are not empty."""
    names = [*HeadSettings.model_fields, "learning_rate", "batch"]
    return [name for name in names if not (table[name].isna() | (table[name].astype(str) == "")).all()]


def history(table: pd.DataFrame, name: str, logarithmic: list[str], marks: str) -> Figure:
    """Mean validation accuracy by trial with the best so far, against each setting, and the training's."""
    names = searched(table)
    rows = math.ceil((len(names) + 2) / ACROSS)
    drawn = style.figure(2 * style.COLUMN, 0.9 + 1.75 * rows)
    grid = drawn.subplots(rows, ACROSS, sharey=True, squeeze=False)
    values, looks = table["mean_so_far"].astype(float), _looks(table)
    panels = list(grid.flat)
    search_panels.by_trial(panels[0], table, looks, values)
    style.panel(panels[0], "a", "trials in their order")
    letters = "bcdefghijklmnopq"
    for axes, letter, setting in zip(panels[1:], letters, names, strict=False):
        _setting(axes, table[setting], values, looks, setting in logarithmic)
        style.panel(axes, letter, tables.schema("head_trials").column(setting).title)
    axes = panels[len(names) + 1]
    search_panels.against(axes, table["train_accuracy"].astype(float), values, looks, "training accuracy")
    style.percent(axes.xaxis)
    axes.margins(x=0.08, y=0.1)
    limits = axes.get_xlim(), axes.get_ylim()
    axes.axline((0, 0), slope=1, linestyle=":", color=style.LIGHT)
    axes.set(xlim=limits[0], ylim=limits[1])
    style.panel(axes, letters[len(names)], "gap to the training")
    for axes in panels[len(names) + 2 :]:
        axes.set_visible(False)
    for axes in panels[: len(names) + 2]:
        style.percent(axes.yaxis)
        axes.grid(axis="y")
    for axes in grid[:, 0]:
        axes.set_ylabel("mean over folds")
    labels = {"on all folds": _look(True, False), "best": _look(True, True), "stopped": _look(False, False)}
    handles = [Line2D([], [], linestyle="", label=label, **look) for label, look in labels.items()]
    handles.append(Line2D([], [], color=style.LIGHT, drawstyle="steps-post", label="best so far"))
    handles.append(Line2D([], [], color=style.LIGHT, linestyle=":", label="no gap"))
    drawn.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    whole = int((table["ended"] == WHOLE).sum())
    title = f"Search of the settings of {name}: {len(table)} trials, {whole} of them on all folds"
    style.heading(drawn, title, marks)
    return drawn


def _setting(axes: Axes, chosen: pd.Series, values: pd.Series, looks: list[dict], logarithmic: bool) -> None:
    different = sorted(set(chosen.dropna()))
    if chosen.map(lambda value: isinstance(value, str)).any():
        search_panels.against(axes, chosen.map(different.index).astype(float), values, looks, "")
        axes.set_xticks(range(len(different)), different)
        axes.set_xlim(-0.5, len(different) - 0.5)
        return
    search_panels.against(axes, chosen.astype(float), values, looks, "")
    axes.margins(x=0.08)
    if logarithmic:
        axes.set_xscale("log")
        low, high = (float(f"{end:.1g}") for end in (min(different), max(different)))
        middle = float(f"{np.sqrt(low * high):.1g}")
        ticks = sorted({low, middle, high})
    elif len(different) <= FEW:
        ticks = [float(value) for value in different]
    else:
        return
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(FixedFormatter([f"{tick:g}" for tick in ticks]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())


def _looks(table: pd.DataFrame) -> list[dict]:
    best = table["validation_accuracy"].astype(float).idxmax()
    return [_look(ended == WHOLE, at == best) for at, ended in table["ended"].items()]


def _look(whole: bool, best: bool) -> dict:
    colour = style.MIDDLE if best else style.DARK
    shape = {"marker": "D" if best else "o" if whole else "x", "color": colour}
    return shape | {"markersize": 6 if best else 4, "markerfacecolor": colour if whole else "white"}
