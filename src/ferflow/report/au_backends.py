"""Figure of how far backends for action units agree on the same clips."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ferflow import tables
from ferflow.report import style
from ferflow.report.names import marks

MARKERS = ("o", "s", "^", "D", "v", "P")
"""A pair of backends each; more share them, in another colour."""
COLOURS = (style.DARK, style.MIDDLE, style.LIGHT)


def write(table_csv: str | Path, output: str | Path, synthetic: bool) -> None:
    """Draw the table `table_csv` (schema au_backends) to the SVG `output`."""
    with style.style():
        drawn = draw(tables.read(table_csv, "au_backends"), marks(synthetic))
        style.save(drawn, output, "Backends for action units on the same clips")


def draw(table: pd.DataFrame, marks: str) -> Figure:
    """Correlation per action unit, and distances of onset and apex, for each pair of backends in `table`."""
    drawn = style.figure(2 * style.COLUMN, 4.2)
    panels = drawn.subplots(3, 1, sharex=True, height_ratios=(2, 1, 1))
    units = list(dict.fromkeys(table["unit"]))
    pairs = list(table.groupby(["first", "second"], sort=False))
    for number, ((first, second), rows) in enumerate(pairs):
        shift = 0.5 * ((number + 0.5) / len(pairs) - 0.5)
        places = [units.index(unit) + shift for unit in rows["unit"]]
        look = {"marker": MARKERS[number % len(MARKERS)], "color": COLOURS[number % len(COLOURS)]}
        for axes, column in zip(panels, ("correlation", "onset", "apex"), strict=True):
            axes.plot(places, rows[column], linestyle="", label=f"{first} and {second}", **look)
    top, middle, bottom = panels
    top.axhline(0, color=style.LIGHT, linestyle=":", linewidth=1)
    top.set(ylabel="correlation (r)", ylim=(min(-0.05, np.nanmin([*table["correlation"], 0.0]) - 0.05), 1.05))
    middle.set(ylabel="onset apart\n(frames)", ylim=(0, None))
    bottom.set(ylabel="apex apart\n(frames)", ylim=(0, None), xlabel="action unit")
    bottom.set_xticks(range(len(units)), units, rotation=45, ha="right", rotation_mode="anchor")
    for axes in panels:
        axes.grid(True, axis="y")
    top.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    most = int(table["clips"].max())
    style.heading(drawn, f"Action units by several backends, medians over up to {most} clips", marks)
    return drawn
