"""Panels that the figures of all searches share: trials in their order, and against what was tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from ferflow.report import style


def by_trial(
    axes: Axes, table: pd.DataFrame, looks: Sequence[Mapping], values: pd.Series | None = None
) -> None:
    """Trials in their order with the best so far, from the columns trial, best_so_far, validation_accuracy.

    `looks` holds a marker's properties for each row; `values` (0–1) are drawn instead of the accuracy.
    """
    best = table["best_so_far"].astype(float)
    axes.step(table["trial"], best, where="post", color=style.LIGHT, linewidth=1.2)
    values = table["validation_accuracy"].astype(float) if values is None else values
    _scatter(axes, table["trial"].astype(float), values, looks)
    axes.set(xlabel="trial", xlim=(0.3, len(table) + 0.7))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def against(axes: Axes, places: pd.Series, values: pd.Series, looks: Sequence[Mapping], label: str) -> None:
    """`values` (0–1) of each trial at its place along an axis with `label`; empty ones are left out."""
    _scatter(axes, places, values, looks)
    axes.set_xlabel(label)


def _scatter(axes: Axes, places: pd.Series, values: pd.Series, looks: Sequence[Mapping]) -> None:
    for place, value, look in zip(places, values, looks, strict=True):
        if pd.notna(value):
            axes.plot(place, value, linestyle="", **look)
