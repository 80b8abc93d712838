"""Figures of the networks: feature maps, and class-activation maps on the frames that contribute most."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ferflow.report import style

DIM = 0.3
"""Brightness of a face where its class-activation map is zero, of that where it is greatest."""
_ACROSS = 4


@dataclass(frozen=True)
class Mosaic:
    """The maps of one block as a picture uint8 [R,R]; `size` [C,H,W] of all, how many `shown` and `flat`."""

    block: int
    picture: np.ndarray
    size: tuple[int, int, int]
    shown: int
    flat: int


@dataclass(frozen=True)
class Decided:
    """One test clip: its answer, what each frame added to it, and the frame that added most.

    `frames` [T] are the kept frames' numbers, `contributions` [T] what each adds to the log-probability of
    `predicted`; `face` [S,S,3] is frame `decisive`, `cam` [S,S] its class-activation map, from 0 to 1.
    """

    clip_id: str
    emotion: str
    predicted: str
    probability: float
    frames: np.ndarray
    contributions: np.ndarray
    decisive: int
    face: np.ndarray
    cam: np.ndarray


def feature_maps(image: np.ndarray, mosaics: Sequence[Mosaic], network: str, clip: str, marks: str) -> Figure:
    """Maps of every block for one image, uint8 [S,S] or [S,S,3] (thesis, Figure 3.14)."""
    panels = len(mosaics) + 1
    rows = math.ceil(panels / _ACROSS)
    drawn = style.figure(style.PAGE, 0.5 + rows * ((style.PAGE - 0.2) / _ACROSS + 0.36))
    grid = drawn.subplots(rows, _ACROSS, squeeze=False)
    for axes in list(grid.flat)[panels:]:
        axes.set_axis_off()
    style.picture(grid.flat[0], image, f"input, {image.shape[1]}×{image.shape[0]}", grey=image.ndim == 2)
    for axes, one in zip(list(grid.flat)[1:], mosaics, strict=False):
        channels, height, width = one.size
        title = f"block {one.block}: {width}×{height}\n{one.shown} of {channels} maps"
        if one.flat:
            title += f" ({one.flat} constant)"
        style.picture(axes, one.picture, title, grey=True)
    style.heading(drawn, f"Feature maps of {network} for a frame of clip {clip}", marks)
    return drawn


def deciding_frames(pairs: Sequence[tuple[str, Decided | None, Decided | None]], title: str, marks: str):
    """For each emotion a clip that was recognised and one that was not: curve, frame and map of each.

    `pairs`: emotion, right clip, wrong clip; None where there is none.
    """
    drawn = style.figure(style.PAGE, 0.75 + 1.36 * max(1, len(pairs)))
    if not pairs:
        style.nothing(drawn, "no test clip")
        style.heading(drawn, title, marks)
        return drawn
    grid = drawn.subplots(len(pairs), 6, squeeze=False, width_ratios=[1.25, 1, 1] * 2)
    for row, (emotion, right, wrong) in zip(grid, pairs, strict=True):
        for axes, one, what in ((row[:3], right, "recognised"), (row[3:], wrong, "mistaken")):
            if one is None:
                for empty in axes:
                    empty.set_axis_off()
                axes[1].text(
                    0.5,
                    0.5,
                    f"no clip of {emotion}\nwas {what}",
                    ha="center",
                    va="center",
                    fontsize=style.SMALL,
                    color=style.LIGHT,
                    transform=axes[1].transAxes,
                )
            else:
                _decided(axes, one)
    style.heading(drawn, title, marks)
    drawn.supxlabel("frame (dot: the one that adds most, shown beside)", fontsize=style.SMALL)
    drawn.supylabel("added to the logarithm of the answer's probability", fontsize=style.SMALL)
    return drawn


def _decided(axes: Sequence[Axes], one: Decided) -> None:
    curve, face, seen = axes
    place = int(np.flatnonzero(one.frames == one.decisive)[0])
    curve.axhline(0, color=style.LIGHT, linewidth=0.6, linestyle=":")
    curve.plot(one.frames, one.contributions, color=style.DARK, linewidth=1)
    curve.plot(one.decisive, one.contributions[place], "o", color=style.MIDDLE, markersize=3.5)
    curve.tick_params(labelsize=6, length=2)
    curve.locator_params(nbins=3)
    answer = one.emotion if one.predicted == one.emotion else f"{one.emotion} → {one.predicted}"
    curve.set_title(f"{one.clip_id}\n{answer}, {one.probability:.2f}", fontsize=6.5, loc="left", pad=2)
    style.picture(face, one.face, f"frame {one.decisive}")
    style.picture(seen, spotlit(one.face, one.cam), "seen for it" if one.cam.any() else "nothing for it")
    if one.cam.any():
        seen.contour(one.cam, levels=[0.5], colors=["white"], linewidths=1.6)
        seen.contour(one.cam, levels=[0.5], colors=[style.MIDDLE], linewidths=0.9)


def spotlit(face: np.ndarray, cam: np.ndarray) -> np.ndarray:
    """`face` uint8 [S,S,3] in grey, the darker the smaller `cam` [S,S] (0–1) is there."""
    grey = face @ np.array([0.299, 0.587, 0.114])
    light = DIM + (1 - DIM) * cam
    return np.repeat(np.rint(grey * light)[..., None], 3, axis=2).astype(np.uint8)
