"""The course of valence and arousal through a clip, as a figure."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ferflow.apps.recognise import Recognised
from ferflow.errors import FerflowError
from ferflow.files import atomic_write
from ferflow.report import style
from ferflow.report.affect_figures import LOOKS
from ferflow.report.names import SYNTHETIC

DPI = 200
"""Of a PNG."""


def curve(clip: Recognised, synthetic: bool) -> Figure:
    """Valence and arousal of `clip` over time, above a band of the likeliest expression of each frame.

    Frames without a face leave gaps. Raises FerflowError for a single frame or a model without the two.
    """
    if clip.affect is None:
        raise FerflowError(clip.source, "has no valence and arousal", "name a model that has, with --model")
    n_frames = len(clip.tracked)
    if n_frames < 2:
        raise FerflowError(clip.source, "is a single frame: there is no curve to draw", "give a video")
    step = 1 / clip.fps if clip.fps > 0 else 1.0
    time = np.arange(n_frames) * step
    drawn = style.figure(2 * style.COLUMN, 3.0)
    axes, band = drawn.subplots(2, 1, sharex=True, height_ratios=(9, 1))
    few = "o" if n_frames <= 30 else ""  # a face between two gaps would not show without
    axes.plot(time, clip.affect[:, 0], color=style.DARK, marker=few, label="valence")
    axes.plot(time, clip.affect[:, 1], "--", color=style.MIDDLE, marker="s" if few else "", label="arousal")
    axes.axhline(0, color=style.LIGHT, linewidth=0.7)
    axes.set(ylim=(-1.05, 1.05), ylabel="valence, arousal (−1 to 1)")
    axes.set_yticks([-1, -0.5, 0, 0.5, 1])
    axes.grid(axis="y")
    top = _likeliest(clip)
    for name, frames in groupby(range(n_frames), key=lambda frame: top[frame]):
        stretch = list(frames)
        if name:
            width = len(stretch) * step
            band.barh(0, width, left=time[stretch[0]] - step / 2, height=1, color=LOOKS[name][0])
    band.set(ylim=(-0.5, 0.5), xlim=(time[0] - step / 2, time[-1] + step / 2), yticks=[])
    band.set_xlabel("time (s)" if clip.fps > 0 else "frame")
    band.set_ylabel("likeliest", rotation=0, ha="right", va="center")
    band.spines["left"].set_visible(False)
    shown = [Patch(color=LOOKS[name][0], label=name) for name in LOOKS if name in top]
    drawn.legend(handles=axes.get_legend_handles_labels()[0] + shown, loc="outside lower center", ncols=5)
    mark = f"model trained on {SYNTHETIC}" if synthetic else ""
    style.heading(drawn, f"Valence and arousal in {Path(clip.source).name}", mark)
    return drawn


def _likeliest(clip: Recognised) -> list[str]:
    """The likeliest expression of each frame, "" without a face."""
    best = np.argmax(np.nan_to_num(clip.probabilities, nan=-1.0), axis=1)
    return [clip.frame_classes[k] if face else "" for k, face in zip(best, clip.tracked, strict=True)]


def write(clip: Recognised, path: Path, synthetic: bool) -> None:
    """Draw `curve` to `path`, a .svg or .png."""
    with style.style():
        drawn = curve(clip, synthetic)
        if path.suffix.lower() == ".svg":
            style.save(drawn, path, f"Valence and arousal in {clip.source}")
            return
        with atomic_write(path) as partial:
            drawn.savefig(partial, format="png", dpi=DPI)
