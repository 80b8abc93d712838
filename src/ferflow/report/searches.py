"""Searches, drawn: trials in their order, against what was tried, and the gap to the training."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, NullFormatter, NullLocator

from ferflow import tables
from ferflow.report import style
from ferflow.report.names import marks_of, model_label
from ferflow.settings import HeadSettings
from ferflow.training.head_search import WHOLE

FEW = 6
"""Values up to which every one has a tick of its own."""
MARKERS = {1: "o", 2: "s"}
"""By the number of dense layers of a classifier; filled for one, open for two."""
Panel = tuple[str, Callable[[Axes], None]]
"""A panel's title, and what draws its trials."""


def head(trials_csv: str | Path, out: str | Path, model: str, logarithmic: list[str]) -> None:
    """Draw the search of a head's settings (schema `head_trials`); `logarithmic` names settings drawn so."""
    table = tables.read(trials_csv, "head_trials")
    with style.style():
        drawn = head_trials(table, model_label(model), logarithmic, marks_of(table))
        style.save(drawn, out, f"Search of the settings of {model_label(model)}")


def classifier(trials_csv: str | Path, output: str | Path, model: str) -> None:
    """Draw the search of the classifier on a frozen network (schema `trials`; thesis, section 3.2.4)."""
    table = tables.read(trials_csv, "trials")
    with style.style():
        drawn = classifier_trials(table, model_label(model), marks_of(table))
        style.save(drawn, output, f"Search of the classifier of {model_label(model)}")


def searched(table: pd.DataFrame) -> list[str]:
    """The settings that were searched: the columns of schema `head_trials` that are not empty."""
    names = [*HeadSettings.model_fields, "learning_rate", "batch"]
    return [name for name in names if not (table[name].isna() | (table[name].astype(str) == "")).all()]


def head_trials(table: pd.DataFrame, name: str, logarithmic: list[str], marks: str) -> Figure:
    """Mean validation accuracy by trial with the best so far, against each setting, and the training's."""
    values = table["mean_so_far"].astype(float)
    best = table["validation_accuracy"].astype(float).idxmax()
    looks = [_head_look(ended == WHOLE, at == best) for at, ended in table["ended"].items()]

    def setting(column: str) -> Panel:
        title = tables.schema("head_trials").column(column).title
        return title, lambda axes: _setting(axes, table[column], values, looks, column in logarithmic)

    def gap(axes: Axes) -> None:
        against(axes, table["train_accuracy"].astype(float), values, looks, "training accuracy")
        style.percent(axes.xaxis)
        axes.margins(x=0.08, y=0.1)
        _diagonal(axes)

    panels: list[Panel] = [
        ("trials in their order", lambda axes: by_trial(axes, table, values, looks)),
        *map(setting, searched(table)),
        ("gap to the training", gap),
    ]
    labels = {
        "on all folds": _head_look(True, False),
        "best": _head_look(True, True),
        "stopped": _head_look(False, False),
    }
    drawn = style.figure(2 * style.COLUMN, 0.9 + 1.75 * math.ceil(len(panels) / 3))
    _search(drawn, panels, 3, "mean over folds", labels)
    whole = int((table["ended"] == WHOLE).sum())
    title = f"Search of the settings of {name}: {len(table)} trials, {whole} of them on all folds"
    style.heading(drawn, title, marks)
    return drawn


def classifier_trials(table: pd.DataFrame, name: str, marks: str) -> Figure:
    """Validation accuracy per trial with the best so far, and against each of the parameters."""
    values = table["validation_accuracy"].astype(float)
    looks = [_layers_look(int(n), at == values.idxmax()) for at, n in table["layers"].items()]
    shapes = _shapes(table)
    order = sorted(set(shapes), key=lambda shape: (shape.count("–"), [int(n) for n in shape.split("–")]))

    def size(axes: Axes) -> None:
        places = shapes.map(order.index).astype(float)
        against(axes, places, values, looks, "neurons of the dense layers")
        axes.set_xticks(range(len(order)), order, rotation=45, ha="right", rotation_mode="anchor")

    def gap(axes: Axes) -> None:
        training = table["train_accuracy"].astype(float)
        against(axes, training, values, looks, "training accuracy at the best epoch")
        style.percent(axes.xaxis)
        _diagonal(axes)

    panels: list[Panel] = [
        ("trials in their order", lambda axes: by_trial(axes, table, values, looks)),
        ("dropout", lambda axes: against(axes, table["dropout"].astype(float), values, looks, "dropout")),
        ("size", size),
        ("gap between training and validation", gap),
    ]
    labels = {f"{n} dense layer{'s' * (n > 1)}": _layers_look(n, False) for n in MARKERS}
    drawn = style.figure(2 * style.COLUMN, 4.4)
    _search(drawn, panels, 2, "validation accuracy", labels | {"best": _layers_look(1, True)})
    lost = int(table["validation_accuracy"].isna().sum())
    without = f" ({lost} without a finite loss)" if lost else ""
    style.heading(drawn, f"Search of the classifier of {name}: {len(table)} trials{without}", marks)
    return drawn


def _search(
    drawn: Figure, panels: Sequence[Panel], across: int, label: str, looks: Mapping[str, dict]
) -> None:
    """`panels`, `across` of them in a row with `label` at their left; `looks` are the legend's markers."""
    grid = drawn.subplots(math.ceil(len(panels) / across), across, sharey=True, squeeze=False)
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    for letter, axes, (title, draw) in zip("abcdefghijklmnopq", grid.flat, panels, strict=False):
        draw(axes)
        style.panel(axes, letter, title)
        style.percent(axes.yaxis)
        axes.grid(axis="y")
    for axes in grid[:, 0]:
        axes.set_ylabel(label)
    lines = {label: {"linestyle": "", **look} for label, look in looks.items()}
    lines["best so far"] = {"color": style.LIGHT, "drawstyle": "steps-post"}
    lines["no gap"] = {"color": style.LIGHT, "linestyle": ":"}
    style.legend(drawn, lines)


def by_trial(axes: Axes, table: pd.DataFrame, values: pd.Series, looks: Sequence[Mapping]) -> None:
    """`values` (0–1) of the trials in their order with the best so far (columns trial, best_so_far).

    `looks` holds a marker's properties for each row.
    """
    best = table["best_so_far"].astype(float)
    axes.step(table["trial"], best, where="post", color=style.LIGHT, linewidth=1.2)
    against(axes, table["trial"].astype(float), values, looks, "trial")
    axes.set(xlim=(0.3, len(table) + 0.7))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def against(axes: Axes, places: pd.Series, values: pd.Series, looks: Sequence[Mapping], label: str) -> None:
    """`values` (0–1) of each trial at its place along an axis with `label`; empty ones are left out."""
    for place, value, look in zip(places, values, looks, strict=True):
        if pd.notna(value):
            axes.plot(place, value, linestyle="", **look)
    axes.set_xlabel(label)


def _diagonal(axes: Axes) -> None:
    """The line on which training and validation are equal, within what is drawn."""
    limits = axes.get_xlim(), axes.get_ylim()
    axes.axline((0, 0), slope=1, linestyle=":", color=style.LIGHT)
    axes.set(xlim=limits[0], ylim=limits[1])


def _setting(axes: Axes, chosen: pd.Series, values: pd.Series, looks: list[dict], logarithmic: bool) -> None:
    different = sorted(set(chosen.dropna()))
    if chosen.map(lambda value: isinstance(value, str)).any():
        against(axes, chosen.map(different.index).astype(float), values, looks, "")
        axes.set_xticks(range(len(different)), different)
        axes.set_xlim(-0.5, len(different) - 0.5)
        return
    against(axes, chosen.astype(float), values, looks, "")
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


def _head_look(whole: bool, best: bool) -> dict:
    colour = style.MIDDLE if best else style.DARK
    shape = {"marker": "D" if best else "o" if whole else "x", "color": colour}
    return shape | {"markersize": 6 if best else 4, "markerfacecolor": colour if whole else "white"}


def _layers_look(layers: int, best: bool) -> dict:
    colour = style.MIDDLE if best else style.DARK
    return {
        "marker": MARKERS[layers],
        "color": colour,
        "markerfacecolor": colour if layers == 1 else "white",
        "markersize": 6 if best else 4,
    }


def _shapes(table: pd.DataFrame) -> pd.Series:
    second = table["neurons_2"]
    return pd.Series(
        np.where(
            second.isna(),
            table["neurons_1"].astype(str),
            table["neurons_1"].astype(str) + "–" + second.astype("Int64").astype(str),
        ),
        index=table.index,
    )
