"""Figure of the differences in accuracy between models, with intervals and significance."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from ferflow import tables
from ferflow.errors import InputError
from ferflow.evaluation.predictions import SIMULATED
from ferflow.report import style
from ferflow.report.names import marks_of, model_label


def differences(comparisons_csv: str | Path, output: str | Path, confidence: float) -> None:
    """Draw schema `comparisons`."""
    table = tables.read(comparisons_csv, "comparisons")
    if table.empty:
        raise InputError(comparisons_csv, "compares no models", "evaluate at least two")
    with style.style():
        roles = table["first_role"].where(table["first_role"] == SIMULATED, table["second_role"])
        drawn = forest(table, confidence, marks_of(table.assign(role=roles)))
        style.save(drawn, output, "Models against each other")


def forest(table: pd.DataFrame, confidence: float, marks: str) -> Figure:
    """One line per pair, in the table's order; filled where the permutation test tells them apart.

    `confidence` (0–1) is that of the intervals.
    """
    drawn = style.figure(2 * style.COLUMN, 1.2 + 0.2 * len(table))
    axes = drawn.subplots()
    for place, row in enumerate(table.itertuples(index=False)):
        face = style.DARK if row.differs else "white"
        if pd.notna(row.low):
            axes.plot([row.low, row.high], [place, place], color=style.DARK, linewidth=1.1)
        axes.plot(row.difference, place, "o", color=style.DARK, markerfacecolor=face)
        p = f"{row.p_permutation_holm:.3f}" if row.p_permutation_holm >= 0.001 else "< 0.001"
        axes.text(1.02, place, p, transform=axes.get_yaxis_transform(), va="center", fontsize=6.5)
    axes.text(1.02, -1, "p (Holm)", transform=axes.get_yaxis_transform(), va="center", fontsize=6.5)
    axes.axvline(0, color=style.LIGHT, linestyle=":")
    names = [f"{model_label(row.first)} – {model_label(row.second)}" for row in table.itertuples()]
    axes.set_xlabel("difference in accuracy (points)")
    style.names_down(axes, names, 1.6, 0.6)
    unit = table["unit"].iloc[0]
    shape = {"linestyle": "", "marker": "o", "color": style.DARK}
    looks = {
        f"differs (sign-flip test over {unit}s, Holm)": shape,
        "does not": shape | {"markerfacecolor": "white"},
        f"{100 * confidence:g} % interval over {unit}s": {"color": style.DARK},
    }
    style.legend(drawn, looks)
    clips = sorted(set(table["n_clips"]))
    n = f"{clips[0]}" if len(clips) == 1 else f"{clips[0]}–{clips[-1]}"
    style.heading(drawn, f"Models against each other on the same clips (n = {n})", marks)
    return drawn
