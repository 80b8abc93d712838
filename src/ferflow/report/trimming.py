"""Figures of action units: curves, what trimming leaves (thesis, Figures 3.3, 3.4), backends compared."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

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
MARKERS = ("o", "s", "^", "D", "v", "P")
"""A pair of backends each; more share them, in another colour."""
COLOURS = (style.DARK, style.MIDDLE, style.LIGHT)


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
    shade_kept(axes, clip, "kept frames")
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
        return style.nothing(drawn, "no clip was marked as an anomaly")

    def shade(axes: Axes, clip: dict) -> None:
        last = len(scores[clip["clip_id"]]) - 1
        axes.axvspan(max(0, last + 1 - settings.anomaly_frames), last, color=style.BAND_MIDDLE, lw=0)
        if clip["overridden"]:
            shade_kept(axes, clip)
        axes.set_title(clip["clip_id"], fontsize=7)

    shaded = f"the last {settings.anomaly_frames}"
    score_sheet(drawn, shown, scores, settings.threshold, shade, shaded, line=1, dot=3.5, room=1.05)
    return drawn


def score_sheet(
    drawn: Figure,
    clips: pd.DataFrame,
    scores: Mapping[str, np.ndarray],
    threshold: float,
    shade: Callable[[Axes, dict], None],
    shaded: str,
    *,
    line: float,
    dot: float,
    room: float,
) -> None:
    """AU scores [T] (0–5) of `clips` (rows of schema `trim`), small, with their maximum and a share of it.

    `shade` draws what lies behind a clip's curve, and its title; `shaded` says what that is. `threshold` is
    the share of the maximum below which faces count as neutral; `line` and `dot` are the sizes of its line
    and of the maximum's marker in points, `room` the height of the axes in greatest scores.
    """
    rows = math.ceil(len(clips) / COLUMNS)
    grid = drawn.subplots(rows, COLUMNS, squeeze=False, sharey=True)
    for axes, clip in zip(grid.flat, clips.to_dict("records"), strict=False):
        score = scores[clip["clip_id"]]
        shade(axes, clip)
        axes.plot(score, color=style.DARK, linewidth=1)
        axes.axhline(threshold * clip["max_score"], color=style.LIGHT, linestyle=":", linewidth=line)
        if np.isfinite(score).any():
            peak = int(np.nanargmax(score))
            axes.plot(peak, score[peak], "o", color=style.MIDDLE, markersize=dot)
        axes.set_xlim(0, max(1, len(score) - 1))
    greatest = max(np.nanmax(scores[clip], initial=0) for clip in clips["clip_id"])
    grid.flat[0].set_ylim(0, room * greatest if greatest > 0 else 1)
    for axes in grid.flat[len(clips) :]:
        axes.set_axis_off()
    drawn.supxlabel(f"frame (shaded: {shaded}; dot: maximum; dotted: {threshold:.0%} of it)", fontsize=8)
    drawn.supylabel("AU score (0–5)", fontsize=8)


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
    summary = f"{short} of {len(after)} trimmed clips have at most {max_frames} frames"
    style.heading(drawn, f"Clip lengths before and after trimming: {summary}", marks)
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
    drawn = style.boxes(axes, values, np.arange(len(names)) + shift, names, width, face)
    if face == style.BAND_MIDDLE:
        for box in drawn["boxes"]:
            box.set_hatch("////")


def shade_kept(axes: Axes, clip: Mapping, label: str | None = None) -> None:
    """Shade the frames that trimming keeps of a clip (a row of schema `trim`)."""
    axes.axvspan(clip["begin"], clip["end"] - 1, color=style.BAND, lw=0, label=label)


def _seconds(fps: float):
    # An image has no rate; its only frame is at 0 s.
    rate = fps or 1.0
    return (lambda frame: frame / rate, lambda second: second * rate)


def backends(table: pd.DataFrame, marks: str) -> Figure:
    """Correlation per action unit, and distances of onset and apex, for each pair of backends in `table`."""
    drawn = style.figure(2 * style.COLUMN, 4.2)
    panels = drawn.subplots(3, 1, sharex=True, height_ratios=(2, 1, 1))
    units = list(dict.fromkeys(table["unit"]))
    pairs = list(table.groupby(["first", "second"], sort=False))
    for number, ((first, second), rows) in enumerate(pairs):
        shift = 0.5 * ((number + 0.5) / len(pairs) - 0.5)
        places = [units.index(unit) + shift for unit in rows["unit"]]
        look = {"marker": MARKERS[number % len(MARKERS)], "color": COLOURS[number % len(COLOURS)]}
        for axes, column in zip(panels, ("correlation", "onset", "apex"), strict=True):
            axes.plot(places, rows[column], linestyle="", label=f"{first} and {second}", **look)
    top, middle, bottom = panels
    top.axhline(0, color=style.LIGHT, linestyle=":", linewidth=1)
    top.set(ylabel="correlation (r)", ylim=(min(-0.05, np.nanmin([*table["correlation"], 0.0]) - 0.05), 1.05))
    middle.set(ylabel="onset apart\n(frames)", ylim=(0, None))
    bottom.set(ylabel="apex apart\n(frames)", ylim=(0, None), xlabel="action unit")
    bottom.set_xticks(range(len(units)), units, rotation=45, ha="right", rotation_mode="anchor")
    for axes in panels:
        axes.grid(True, axis="y")
    top.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    most = int(table["clips"].max())
    style.heading(drawn, f"Action units by several backends, medians over up to {most} clips", marks)
    return drawn
