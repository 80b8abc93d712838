"""A sheet of face crops to look at: those without a flag beside those with one."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.datasets import manifest
from ferflow.report import style
from ferflow.report.names import marks
from ferflow.sfew import crops, quality, store

ACROSS = 5
"""Crops of each side in a row."""
SIDE = 96
"""Pixels of a crop as drawn."""
_GAP, _BETWEEN, _LINE = 0.08, 0.35, 0.16
"""Widths of a crop: between two, between the sides, and height of a line of text."""
_TEXT = 5.0


def draw(
    manifest_csv: str | Path, crops_h5: str | Path, crops_csv: str | Path, out: str | Path, title: str
) -> None:
    """Draw the sheet: a row a class, left crops without a flag, right such as have one, or no face."""
    listed, table = manifest.read(manifest_csv), crops.read(crops_h5, crops_csv)
    sides = {}
    with store.read(crops_h5) as (_, images):
        for emotion in EMOTIONS_NEUTRAL:
            of_class = (listed["emotion"] == emotion).to_numpy()
            odd = (table["flags"] != "").to_numpy() | (table["found_by"] == "none").to_numpy()
            sides[emotion] = [
                _taken(images, table, np.flatnonzero(of_class & which)) for which in (~odd, odd)
            ]
    with style.style():
        style.save(_figure(sides, title, marks(bool(table["synthetic"].any()))), out, title)


def _taken(images, table: pd.DataFrame, rows: np.ndarray) -> list[tuple[np.ndarray, str]]:
    """At most ACROSS of `rows`, evenly over them, with a caption for each."""
    places = rows[np.unique(np.linspace(0, len(rows) - 1, min(ACROSS, len(rows))).round().astype(int))]
    return [(_small(images[int(place)]), _caption(table.iloc[place])) for place in places]


def _small(image: np.ndarray) -> np.ndarray:
    return cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def _caption(row: pd.Series) -> str:
    if row["found_by"] == "none":
        return "no face"
    return row["flags"].replace(quality.BETWEEN, ", ") or f"{row['width']:.0f} px"


def _figure(sides: dict[str, list[list[tuple[np.ndarray, str]]]], title: str, mark: str) -> Figure:
    step, high = 1 + _GAP, 1 + 1.4 * _LINE
    name = 1.1
    width = name + 2 * ACROSS * step + _BETWEEN
    height = len(sides) * high + 0.35
    drawn = style.figure(2 * style.COLUMN, 2 * style.COLUMN * height / width + 0.45)
    axes = drawn.subplots()
    for side, heading in enumerate(("without a flag", "flagged, or without a face")):
        left = name + side * (ACROSS * step + _BETWEEN)
        axes.text(left, 0.2, heading, fontsize=6.5, color=style.DARK)
    for down, (emotion, both) in enumerate(sides.items()):
        top = 0.35 + down * high
        axes.text(0, top + 0.5, emotion, fontsize=6.5, va="center", color=style.DARK)
        for side, shown in enumerate(both):
            for across, (image, caption) in enumerate(shown):
                left = name + side * (ACROSS * step + _BETWEEN) + across * step
                flagged = {"edgecolor": style.MIDDLE, "linewidth": 0.9, "linestyle": "--"}
                style.tile(axes, image, left, top, **(flagged if side else {}))
                axes.text(left, top + 1 + _LINE, caption, fontsize=_TEXT, color=style.DARK)
    axes.set(xlim=(0, width), ylim=(height, 0), aspect="equal")
    axes.set_axis_off()
    style.heading(drawn, title, mark)
    return drawn
