"""Settings compared in cross-validation (thesis, sections 3.2.4 and 3.2.5, Figures 3.16 to 3.23)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from matplotlib import colormaps
from matplotlib.figure import Figure

from ferflow import tables
from ferflow.evaluation.results import study_note
from ferflow.report import style
from ferflow.report.curves import by_epoch, spread
from ferflow.report.names import marks, model_label
from ferflow.settings import Comparison

MARKERS = "osD^vPX*"
COLOURS = "viridis"
"""Colour map of the runs; its lightness rises steadily, and every run has a marker of its own."""


def summary(
    histories: Mapping[str, Sequence[pd.DataFrame]],
    comparisons: Mapping[str, Comparison],
    changes: Mapping[str, Mapping[str, object]],
) -> pd.DataFrame:
    """Schema `experiments` (without marks): a row per comparison and run, at the last epoch.

    `histories`: of each run, schema `history`, one per fold. `changes` say in what a run differs. The spread
    is the sample standard deviation over folds; the gap is the training's accuracy less the validation's.
    """
    rows = []
    for comparison in comparisons.values():
        for run in comparison.runs:
            last = pd.DataFrame([history.iloc[-1] for history in histories[run]])
            validation, training = (
                last[f"{side}_accuracy"].astype(float) for side in ("validation", "train")
            )
            rows.append(
                {
                    "comparison": comparison.title,
                    "run": run,
                    "changes": _words(changes.get(run, {})),
                    "n_folds": len(last),
                    "epochs": int(last["epoch"].max()),
                    "accuracy": validation.mean(),
                    "spread": validation.std(ddof=1),
                    "least": validation.min(),
                    "greatest": validation.max(),
                    "train_accuracy": training.mean(),
                    "gap": training.mean() - validation.mean(),
                }
            )
    return pd.DataFrame(rows)


def _words(changes: Mapping[str, object]) -> str:
    if not changes:
        return "as the study sets it"
    return ", ".join(f"{name} {value}" for name, value in changes.items() if value is not None)


def curves(histories: Mapping[str, Sequence[pd.DataFrame]], title: str, chance: float, mark: str) -> Figure:
    """Accuracy and loss by epoch of several runs, training and validation apart: mean and range."""
    drawn = style.figure(2 * style.COLUMN, 5.2)
    panels = drawn.subplots(2, 2, sharex=True, sharey="row")
    shades = colormaps[COLOURS]
    for number, (run, folds) in enumerate(histories.items()):
        colour = shades(0.85 * number / max(1, len(histories) - 1))
        for row, what in zip(panels, ("accuracy", "loss"), strict=True):
            for axes, side in zip(row, ("train", "validation"), strict=True):
                curve = spread(folds, f"{side}_{what}").dropna()
                axes.fill_between(curve.index, curve["min"], curve["max"], color=colour, lw=0, alpha=0.12)
                look = {"color": colour, "marker": MARKERS[number % len(MARKERS)], "label": model_label(run)}
                style.curve(axes, curve.index, curve["mean"], **look)
    for letter, axes, name in zip(
        "abcd", panels.flat, ("training", "validation", "training", "validation"), strict=True
    ):
        what = "accuracy" if letter in "ab" else "loss"
        style.panel(axes, letter, f"{what}, {name}")
        axes.grid(axis="y")
    for axes in panels[0]:
        axes.axhline(chance, color=style.LIGHT, linestyle=":")
        style.percent(axes.yaxis)
    panels[0, 0].set(ylabel="accuracy", ylim=(0, 1.02))
    panels[1, 0].set(ylabel="loss (cross-entropy)", ylim=(0, None))
    longest = max(history["epoch"].max() for folds in histories.values() for history in folds)
    for axes in panels[1]:
        by_epoch(axes, longest)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside lower center", ncols=min(4, len(labels)))
    n_folds = len(next(iter(histories.values())))
    style.heading(drawn, f"{title}: mean and range over {n_folds} folds", mark)
    return drawn


def write_table(
    history_csvs: Mapping[str, Sequence[str | Path]],
    comparisons: Mapping[str, Comparison],
    changes: Mapping[str, Mapping[str, object]],
    output: str | Path,
    synthetic: bool,
    protocol: str = "honest",
) -> None:
    """Write schema `experiments` from each run's history.csv files, one per fold."""
    table = summary(_read(history_csvs), comparisons, changes)
    tables.write(table.assign(synthetic=synthetic, note=study_note(protocol)), output, "experiments")


def write_figure(
    history_csvs: Mapping[str, Sequence[str | Path]],
    comparison: Comparison,
    output: str | Path,
    n_classes: int,
    synthetic: bool,
    protocol: str = "honest",
) -> None:
    """Draw the learning curves of one comparison to the SVG `output`."""
    histories = _read({run: history_csvs[run] for run in comparison.runs})
    with style.style():
        drawn = curves(histories, comparison.title, 1 / n_classes, marks(synthetic, study_note(protocol)))
        style.save(drawn, output, comparison.title)


def _read(history_csvs: Mapping[str, Sequence[str | Path]]) -> dict[str, list[pd.DataFrame]]:
    return {run: [tables.read(path, "history") for path in paths] for run, paths in history_csvs.items()}
