"""Figure of the accuracy by group of clips: women and men, for example."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ferflow import tables
from ferflow.errors import InputError
from ferflow.evaluation.groups import DIFFERENCE
from ferflow.report import style
from ferflow.report.names import marks_of, model_label, model_order, protocol_label, protocol_order

LOOKS = ((style.DARK, "o", True), (style.MIDDLE, "s", False), (style.LIGHT, "^", True))
"""Colour, marker, and whether it is filled, of the first groups."""
FURTHER = ("D", "v", "P", "X", "<", ">", "p", "h")
"""Markers of further ones, in turn with the colours of the first."""
SPREAD = 0.28
"""How far from a model's line the markers of its groups lie, at most."""
LABELS = {"female": "women", "male": "men"}


def by_group(results_by_csv: str | Path, output: str | Path, confidence: float) -> None:
    """Draw the test accuracy (and the human majority's) of schema `results_by`, a panel for each column.

    Without test clips it is the accuracy in cross-validation.
    """
    table = tables.read(results_by_csv, "results_by")
    table = table[table["metric"] == "accuracy"]
    table = table[table["protocol"].isin(_shown(table["protocol"]))]
    if table.empty:
        raise InputError(results_by_csv, "has no results of any group", "take evaluation.by out of the study")
    with style.style():
        style.save(dots(table, confidence, marks_of(table)), output, "Accuracy by group")


def _shown(protocols: pd.Series) -> tuple[str, ...]:
    return ("test", "human") if (protocols == "test").any() else ("cv", "human")


def dots(table: pd.DataFrame, confidence: float, marks: str) -> Figure:
    """Accuracy with its interval, a line per model and group; `confidence` (0–1) is that of the intervals."""
    models = model_order(table)
    columns = list(dict.fromkeys(table["by"]))
    groups = {column: _groups(table, column) for column in columns}
    sizes = [len(groups[column]) for column in columns]
    # Room for each group's marker, and for the legend, which has a line a group.
    heights = [0.6 + max(0.17 * n, len(models) * (0.34 + 0.09 * max(0, n - 3))) for n in sizes]
    drawn = style.figure(2 * style.COLUMN, 0.5 + sum(heights))
    panels = drawn.subplots(len(columns), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axes, column in zip(panels, columns, strict=True):
        _panel(axes, table[table["by"] == column], column, groups[column], models)
    protocols = " and ".join(protocol_label(name) for name in protocol_order(table["protocol"]))
    title = f"Accuracy by {', '.join(columns)}, {protocols}; lines: {100 * confidence:g} % intervals"
    style.heading(drawn, f"{title} (bootstrap over subjects)", marks)
    return drawn


def _groups(table: pd.DataFrame, column: str) -> list[str]:
    return [name for name in dict.fromkeys(table.loc[table["by"] == column, "group"]) if name != DIFFERENCE]


def looks(n: int) -> list[tuple[str, str, bool]]:
    """Colour, marker and filling of `n` groups."""
    further = zip(cycle(colour for colour, *_ in LOOKS), cycle(FURTHER), cycle((True, False)), strict=False)
    return [*LOOKS[:n], *(one for one, _ in zip(further, range(n - len(LOOKS)), strict=False))]


def _panel(axes: Axes, table: pd.DataFrame, column: str, groups: list[str], models: list[str]) -> None:
    beside = np.linspace(-SPREAD, SPREAD, len(groups)) if len(groups) > 2 else [-0.14, 0.14][: len(groups)]
    handles = []
    for group, offset, (colour, marker, filled) in zip(groups, beside, looks(len(groups)), strict=True):
        face = colour if filled else "white"
        own = table[table["group"] == group]
        for row in own[own["n_clips"] > 0].itertuples(index=False):
            place = models.index(row.model) + offset
            look = {"marker": marker, "color": colour, "markerfacecolor": face}
            style.point(axes, row.value, place, row.low, row.high, **look)
        n = int(own["n_subjects"].max())
        size = f"{n} subject{'s' * (n != 1)}" if n else "none"
        text = f"{LABELS.get(group, group)} ({size})".replace("$", r"\$")  # no formula
        handles.append(Line2D([], [], color=colour, marker=marker, markerfacecolor=face, label=text))
    axes.set(xlim=(0, 1), xlabel="accuracy")
    style.percent(axes.xaxis)
    style.names_down(axes, [model_label(model) for model in models])
    axes.legend(handles=handles, title=column, loc="upper left", bbox_to_anchor=(1.01, 1), alignment="left")
