"""AU curves of the clips that a model got wrong, small and side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ferflow.explain.way_figures import WIDTH
from ferflow.report import style

SHEET = 24
"""Curves on a sheet at most; more become too small to read."""
COLUMNS = 4


def mistaken(clips: pd.DataFrame, scores: Mapping[str, np.ndarray], threshold: float, what: str, marks: str):
    """AU score [T] (0–5) of each mistaken clip with the frames that trimming keeps.

    `clips`: rows of schema `trim` with `emotion`, `predicted` and `probability` (of the latter), in the order
    in which they are drawn; the first SHEET of them are. `threshold`: share of the maximum below which faces
    count as neutral; `what`: the model, for the heading.
    """
    shown = clips.head(SHEET)
    rows = max(1, math.ceil(len(shown) / COLUMNS))
    drawn: Figure = style.figure(WIDTH, 0.95 + 1.35 * rows)
    title = f"AU scores of the {len(clips)} clips that {what} got wrong"
    if len(clips) == 1:
        title = f"AU score of the only clip that {what} got wrong"
    if len(shown) < len(clips):
        title += f" (the {len(shown)} that it was surest of)"
    if not len(clips):
        axes = drawn.subplots()
        axes.set_axis_off()
        axes.text(0.5, 0.5, "no clip was mistaken", ha="center", va="center")
        style.heading(drawn, f"AU scores of the clips that {what} got wrong", marks)
        return drawn
    grid = drawn.subplots(rows, COLUMNS, squeeze=False, sharey=True)
    for axes, clip in zip(grid.flat, shown.to_dict("records"), strict=False):
        score = scores[clip["clip_id"]]
        axes.axvspan(clip["begin"], clip["end"] - 1, color=style.BAND, lw=0)
        axes.plot(score, color=style.DARK, linewidth=1)
        axes.axhline(threshold * clip["max_score"], color=style.LIGHT, linestyle=":", linewidth=0.9)
        if np.isfinite(score).any():
            peak = int(np.nanargmax(score))
            axes.plot(peak, score[peak], "o", color=style.MIDDLE, markersize=3.2)
        axes.set_xlim(0, max(1, len(score) - 1))
        axes.tick_params(labelsize=6.5)
        said = f"{clip['emotion']} → {clip['predicted']} {clip['probability']:.2f}"
        axes.set_title(f"{clip['clip_id']}\n{said}", fontsize=7, loc="left")
    greatest = max(np.nanmax(scores[clip], initial=0) for clip in shown["clip_id"])
    grid.flat[0].set_ylim(0, 1.08 * greatest if greatest > 0 else 1)
    for axes in list(grid.flat)[len(shown) :]:
        axes.set_axis_off()
    drawn.supxlabel(
        f"frame (shaded: kept by trimming; dot: maximum; dotted: {threshold:.0%} of it)", fontsize=8
    )
    drawn.supylabel("AU score (0–5)", fontsize=8)
    style.heading(drawn, title, marks)
    return drawn
