"""Learning curves (thesis, Figures 3.10 and 3.16)."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ferflow.evaluation.regression import DIMENSIONS
from ferflow.report import style

SIDES = (
    ("train", "training", "-", "", style.DARK, style.BAND),
    ("validation", "validation", "--", "o", style.MIDDLE, style.BAND_MIDDLE),
)
"""Column prefix, name, dash, marker, colour, colour of the band."""
CROSS_ENTROPY = "loss (cross-entropy)"


def spread(histories: Sequence[pd.DataFrame], column: str) -> pd.DataFrame:
    """`column` of several histories, epoch by epoch: mean, min and max [E], indexed by epoch.

    Runs of different lengths are averaged over those that reached the epoch. Empty cells are left out.
    """
    wide = pd.concat([history.set_index("epoch")[column].astype(float) for history in histories], axis=1)
    return pd.DataFrame({"mean": wide.mean(axis=1), "min": wide.min(axis=1), "max": wide.max(axis=1)})


def learning_curves(
    histories: Sequence[pd.DataFrame], name: str, chance: float | None, marks: str, loss: str = CROSS_ENTROPY
) -> Figure:
    """Loss and accuracy of training and validation by epoch; several folds as mean and range.

    `histories`: schema `history`, one per fold, or one alone. `chance` (0–1) is drawn
    where given; `loss` says which it is. Where valence and arousal were learnt, a third panel has their
    concordance.
    """
    columns = [f"validation_ccc_{dimension}" for dimension in DIMENSIONS]
    known = [column for column in columns if column in histories[0] and histories[0][column].notna().any()]
    drawn = style.figure(2 * style.COLUMN, 2.7)
    left, right, *third = drawn.subplots(1, 2 + bool(known))
    for axes, what in ((left, "loss"), (right, "accuracy")):
        for side, label, dash, marker, colour, band in SIDES:
            _line(axes, spread(histories, f"{side}_{what}"), label, dash, marker, colour, band)
    for axes in third:
        for column, dimension, (_, _, *look) in zip(columns, DIMENSIONS, SIDES, strict=True):
            _line(axes, spread(histories, column), dimension, *look)
        axes.axhline(0, color=style.LIGHT, linewidth=0.7)
        axes.set(ylabel="CCC, validation", ylim=(min(-0.1, axes.dataLim.y0 - 0.05), 1.02))
        axes.legend(loc="upper left")
        style.panel(axes, "c", "valence, arousal")
    for axes in (left, right, *third):
        by_epoch(axes, max(history["epoch"].max() for history in histories))
    left.set(ylabel=loss, ylim=(0, None))
    right.set(ylabel="accuracy", ylim=(0, 1.02))
    style.percent(right.yaxis)
    if chance is not None:
        right.axhline(chance, color=style.LIGHT, linestyle=":", label="chance")
    style.panel(left, "a", "loss")
    style.panel(right, "b", "accuracy")
    drawn.legend(handles=right.get_legend_handles_labels()[0], loc="outside lower center", ncols=3)
    folds = f": mean and range over {len(histories)} folds" if len(histories) > 1 else ""
    style.heading(drawn, f"Learning curves of {name}{folds}", marks)
    return drawn


def _line(
    axes: Axes, curve: pd.DataFrame, label: str, dash: str, marker: str, colour: str, band: str
) -> None:
    curve = curve.dropna()
    if len(curve):
        every = max(1, len(curve) // 10)
        axes.fill_between(curve.index, curve["min"], curve["max"], color=band, lw=0, alpha=0.8)
        axes.plot(curve.index, curve["mean"], dash, marker=marker, markevery=every, color=colour, label=label)


def by_epoch(axes: Axes, last: int) -> None:
    """Epochs 1 to `last` along the axis."""
    axes.set_xlabel("epoch")
    axes.set_xlim(0.5, last + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=3))
    axes.grid(axis="y")


def averaged(histories: dict[str, Sequence[pd.DataFrame]]) -> pd.DataFrame:
    """Schema `cv_epochs` (without marks): each model's folds averaged epoch by epoch."""
    parts = []
    for model, folds in histories.items():
        reached = pd.concat([fold["epoch"] for fold in folds]).value_counts().sort_index()
        table = pd.DataFrame({"model": model, "epoch": reached.index, "n_folds": reached.to_numpy()})
        for side, *_ in SIDES:
            for what in ("loss", "accuracy"):
                curve = spread(folds, f"{side}_{what}").reindex(table["epoch"])
                for statistic in ("mean", "min", "max"):
                    table[f"{side}_{what}_{statistic}"] = curve[statistic].to_numpy()
        parts.append(table)
    return pd.concat(parts, ignore_index=True)
