"""Figures of AU curves and of what trimming leaves (thesis, Figures 3.3 and 3.4)."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ferflow.report import style
from ferflow.settings import Trim

GROUP = 10
"""Frames in one bar of the grouped lengths."""
SHEET = 24
"""Curves on a sheet at most; more become too small to read."""
COLUMNS = 4


def au_curve(
    clip: pd.Series,
    score: np.ndarray,
    settings: Trim,
    marks: str,
    truth: pd.Series | None = None,
    true_score: np.ndarray | None = None,
) -> Figure:
    """AU score of one clip with half of its maximum and the kept frames (thesis, Figure 3.3).

    `clip` is a row of schema `trim` (with `fps`, frames a second), `score` its AU score [T], 0–5. `truth` is
    the clip's row of schema `truth` and `true_score` [T] the true AU score, where they are known.
    """
    drawn = style.figure(2 * style.COLUMN, 2.7)
    axes = drawn.subplots()
    _kept(axes, clip, "kept frames")
    frames = np.arange(len(score))
    axes.plot(frames, score, color=style.DARK, label="AU score")
    if true_score is not None:
        axes.plot(frames[: len(true_score)], true_score, "--", color=style.MIDDLE, label="true AU score")
    limit = settings.threshold * clip["max_score"]
    axes.axhline(limit, color=style.LIGHT, linestyle=":", label=f"{settings.threshold:.0%} of the maximum")
    if truth is not None:
        top = axes.get_xaxis_transform()
        edges = [truth["half_begin"], truth["half_end"] - 1]
        axes.plot(
            edges,
            [0.03, 0.03],
            "^",
            color=style.MIDDLE,
            transform=top,
            clip_on=False,
            label="true crossings of half",
            markersize=5,
        )
    axes.set(
        xlabel="frame", ylabel="AU score\n(mean intensity, 0–5)", xlim=(0, len(score) - 1), ylim=(0, None)
    )
    seconds = axes.secondary_xaxis("top", functions=_seconds(float(clip["fps"])))
    seconds.set_xlabel("time (s)")
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    style.heading(drawn, f"AU score of clip {clip['clip_id']}", marks)
    return drawn


def anomalies(clips: pd.DataFrame, scores: dict[str, np.ndarray], settings: Trim, marks: str) -> Figure:
    """AU scores of all anomalies, small: clips that the algorithm leaves to a person.

    `clips` are rows of schema `trim`; `scores` holds the AU score [T] of each. At most `SHEET` are drawn.
    """
    shown = clips.head(SHEET)
    rows = max(1, math.ceil(len(shown) / COLUMNS))
    drawn = style.figure(2 * style.COLUMN, 0.9 + 1.15 * rows)
    title = "AU score of the only anomaly" if len(clips) == 1 else f"AU scores of the {len(clips)} anomalies"
    if len(shown) < len(clips):
        title += f" (the first {len(shown)} by name)"
    style.heading(drawn, title if len(clips) else "AU scores of the anomalies", marks)
    if not len(clips):
        axes = drawn.subplots()
        axes.set_axis_off()
        axes.text(0.5, 0.5, "no clip was marked as an anomaly", ha="center", va="center")
        return drawn
    grid = drawn.subplots(rows, COLUMNS, squeeze=False, sharey=True)
    for axes, (_, clip) in zip(grid.flat, shown.iterrows(), strict=False):
        score = scores[clip["clip_id"]]
        n_frames = len(score)
        axes.axvspan(max(0, n_frames - settings.anomaly_frames), n_frames - 1, color=style.BAND_MIDDLE, lw=0)
        if clip["overridden"]:
            _kept(axes, clip, None)
        axes.plot(score, color=style.DARK, linewidth=1)
        axes.axhline(settings.threshold * clip["max_score"], color=style.LIGHT, linestyle=":", linewidth=1)
        axes.plot(int(np.argmax(score)), score.max(), "o", color=style.MIDDLE, markersize=3.5)
        axes.set_xlim(0, n_frames - 1)
        axes.set_title(clip["clip_id"], fontsize=7)
    grid.flat[0].set_ylim(0, 1.05 * max(float(np.max(scores[clip])) for clip in shown["clip_id"]))
    for axes in list(grid.flat)[len(shown) :]:
        axes.set_axis_off()
    drawn.supxlabel(
        f"frame (shaded: the last {settings.anomaly_frames}; dot: maximum; "
        f"dotted: {settings.threshold:.0%} of it)",
        fontsize=8,
    )
    drawn.supylabel("AU score (0–5)", fontsize=8)
    return drawn


def lengths(clips: pd.DataFrame, max_frames: int, marks: str) -> Figure:
    """Clip lengths before and after trimming, sorted and in groups (thesis, Figure 3.4).

    `clips`: schema `trim`. `max_frames` is how many frames a temporal head reads.
    """
    before = np.sort(clips["n_frames"].to_numpy(int))
    after = np.sort((clips["end"] - clips["begin"]).to_numpy(int))
    drawn = style.figure(2 * style.COLUMN, 2.8)
    left, right = drawn.subplots(1, 2)
    rank = np.arange(1, len(before) + 1)
    left.plot(rank, before, color=style.DARK, label="before")
    left.plot(rank, after, "--", color=style.MIDDLE, label="after")
    left.axhline(max_frames, color=style.LIGHT, linestyle=":", label=f"{max_frames} frames")
    left.set(
        xlabel="clips, sorted by length", ylabel="length (frames)", ylim=(0, None), xlim=(1, len(before))
    )
    left.legend(loc="lower right")
    style.panel(left, "a", "sorted")

    edges = np.arange(0, max(before[-1], max_frames) + GROUP, GROUP)
    # A group holds the lengths above its left edge up to its right one, so that max_frames closes a group.
    groups = [np.histogram(values - 0.5, edges)[0] for values in (before, after)]
    first = int(np.flatnonzero(groups[0] + groups[1])[0])
    groups = [counts[first:] for counts in groups]
    places = np.arange(len(groups[0]))
    right.bar(places - 0.2, groups[0], 0.4, color=style.DARK, label="before")
    right.bar(
        places + 0.2, groups[1], 0.4, color="white", edgecolor=style.MIDDLE, hatch="////", label="after"
    )
    names = [f"{low + 1}–{low + GROUP}" for low in edges[first:-1]]
    right.set_xticks(places, names, rotation=45, ha="right", rotation_mode="anchor")
    # Head room for the legend.
    right.set(xlabel="length (frames)", ylabel="clips", ylim=(0, 1.25 * max(map(max, groups))))
    right.legend()
    style.panel(right, "b", f"in groups of {GROUP} frames")
    short = int((after <= max_frames).sum())
    found = f"{short} of {len(after)} trimmed clips have at most {max_frames} frames"
    style.heading(drawn, f"Clip lengths before and after trimming: {found}", marks)
    return drawn


def agreement(clips: pd.DataFrame, marks: str) -> Figure:
    """Measured AU scores against the true ones: correlation and errors of the kept range, per emotion.

    `clips`: schema `au_agreement`.
    """
    drawn = style.figure(2 * style.COLUMN, 2.8)
    left, right = drawn.subplots(1, 2)
    emotions = list(dict.fromkeys(clips["emotion"]))
    groups = [clips[clips["emotion"] == emotion] for emotion in emotions]
    _boxes(left, [group["correlation"].dropna() for group in groups], emotions)
    left.set(ylabel="correlation (r) with the\ntrue AU score", xlabel="emotion")
    left.set_ylim(min(0.5, math.floor(10 * clips["correlation"].min()) / 10), 1.01)
    style.panel(left, "a", "AU score")
    for shift, column, face in ((-0.2, "begin_error", style.BAND), (0.2, "end_error", style.BAND_MIDDLE)):
        _boxes(right, [group[column].dropna() for group in groups], emotions, shift, 0.34, face)
    right.axhline(0, color=style.LIGHT, linestyle=":", linewidth=1)
    right.set(ylabel="kept range,\nmeasured − true (frames)", xlabel="emotion")
    for face, hatch, label in ((style.BAND, "", "begin"), (style.BAND_MIDDLE, "////", "end")):
        right.bar(0, 0, color=face, hatch=hatch, edgecolor=style.DARK, linewidth=0.7, label=label)
    right.legend(loc="best", ncols=2)
    style.panel(right, "b", "range kept by trimming")
    style.heading(drawn, f"Measured against true action units, {len(clips)} clips", marks)
    return drawn


def _boxes(
    axes: Axes,
    values: list[pd.Series],
    names: list[str],
    shift: float = 0.0,
    width: float = 0.6,
    face: str = style.BAND,
) -> None:
    places = np.arange(len(names)) + shift
    line = {"color": style.DARK, "linewidth": 0.8}
    drawn = axes.boxplot(
        values,
        positions=places,
        widths=width,
        patch_artist=True,
        manage_ticks=False,
        boxprops={"facecolor": face, "edgecolor": style.DARK, "linewidth": 0.8},
        whiskerprops=line,
        capprops=line,
        medianprops={"color": style.DARK, "linewidth": 1.6},
        flierprops={
            "marker": ".",
            "markersize": 3,
            "markerfacecolor": style.LIGHT,
            "markeredgecolor": style.LIGHT,
        },
    )
    if face == style.BAND_MIDDLE:
        for box in drawn["boxes"]:
            box.set_hatch("////")
    axes.set_xticks(np.arange(len(names)), names, rotation=30, ha="right", rotation_mode="anchor")
    axes.grid(True, axis="y")


def _kept(axes: Axes, clip: pd.Series, label: str | None) -> None:
    axes.axvspan(clip["begin"], clip["end"] - 1, color=style.BAND, lw=0, label=label)


def _seconds(fps: float):
    # An image has no rate; its only frame is at 0 s.
    rate = fps or 1.0
    return (lambda frame: frame / rate, lambda second: second * rate)
