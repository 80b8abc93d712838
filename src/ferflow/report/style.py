"""The look of every figure, and saving it as the same bytes for the same data.

Lines differ in lightness, dash and marker, so that a figure can be read without colour.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import PercentFormatter

from ferflow.files import atomic_write

DARK = "#0b2e4f"
"""First line, points, text on light cells. Lightness falls from BAND over LIGHT and MIDDLE to DARK."""
MIDDLE = "#c2571a"
"""Second line; always dashed or with another marker than DARK."""
LIGHT = "#7f8c99"
"""References: chance, half of the maximum, limits."""
BAND = "#d9e4ee"
"""Areas: kept frames, spread over folds."""
BAND_MIDDLE = "#f6ddc9"
CELLS = "Blues"
"""Colour map of matrices; its lightness falls steadily."""

FILLS = (
    (DARK, ""),
    ("white", "////"),
    (LIGHT, ""),
    ("white", "...."),
    (BAND, ""),
    ("white", "xxxx"),
    ("white", ""),
    (BAND, "////"),
    (MIDDLE, ""),
    ("white", "++++"),
    (BAND, "xxxx"),
    (LIGHT, "////"),
)
"""Fill and hatch of the first classes' bars: they differ in lightness or pattern, so no colour is needed."""

COLUMN = 3.5
"""Inches: one column of a journal's page; a full page is twice as wide."""
PAGE = 2 * COLUMN
WRAPPED = 100
"""Letters of a line below a figure's title."""
SMALL = 7
"""Size of the text beside a picture, points."""

_STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.labelsize": 8,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "figure.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.edgecolor": "#333333",
    "axes.axisbelow": True,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "grid.color": "#e4e7ea",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.4,
    "lines.markersize": 4,
    # Text as outlines looks the same everywhere; the words stay in the file as comments.
    "svg.fonttype": "path",
    # Identifiers inside the file come from this instead of a random number.
    "svg.hashsalt": "ferflow",
    "savefig.facecolor": "white",
}


@contextmanager
def style() -> Iterator[None]:
    """Draw and save inside this block."""
    with matplotlib.rc_context(_STYLE):
        yield


_LEFT_OUT: list[str] = []


@contextmanager
def left_out(what: str) -> Iterator[None]:
    """The headings of figures within this block say `what` is left out of them; "" changes nothing."""
    _LEFT_OUT[:] = textwrap.wrap(f"left out: {what}", WRAPPED) if what else []
    try:
        yield
    finally:
        _LEFT_OUT.clear()


def fills(names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Fill and hatch of each of `names`; from the thirteenth on they come again."""
    return dict(zip(names, cycle(FILLS), strict=False))


def figure(width: float, height: float) -> Figure:
    """An empty figure in inches. It belongs to no window and needs no display."""
    return Figure(figsize=(width, height), layout="constrained")


def heading(drawn: Figure, title: str, marks: str) -> None:
    """Title of the whole figure, with what must be known about its data in its second line."""
    lines = [title, *([marks] if marks else []), *_LEFT_OUT]
    drawn.suptitle("\n".join(lines), x=0.01, ha="left")


def panel(axes: Axes, letter: str, title: str) -> None:
    """Heading of one of several panels: (a), (b), …"""
    axes.set_title(f"({letter}) {title}", loc="left")


def percent(axis: Axis) -> None:
    """Write the shares along an axis as `40 %`."""
    axis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))


def picture(axes: Axes, image: np.ndarray, title: str = "", *, grey: bool = False) -> None:
    """`image` uint8 alone in `axes`, embedded with its own pixels, in a thin frame."""
    axes.imshow(image, interpolation="none", **({"cmap": "gray", "vmin": 0, "vmax": 255} if grey else {}))
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(visible=True, linewidth=0.4, edgecolor=LIGHT)
    if title:
        axes.set_title(title, fontsize=SMALL, pad=3)


def curve(
    axes: Axes, epochs: pd.Series, values: pd.Series, dash: str = "-", marks: int = 8, **look: object
) -> None:
    """`values` by epoch as a line with some `marks` markers; `look` has its colour, marker and label."""
    axes.plot(epochs, values.astype(float), dash, markevery=max(1, len(values) // marks), **look)


def tile(axes: Axes, pixels: np.ndarray | None, left: float, top: float, **edge: object) -> None:
    """An image uint8, grey or RGB, in the square of side 1 at (`left`, `top`) of a sheet, in a thin frame.

    Without `pixels` the frame alone; `edge` is how it looks otherwise.
    """
    if pixels is not None:
        extent = (left, left + 1, top + 1, top)
        axes.imshow(pixels, cmap="gray", vmin=0, vmax=255, extent=extent, interpolation="none")
    # A frame, since some images are as white as the page.
    edge = {"edgecolor": LIGHT, "linewidth": 0.3} | edge
    axes.add_patch(Rectangle((left, top), 1, 1, fill=False, **edge))


def names_down(axes: Axes, names: Sequence[str], above: float = 0.5, below: float = 0.5) -> None:
    """Names down the y axis at 0, 1, …, with room `above` the first and `below` the last."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 1 + below, -above)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")


def names_across(axes: Axes, names: Sequence[str], angle: float = 45) -> None:
    """Slanted names along the x axis at 0, 1, …"""
    axes.set_xticks(range(len(names)), names, rotation=angle, ha="right", rotation_mode="anchor")
    axes.tick_params(axis="x", length=0)
    axes.grid(axis="y")


def point(
    axes: Axes, value: float, place: float, low: float, high: float, width: float = 1.1, **look: object
) -> None:
    """A value on the line at `place`, and its interval where it is no NaN; `look` is the marker's."""
    if not math.isnan(low):
        axes.plot([low, high], [place, place], color=look["color"], linewidth=width)
    axes.plot(value, place, linestyle="", clip_on=False, **look)


def legend(
    drawn: Figure,
    lines: Mapping[str, Mapping] | None = None,
    bars: Mapping[str, Mapping] | None = None,
    ncols: int | None = None,
    **more: object,
) -> None:
    """A legend below the panels: the looks of `bars`, and of `lines` or markers, by label."""
    handles = [Patch(label=label, **look) for label, look in (bars or {}).items()]
    handles += [Line2D([], [], label=label, **look) for label, look in (lines or {}).items()]
    drawn.legend(handles=handles, **{"loc": "outside lower center", "ncols": ncols or len(handles)} | more)


def boxes(
    axes: Axes,
    values: Sequence[Sequence[float]],
    places: Sequence[float],
    names: Sequence[str],
    width: float = 0.6,
    face: str = BAND,
    outlier: float = 3,
    means: bool = False,
) -> dict:
    """Box plots of `values` at `places` along the x axis, whose `names` stand at 0, 1, …

    `outlier` is the size of their markers in points; `means` draws a diamond at each mean. Returns the
    artists.
    """
    line = {"color": DARK, "linewidth": 0.8}
    mean = {"marker": "D", "markersize": 3.5, "markerfacecolor": "white"}
    drawn = axes.boxplot(
        values,
        positions=places,
        widths=width,
        patch_artist=True,
        manage_ticks=False,
        showmeans=means,
        boxprops={"facecolor": face, "edgecolor": DARK, "linewidth": 0.8},
        whiskerprops=line,
        capprops=line,
        medianprops={"color": DARK, "linewidth": 1.6},
        meanprops=mean | {"markeredgecolor": DARK, "markeredgewidth": 0.8},
        flierprops={"marker": ".", "markersize": outlier, "markerfacecolor": LIGHT, "markeredgecolor": LIGHT},
    )
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right", rotation_mode="anchor")
    axes.grid(True, axis="y")
    return drawn


def nothing(drawn: Figure, text: str) -> Figure:
    """An empty figure that says with `text` why there is nothing to draw."""
    axes = drawn.subplots()
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, ha="center", va="center")
    return drawn


def save(drawn: Figure, path: str | Path, title: str) -> None:
    """Write `drawn` to `path` as SVG: no date, no random identifiers, whole or not at all."""
    with atomic_write(path) as partial:
        drawn.savefig(partial, format="svg", metadata={"Date": None, "Title": title})
