"""Figure of the accuracy in two kinds of folds: by fold, by sex, and against the training accuracy."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ferflow import tables
from ferflow.report import style
from ferflow.report.names import marks_of, model_label, model_order
from ferflow.settings import SCHEMES

WOMEN, MEN, BOTH = (
    {"marker": "o", "color": style.DARK, "markerfacecolor": style.DARK},
    {"marker": "s", "color": style.MIDDLE, "markerfacecolor": "white"},
    {"marker": "D", "color": style.LIGHT, "markerfacecolor": style.BAND},
)


def figure(split_kinds_csv: str | Path, output: str | Path, chance: float, confidence: float) -> None:
    """Draw schema `split_kinds`; `chance` and the `confidence` of its intervals are 0–1."""
    table = tables.read(split_kinds_csv, "split_kinds")
    with style.style():
        drawn = kinds(table, chance, confidence, marks_of(table))
        style.save(drawn, output, "Folds of one sex and of both")


def kinds(table: pd.DataFrame, chance: float, confidence: float, marks: str) -> Figure:
    """A line per model and kind of folds, in three panels."""
    lines = [(model, scheme) for model in model_order(table) for scheme in SCHEMES]
    drawn = style.figure(2 * style.COLUMN, 1.5 + 0.6 * len(lines))
    panels = drawn.subplots(1, 3, sharey=True)
    for place, (model, scheme) in enumerate(lines):
        rows = table[(table["model"] == model) & (table["scheme"] == scheme)]
        _folds(panels[0], place, rows)
        _sexes(panels[1], place, rows[rows["fold"].isna()].iloc[0])
        _gap(panels[2], place, rows[rows["fold"].isna()].iloc[0])
    titles = ("folds and their mean", "women's and men's clips", "training and validation")
    for letter, axes, title in zip("abc", panels, titles, strict=True):
        style.panel(axes, letter, title)
        axes.axvline(chance, color=style.LIGHT, linestyle=":")
        axes.set(xlim=(0, 1.02), ylim=(len(lines) - 0.4, -0.6), xlabel="accuracy")
        style.percent(axes.xaxis)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x")
    several = table["model"].nunique() > 1
    names = [f"{model_label(model)}\n{scheme}" if several else scheme for model, scheme in lines]
    panels[0].set_yticks(range(len(lines)), names)
    dot = {"linestyle": ""}
    looks = {"women": dot | WOMEN, "men": dot | MEN, "a fold of both": dot | BOTH}
    looks |= {
        f"mean, {100 * confidence:g} % interval": {"color": style.DARK, "marker": "|", "markersize": 9},
        "training": dot | {"color": style.DARK, "marker": ">", "markerfacecolor": "white"},
        "chance": {"color": style.LIGHT, "linestyle": ":"},
    }
    style.legend(drawn, looks, ncols=3)
    one = "" if several else f" of {model_label(lines[0][0])}"
    style.heading(drawn, f"Cross-validation{one} in the thesis's kind of folds and in stratified ones", marks)
    return drawn


def _folds(axes: Axes, place: int, rows: pd.DataFrame) -> None:
    folds = rows[rows["fold"].notna()]
    for row in folds.itertuples(index=False):
        look = BOTH if row.women and row.men else WOMEN if row.women else MEN
        # Each on a height of its own, in the order of the folds, so that equal ones are seen.
        offset = 0.28 * (row.fold / max(1, len(folds) - 1) - 1)
        axes.plot(row.accuracy, place + offset, linestyle="", clip_on=False, **look)
    mean = rows[rows["fold"].isna()].iloc[0]
    if pd.notna(mean["low"]):
        ends = mean["low"], mean["high"]
        axes.plot(ends, (place + 0.22, place + 0.22), color=style.DARK, linewidth=1.1)
    axes.plot(mean["accuracy"], place + 0.22, "|", color=style.DARK, markersize=9)


def _sexes(axes: Axes, place: int, mean: pd.Series) -> None:
    for name, look, offset in (("women", WOMEN, -0.14), ("men", MEN, 0.14)):
        if pd.notna(mean[f"accuracy_{name}"]):
            ends = mean[f"{name}_low"], mean[f"{name}_high"]
            style.point(axes, mean[f"accuracy_{name}"], place + offset, *ends, **look)


def _gap(axes: Axes, place: int, mean: pd.Series) -> None:
    ends = mean["accuracy"], mean["train_accuracy"]
    axes.plot(ends, (place, place), color=style.DARK, linewidth=1.1)
    axes.plot(ends[0], place, "|", color=style.DARK, markersize=9)
    axes.plot(ends[1], place, ">", color=style.DARK, markerfacecolor="white", clip_on=False)
    text = f"gap {100 * mean['gap']:.1f}".replace("-", "−")
    axes.text(sum(ends) / 2, place - 0.12, text, ha="center", va="bottom", fontsize=6.5)
