"""Accuracy of the models and controls with intervals, and the split of the subjects."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ferflow.classes import SEXES
from ferflow.report import style
from ferflow.report.names import controls_of, model_label, model_order, protocol_label

MARKERS = {"test": "o", "cv": "s", "nested": "^", "human": "P"}
"""One marker per protocol; it is filled for a model and open for a control."""
CROWDED = 9
"""So many names of folds do not fit side by side."""


def accuracies(results: pd.DataFrame, confidence: float, marks: str) -> Figure:
    """Accuracy with its interval, one row per model and protocol, controls below, chance as a line.

    `results`: schema `results`; `confidence` (0–1) is that of its intervals.
    """
    rows = results[(results["metric"] == "accuracy") & results["fold"].isna()]
    models, controls = model_order(rows), controls_of(rows)
    protocols = [protocol for protocol in MARKERS if protocol in set(rows["protocol"])]
    drawn = style.figure(2 * style.COLUMN, 1.15 + 0.36 * len(models))
    axes = drawn.subplots()
    for _, row in rows.iterrows():
        share = protocols.index(row["protocol"]) - (len(protocols) - 1) / 2
        place = models.index(row["model"]) + 0.26 * share
        colour = style.MIDDLE if row["model"] in controls else style.DARK
        face = "white" if row["model"] in controls else colour
        look = {"marker": MARKERS[row["protocol"]], "color": colour, "markerfacecolor": face}
        style.point(axes, row["value"], place, row["low"], row["high"], 1.2, **look)
        number = f"{100 * row['value']:.1f}"
        if pd.notna(row["low"]):
            number += f" [{100 * row['low']:.1f}, {100 * row['high']:.1f}]"
        axes.text(1.03, place, number, va="center", fontsize=6.5, color=colour)
    chance = float(rows["chance"].iloc[0])
    axes.axvline(chance, color=style.LIGHT, linestyle=":")
    axes.set(xlim=(0, 1), xlabel="accuracy")
    style.percent(axes.xaxis)
    style.names_down(axes, [model_label(model) for model in models], 0.55, 0.55)
    handles = [
        Line2D([], [], marker=MARKERS[protocol], color=style.DARK, label=_label(rows, protocol))
        for protocol in protocols
    ]
    if controls:
        shape = {"marker": "o", "linestyle": "", "markerfacecolor": "white", "color": style.MIDDLE}
        handles.append(Line2D([], [], label="control (open marker)", **shape))
    handles.append(Line2D([], [], color=style.LIGHT, linestyle=":", label=f"chance, {100 * chance:.1f} %"))
    drawn.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    title = f"Accuracy of the models; lines: {100 * confidence:g} % intervals (bootstrap over subjects)"
    if not rows["n_subjects"].any():
        title = title.replace("subjects", "images")
    style.heading(drawn, title, marks)
    return drawn


def _label(rows: pd.DataFrame, protocol: str) -> str:
    clips = sorted(rows.loc[rows["protocol"] == protocol, "n_clips"].unique())
    n = f"{clips[0]}" if len(clips) == 1 else f"{clips[0]}–{clips[-1]}"
    return f"{protocol_label(protocol)} ({n} clips)"


def splits(splits: dict, sex_of: dict[str, str], marks: str) -> Figure:
    """Subjects and their sex in each fold and in the test set (compare thesis, Figure 3.6).

    `splits` is the content of splits.json; `sex_of` maps a subject to female, male or an empty string.
    """
    folds = splits["folds"]
    parts = {f"fold {i}": fold for i, fold in enumerate(folds)}
    # A gap sets the test set apart from the folds.
    places = [*range(len(folds))]
    if splits["test"]:
        parts["test"] = splits["test"]
        places.append(len(folds) + 0.5)
    there = {sex_of.get(subject, "") for fold in parts.values() for subject in fold}
    kinds = [sex for sex in (*SEXES, "") if sex in there]
    looks = {"female": (style.DARK, ""), "male": ("white", "////"), "": (style.LIGHT, "..")}
    drawn = style.figure(style.COLUMN * 1.3, 2.5)
    axes = drawn.subplots()
    bottom = np.zeros(len(parts))
    for sex in kinds:
        n = np.array([sum(sex_of.get(subject, "") == sex for subject in fold) for fold in parts.values()])
        face, hatch = looks[sex]
        axes.bar(places, n, 0.7, bottom, color=face, hatch=hatch, edgecolor=style.DARK, linewidth=0.8)
        for place, count, base in zip(places, n, bottom, strict=True):
            if count:
                colour = "white" if face == style.DARK else style.DARK
                box = None if face == style.DARK else {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
                axes.text(place, base + count / 2, count, ha="center", va="center", color=colour, bbox=box)
        bottom += n
    axes.set_xticks(places, list(parts), rotation=0 if len(parts) < CROWDED else 90)
    axes.tick_params(axis="x", length=0)
    axes.set(ylabel="subjects", ylim=(0, max(1, bottom.max()) * 1.05))
    drawn.legend(
        handles=[
            Patch(
                facecolor=looks[sex][0], hatch=looks[sex][1], edgecolor=style.DARK, label=sex or "not known"
            )
            for sex in kinds
        ],
        loc="outside lower center",
        ncols=len(kinds),
    )
    sides = "folds and the test set" if splits["test"] else "folds"
    style.heading(drawn, f"Subjects in the {sides} (scheme: {splits['scheme'].replace('_', ' ')})", marks)
    return drawn
