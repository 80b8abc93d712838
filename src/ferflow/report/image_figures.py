"""Figures of an image study: accuracy of its networks, and images per class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ferflow import tables
from ferflow.evaluation.results import LEAKY
from ferflow.report import style
from ferflow.report.image_counts import FIGURE_4, TOTAL
from ferflow.report.image_tables import protocols
from ferflow.report.names import marks, model_label, views_label

GROUP = 0.8
"""Width that the bars of one model take of the distance to the next."""
BESIDE = 0.25
"""Distance of a diamond from the middle of its bar, in bars."""
ABREAST = 6
"""Models whose names fit beside one another under the bars."""
DIAMOND = {"marker": "D", "linestyle": "", "color": style.MIDDLE, "markerfacecolor": "white"}
LOOKS = {"one": (style.DARK, ""), "mirror": (style.LIGHT, ""), "ten": ("white", "////")}
"""Colour and hatch of each view's bars."""


def accuracies(table: pd.DataFrame, confidence: float, chance: float) -> Figure:
    """Accuracy on the test images of every network and average in each view, with intervals.

    `table`: schema `accuracies`. A diamond is the same without the images that have a copy in the training.
    """
    table = table[table["test"].notna()]
    tested = protocols(table)["test"].split(",")[0]
    models, views = list(dict.fromkeys(table["model"])), list(dict.fromkeys(table["views"]))
    drawn = style.figure(2 * style.COLUMN, 3.3)
    axes = drawn.subplots()
    width = GROUP / len(views)
    for _, row in table.iterrows():
        place = models.index(row["model"]) + (views.index(row["views"]) - (len(views) - 1) / 2) * width
        face, hatch = LOOKS[row["views"]]
        axes.bar(
            place, row["test"], 0.9 * width, color=face, hatch=hatch, edgecolor=style.DARK, linewidth=0.8
        )
        if pd.notna(row["test_low"]):
            axes.plot([place, place], [row["test_low"], row["test_high"]], color=style.MIDDLE, linewidth=1.6)
        if pd.notna(row["honest"]):
            diamond = place + BESIDE * width  # a narrow interval would hide under it
            axes.plot(diamond, row["honest"], **DIAMOND, markersize=3, zorder=3)
        top = np.nanmax([row["test"], row["test_high"], row["honest"]])
        axes.text(place, top + 0.012, f"{100 * row['test']:.1f}", ha="center", va="bottom", fontsize=6.5)
    axes.axhline(chance, color=style.LIGHT, linestyle=":")
    axes.set(ylim=(0, 1), ylabel=f"accuracy on {tested}", xlim=(-0.6, len(models) - 0.4))
    style.percent(axes.yaxis)
    turned = {"rotation": 20, "ha": "right", "rotation_mode": "anchor"} if len(models) > ABREAST else {}
    axes.set_xticks(range(len(models)), [model_label(model) for model in models], **turned)
    axes.tick_params(axis="x", length=0)
    axes.grid(axis="y")
    bars = {
        views_label(view): {"facecolor": LOOKS[view][0], "hatch": LOOKS[view][1], "edgecolor": style.DARK}
        for view in views
    }
    lines = {
        f"{100 * confidence:g} % interval": {"color": style.MIDDLE, "linewidth": 1.6},
        "without copies": DIAMOND,
        f"chance, {100 * chance:.1f} %": {"color": style.LIGHT, "linestyle": ":"},
    }
    style.legend(drawn, lines, bars)
    mark = marks(bool(table["synthetic"].any()), LEAKY if table["leaky"].any() else "")
    style.heading(drawn, f"Accuracy of the networks on all images of {tested}", mark)
    return drawn


def counts(table: pd.DataFrame) -> Figure:
    """Images of each class in each data set, ours as bars and the published numbers as lines.

    `table`: schema `image_counts`; compare the compact paper's Figure 4.
    """
    table = table[(table["source"] == FIGURE_4) & (table["emotion"] != TOTAL)]
    sets = list(dict.fromkeys(table["dataset"]))
    drawn = style.figure(2 * style.COLUMN, 2.6)
    for axes, name in zip(drawn.subplots(1, len(sets), squeeze=False)[0], sets, strict=True):
        _counted(axes, table[table["dataset"] == name], name)
    drawn.supylabel("images", fontsize=8)
    published = {"color": style.MIDDLE, "linewidth": 1.6}
    style.legend(drawn, {"published": published}, {"counted here": {"facecolor": style.DARK}})
    style.heading(drawn, "Images per class and data set", marks(bool(table["synthetic"].any())))
    return drawn


def _counted(axes: Axes, rows: pd.DataFrame, name: str) -> None:
    places = np.arange(len(rows))
    counted = rows["ours"].astype(float)
    axes.bar(places, counted.fillna(0), 0.7, color=style.DARK)
    for place, value in zip(places, rows["published"].astype(float), strict=True):
        if not np.isnan(value):
            axes.plot([place - 0.45, place + 0.45], [value, value], color=style.MIDDLE, linewidth=1.6)
    highest = max(1.0, np.nanmax([counted.max(), rows["published"].astype(float).max()]))
    axes.set(ylim=(0, 1.12 * highest), xlim=(-0.7, len(rows) - 0.3))
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    style.names_across(axes, list(rows["emotion"]), 60)
    state = "no copy here" if counted.isna().all() else "ours: synthetic" if rows["synthetic"].any() else ""
    axes.set_title(f"{name}\n{state}", loc="left")


def write_accuracies(table_csv: str | Path, output: str | Path, confidence: float, n_classes: int) -> None:
    """Draw schema `accuracies` to an SVG."""
    with style.style():
        drawn = accuracies(tables.read(table_csv, "accuracies"), confidence, 1 / n_classes)
        style.save(drawn, output, "Accuracy of the networks")


def write_counts(table_csv: str | Path, out: str | Path) -> None:
    """Draw schema `image_counts` to an SVG."""
    with style.style():
        style.save(counts(tables.read(table_csv, "image_counts")), out, "Images per class and data set")
