"""The images of the study of valence and arousal: how many there are of each class (the paper's Figure 2)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ferflow import tables
from ferflow.report import style
from ferflow.report.names import marks

TITLE = "Images per class"
LOOKS = {"train": ("training", style.DARK), "validation": ("validation", style.LIGHT)}
"""Name and colour of each part."""


def classes(table: pd.DataFrame) -> Figure:
    """Images of each class in both parts, the training's largest first; `table`: schema `affect_counts`.

    Each part has its own scale. Above the training's bars stands the class's weight in the loss.
    """
    rows = table[table["kind"] == "class"]
    train = rows[rows["part"] == "train"].sort_values("number", ascending=False, kind="stable")
    drawn = style.figure(2 * style.COLUMN, 2.5)
    panels = drawn.subplots(1, len(LOOKS))
    for axes, letter, (part, (name, colour)) in zip(panels, "ab", LOOKS.items(), strict=True):
        mine = rows[rows["part"] == part].set_index("reason").loc[list(train["reason"])]
        _bars(axes, mine, colour)
        style.panel(axes, letter, f"{name}, {mine['number'].sum():,} images")
    panels[0].set_ylabel("images")
    style.heading(drawn, TITLE, marks(bool(table["synthetic"].any())))
    return drawn


def _bars(axes: Axes, rows: pd.DataFrame, colour: str) -> None:
    axes.bar(range(len(rows)), rows["number"], 0.75, color=colour)
    for place, (number, weight) in enumerate(zip(rows["number"], rows["weight"], strict=True)):
        said = f"{number:,}" + (f"\n×{weight:.2g}" if pd.notna(weight) else "")
        axes.annotate(
            said, (place, number), (0, 2), textcoords="offset points", ha="center", va="bottom", fontsize=6
        )
    axes.set(ylim=(0, 1.28 * max(1, rows["number"].max())), xlim=(-0.6, len(rows) - 0.4))
    axes.set_xticks(range(len(rows)), list(rows.index), rotation=45, ha="right", rotation_mode="anchor")
    axes.tick_params(axis="x", length=0)
    axes.grid(axis="y")


def write_classes(counts_csv: str | Path, out: str | Path) -> None:
    """Draw schema `affect_counts` to an SVG."""
    with style.style():
        style.save(classes(tables.read(counts_csv, "affect_counts")), out, TITLE)
