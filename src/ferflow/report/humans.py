"""Figures of the human baseline (thesis, Figures 3.25 and 3.26)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ferflow import tables
from ferflow.humans.results import ALL
from ferflow.report import style
from ferflow.report.names import marks_of
from ferflow.report.rendering import with_interval

ABREAST = 6
"""Names in a line of a legend."""
NARROW = 0.07
"""Share of a bar under which its number would not fit."""


def write_boxes(
    clips_csv: str | Path,
    accuracy_csv: str | Path | None,
    summary_csv: str | Path,
    output: str | Path,
    confidence: float,
) -> None:
    """Box plots per clip and, where answers have names, per annotator.

    The tables have the schemas `human_clips`, `human_accuracy` (None: not known) and `human_summary`.
    """
    clips, summary = tables.read(clips_csv, "human_clips"), tables.read(summary_csv, "human_summary")
    accuracy = None if accuracy_csv is None else tables.read(accuracy_csv, "human_accuracy")
    with style.style():
        drawn = boxes(clips, accuracy, summary, confidence, marks_of(clips))
        style.save(drawn, output, "Human answers that agree with the label")


def write_mistaken(mistaken_csv: str | Path, output: str | Path, limit: float) -> None:
    """Wrong answers about mistaken clips (schema `human_mistaken`); `limit` is `humans.mistaken`."""
    table = tables.read(mistaken_csv, "human_mistaken")
    with style.style():
        style.save(mistaken(table, limit, marks_of(table)), output, "What mistaken clips were taken for")


def write_annotators(
    accuracy_csv: str | Path, summary_csv: str | Path, output: str | Path, confidence: float
) -> None:
    """Each annotator's accuracy and that of the majority (schemas `human_accuracy`, `human_summary`)."""
    accuracy, summary = tables.read(accuracy_csv, "human_accuracy"), tables.read(summary_csv, "human_summary")
    with style.style():
        drawn = annotators(accuracy, summary, confidence, marks_of(accuracy))
        style.save(drawn, output, "Accuracy of the annotators")


def boxes(
    clips: pd.DataFrame, accuracy: pd.DataFrame | None, summary: pd.DataFrame, confidence: float, marks: str
) -> Figure:
    """Share of answers that agree with the label, per emotion: over clips, and over annotators.

    `clips`: schema `human_clips`; `accuracy`: schema `human_accuracy`, or None where nobody knows who voted;
    `summary`: schema `human_summary`, whose medians have intervals of `confidence` (0–1).
    The thesis's Figure 3.25 says annotators, but its medians can only be shares per clip.
    """
    emotions = list(dict.fromkeys(clips["emotion"]))
    drawn = style.figure(2 * style.COLUMN, 3.1)
    panels = drawn.subplots(1, 1 if accuracy is None else 2, sharey=True, squeeze=False)[0]
    values = [clips.loc[clips["emotion"] == emotion, "agreement"] for emotion in emotions]
    _boxes(panels[0], values, emotions)
    _intervals(panels[0], summary, "median_accuracy", emotions)
    style.panel(panels[0], "a", f"per clip (n = {len(clips)})")
    if accuracy is not None:
        values = [accuracy.loc[accuracy["emotion"] == emotion, "accuracy"] for emotion in emotions]
        _boxes(panels[1], values, emotions)
        _intervals(panels[1], summary, "annotator_median_accuracy", emotions)
        style.panel(panels[1], "b", f"per annotator (n = {accuracy['annotator'].nunique()})")
    panels[0].set_ylabel("answers that agree with the label")
    panels[0].set_ylim(-0.03, 1.12)
    panels[0].set_yticks(np.arange(0, 1.01, 0.2))
    style.percent(panels[0].yaxis)
    looks = {
        "median (number above)": {"color": style.DARK, "linewidth": 1.6},
        "mean": {"marker": "D", "linestyle": "", "color": style.DARK, "markerfacecolor": "white"},
        "outlier": {"marker": ".", "linestyle": "", "color": style.LIGHT},
        f"{100 * confidence:g} % interval of the median": {"color": style.MIDDLE, "marker": "_"},
    }
    style.legend(drawn, looks)
    style.heading(drawn, "How many answers agree with the label", marks)
    return drawn


def mistaken(table: pd.DataFrame, limit: float, marks: str) -> Figure:
    """Bars of the wrong answers about mistaken clips, per label (thesis, Figure 3.26).

    `table`: schema `human_mistaken`; a clip is mistaken if a greater share than `limit` was wrong.
    """
    emotions = list(dict.fromkeys(table["emotion"]))
    looks = style.fills(emotions)
    drawn = style.figure(2 * style.COLUMN, 1.25 + 0.36 * len(emotions))
    axes = drawn.subplots()
    for place, emotion in enumerate(emotions):
        rows = table[table["emotion"] == emotion]
        left = 0.0
        if rows["share"].isna().all():
            axes.text(0.01, place, "no clip mistaken by most", va="center", color=style.LIGHT, fontsize=7)
            continue
        for row in rows.to_dict("records"):
            if not row["share"]:
                continue
            _segment(axes, place, left, row["share"], looks[row["mistaken_for"]])
            left += row["share"]
    counts = table.groupby("emotion")["n_clips"].first()
    names = [f"{e} ({counts[e]} clip{'' if counts[e] == 1 else 's'})" for e in emotions]
    axes.set_yticks(range(len(emotions)), names)
    axes.set(xlim=(0, 1), ylim=(len(emotions) - 0.4, -0.6), xlabel="share of the wrong answers")
    style.percent(axes.xaxis)
    axes.tick_params(axis="y", length=0)
    edge = {"edgecolor": style.DARK, "linewidth": 0.7}
    bars = {emotion: {"facecolor": face, "hatch": hatch} | edge for emotion, (face, hatch) in looks.items()}
    style.legend(drawn, bars=bars, ncols=min(ABREAST, len(bars)), title="taken for")
    share = f"more than {100 * limit:g} % of the annotators mistook"
    style.heading(drawn, f"What the clips that {share} were taken for", marks)
    return drawn


def annotators(accuracy: pd.DataFrame, summary: pd.DataFrame, confidence: float, marks: str) -> Figure:
    """Accuracy of every annotator over all clips with its interval, and the majority vote's below.

    `accuracy`: schema `human_accuracy`; `summary`: schema `human_summary`; `confidence` (0–1): theirs.
    """
    people = accuracy[accuracy["emotion"] == ALL].sort_values(
        ["accuracy", "annotator"], ascending=[False, True]
    )
    whole = summary[summary["emotion"] == ALL].set_index("measure")
    rows = [(r["annotator"], r["accuracy"], r["low"], r["high"], "o") for r in people.to_dict("records")]
    for name, measure, marker in (
        ("all answers", "accuracy", "D"),
        ("majority vote", "majority_accuracy", "s"),
    ):
        row = whole.loc[measure]
        rows.append((name, row["value"], row["low"], row["high"], marker))
    drawn = style.figure(2 * style.COLUMN, 1.0 + 0.19 * len(rows))
    axes = drawn.subplots()
    for place, (name, value, low, high, marker) in enumerate(rows):
        colour = style.DARK if name in set(people["annotator"]) else style.MIDDLE
        text = with_interval({"value": value, "low": low, "high": high}, "percent")
        style.point(axes, value, place, low, high, marker=marker, color=colour)
        axes.text(1.02, place, text, va="center", fontsize=6.5, color=colour)
    axes.axhline(len(people) - 0.5, color=style.LIGHT, linewidth=0.7)
    axes.set(xlim=(0, 1), xlabel="right answers")
    style.percent(axes.xaxis)
    style.names_down(axes, [name for name, *_ in rows], 0.6, 0.6)
    about = f"lines: {100 * confidence:g} % intervals (bootstrap over subjects)"
    style.heading(drawn, f"Accuracy of the annotators; {about}", marks)
    return drawn


def _boxes(axes: Axes, values: Sequence[pd.Series], emotions: Sequence[str]) -> None:
    """A box for each emotion that has `values`, its median above it."""
    there = [(place, shares) for place, shares in enumerate(values) if len(shares)]
    places, shares = [place for place, _ in there], [shares for _, shares in there]
    style.boxes(axes, shares, places, emotions, outlier=4, means=True)
    for place, one in there:
        axes.text(place, 1.05, f"{100 * one.median():.1f}", ha="center", fontsize=6.5, color=style.DARK)


def _intervals(axes: Axes, summary: pd.DataFrame, measure: str, emotions: Sequence[str]) -> None:
    """The interval of each emotion's median, beside its box."""
    rows = summary[summary["measure"] == measure].set_index("emotion")
    for place, emotion in enumerate(emotions):
        if emotion in rows.index and pd.notna(rows.loc[emotion, "low"]):
            ends = [rows.loc[emotion, "low"], rows.loc[emotion, "high"]]
            look = {"color": style.MIDDLE, "linewidth": 1.1, "markersize": 3.5}
            axes.plot([place + 0.4, place + 0.4], ends, "_-", **look)


def _segment(axes: Axes, place: int, left: float, share: float, look: tuple[str, str]) -> None:
    face, hatch = look
    axes.barh(place, share, 0.62, left, color=face, hatch=hatch, edgecolor=style.DARK, linewidth=0.7)
    if share >= NARROW:
        colour = "white" if face == style.DARK else style.DARK
        box = {"facecolor": "white", "edgecolor": "none", "pad": 0.8} if hatch else None
        text = f"{100 * share:.0f}"
        axes.text(
            left + share / 2, place, text, ha="center", va="center", fontsize=6.5, color=colour, bbox=box
        )
