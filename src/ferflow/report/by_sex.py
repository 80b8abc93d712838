"""Accuracy of women's and men's clips apart."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from ferflow import tables
from ferflow.classes import SEXES
from ferflow.errors import InputError
from ferflow.evaluation.predictions import judged
from ferflow.report import style
from ferflow.report.names import marks_of, model_label, model_order

LOOKS = {"female": (style.DARK, "o", -0.14), "male": (style.MIDDLE, "s", 0.14)}
"""Colour, marker and place beside the model's line; men's markers are open."""


def by_sex(results_by_sex_csv: str | Path, output: str | Path, confidence: float) -> None:
    """Draw the accuracy by which models are judged (and the human majority's) of schema `results_by_sex`."""
    table = tables.read(results_by_sex_csv, "results_by_sex")
    table = table[table["protocol"].isin((judged(table), "human")) & (table["metric"] == "accuracy")]
    if table.empty:
        raise InputError(results_by_sex_csv, "has no test results of women or men", "give the sexes")
    with style.style():
        drawn = dots(table, confidence, marks_of(table))
        style.save(drawn, output, "Accuracy by sex")


def dots(table: pd.DataFrame, confidence: float, marks: str) -> Figure:
    """Accuracy with its interval, two lines per model; `confidence` (0–1) is that of the intervals."""
    models = model_order(table["model"])
    drawn = style.figure(2 * style.COLUMN, 1.1 + 0.34 * len(models))
    axes = drawn.subplots()
    for row in table[table["sex"].isin(SEXES)].itertuples(index=False):
        colour, marker, beside = LOOKS[row.sex]
        place = models.index(row.model) + beside
        if pd.notna(row.low):
            axes.plot([row.low, row.high], [place, place], color=colour, linewidth=1.1)
        face = colour if row.sex == "female" else "white"
        axes.plot(row.value, place, marker, color=colour, markerfacecolor=face, clip_on=False)
    axes.set(xlim=(0, 1), ylim=(len(models) - 0.5, -0.5), xlabel="accuracy")
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    axes.set_yticks(range(len(models)), [model_label(model) for model in models])
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    handles = []
    for sex, label in zip(SEXES, ("women", "men"), strict=True):
        colour, marker, _ = LOOKS[sex]
        face = colour if sex == "female" else "white"
        n = table.loc[table["sex"] == sex, "n_subjects"]
        text = f"{label} ({n.max()} subjects)" if len(n) else f"{label} (none)"
        handles.append(Line2D([], [], color=colour, marker=marker, markerfacecolor=face, label=text))
    drawn.legend(handles=handles, loc="outside lower center", ncols=2)
    title = f"Accuracy by sex; lines: {100 * confidence:g} % intervals (bootstrap over subjects)"
    style.heading(drawn, title, marks)
    return drawn
