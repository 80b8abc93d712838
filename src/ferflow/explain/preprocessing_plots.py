"""Figures of the way in: the data set, a face found, the frames kept, augmentation (thesis, chapter 3)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ferflow.explain import frames as chosen
from ferflow.report import style

WIDTH = 2 * style.COLUMN
SMALL = 7
"""Size of the text beside a picture, points."""


def picture(axes: Axes, image: np.ndarray, title: str = "", *, grey: bool = False) -> None:
    """`image` alone in `axes`, embedded with its own pixels, in a thin frame."""
    axes.imshow(image, interpolation="none", **({"cmap": "gray", "vmin": 0, "vmax": 255} if grey else {}))
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(visible=True, linewidth=0.4, edgecolor=style.LIGHT)
    if title:
        axes.set_title(title, fontsize=SMALL, pad=3)


def samples(
    images: Mapping[tuple[str, str], np.ndarray], subjects: Sequence[str], emotions: Sequence[str], marks: str
) -> Figure:
    """A face of each subject (rows) in each emotion (columns), uint8 [S,S,3]; an empty place has no clip."""
    side = (WIDTH - 0.6) / len(emotions)
    drawn = style.figure(WIDTH, 0.65 + side * len(subjects))
    grid = drawn.subplots(len(subjects), len(emotions), squeeze=False)
    for place, (row, subject) in enumerate(zip(grid, subjects, strict=True)):
        for axes, emotion in zip(row, emotions, strict=True):
            title = "" if place else emotion
            if (subject, emotion) in images:
                picture(axes, images[subject, emotion], title)
            else:
                axes.set(xticks=[], yticks=[])
                axes.spines[:].set_visible(False)
                axes.set_title(title, fontsize=SMALL, pad=3)
        row[0].set_ylabel(subject, fontsize=SMALL)
    style.heading(drawn, "Faces of the data set at the peak of each emotion", marks)
    return drawn


def face(
    first: np.ndarray,
    found: np.ndarray,
    extend: float,
    peak: np.ndarray,
    box: np.ndarray,
    landmarks: np.ndarray,
    crop: np.ndarray,
    names: tuple[str, int, int],
    longest: int,
    marks: str,
) -> Figure:
    """A face found, followed and cut out (thesis, Figure 3.2).

    `first` and `peak`: whole frames [H,W,3]; `found` and `box`: their boxes [4], x y w h in pixels, the
    lowest `extend` pixels of `found` having been added at the chin; `landmarks` [L,2 or 3] of `peak`, `crop`
    [S,S,3] what is stored of it. `names`: the clip, and the numbers of the two frames. Whole
    frames are embedded with at most `longest` pixels a side.
    """
    clip, number, later = names
    # Clipped at the frame's edge, less than `extend` was added.
    edge = found[1] + found[3] >= first.shape[0]
    wide, high = round(float(found[2])), round(float(found[3] - (0 if edge else extend)))
    ratio = first.shape[0] / first.shape[1]
    panel = (WIDTH - 0.3) / 3
    drawn = style.figure(WIDTH, 0.95 + panel * max(ratio, 1))
    left, middle, right = drawn.subplots(1, 3)
    for axes, frame in ((left, first), (middle, peak)):
        picture(axes, chosen.shrunk(frame, longest))
        # Drawn in the source's own pixels, whatever the size of what is embedded.
        axes.images[0].set_extent((0, frame.shape[1], frame.shape[0], 0))
        axes.set(xlim=(0, frame.shape[1]), ylim=(frame.shape[0], 0))
    _box(left, found)
    if not edge:
        chin = found[1] + found[3] - extend
        left.plot([found[0], found[0] + found[2]], [chin, chin], color="white", linewidth=1.4)
        left.plot([found[0], found[0] + found[2]], [chin, chin], ":", color=style.DARK, linewidth=1.4)
    _box(middle, box)
    middle.plot(landmarks[:, 0], landmarks[:, 1], ".", color="white", markersize=1.6, markeredgewidth=0)
    picture(right, crop)
    right.set_anchor("N")
    left.set_anchor("N")
    middle.set_anchor("N")
    style.panel(left, "a", f"frame {number}: found, {wide}×{high} pixels\n+{extend:g} at the chin (dotted)")
    style.panel(middle, "b", f"frame {later}: followed, with\n{len(landmarks)} landmarks")
    style.panel(right, "c", f"frame {later}: cut out,\n{crop.shape[1]}×{crop.shape[0]} pixels")
    style.heading(drawn, f"The face of clip {clip}: found, followed, resized", marks)
    return drawn


def kept(
    before: Sequence[tuple[int, np.ndarray]],
    after: Sequence[tuple[int, np.ndarray]],
    window: tuple[int, int],
    n_frames: int,
    clip: str,
    marks: str,
) -> Figure:
    """Faces of a clip as found, and those that trimming keeps (thesis, Figure 3.5).

    `before` and `after`: frame numbers and faces [S,S,3], evenly spaced over the clip of `n_frames` and over
    `window`. Faces outside the window are pale in (a).
    """
    across = max(len(before), len(after))
    side = (WIDTH - 0.1) / across
    drawn = style.figure(WIDTH, 0.42 + 2 * (side + 0.38))
    top, bottom = drawn.subfigures(2, 1)
    begin, end = window
    parts = (
        (top, before, f"(a) all {n_frames} frames; pale: cut off"),
        (bottom, after, f"(b) neutral faces cut off: frames {begin}–{end - 1} are kept"),
    )
    for part, shown, title in parts:
        part.suptitle(title, x=0.01, ha="left", fontsize=8.5)
        for axes, (number, image) in zip(
            part.subplots(1, across, squeeze=False)[0], _filled(shown, across), strict=True
        ):
            if image is None:
                axes.set_axis_off()
                continue
            inside = begin <= number < end
            picture(axes, image if inside else _pale(image))
            axes.set_xlabel(str(number), fontsize=SMALL, color=style.DARK if inside else style.LIGHT)
    style.heading(drawn, f"Frames of clip {clip} before and after trimming", marks)
    return drawn


def offline(
    images: Mapping[str, np.ndarray], mixed: Sequence[np.ndarray], clip: str, listing: bool, marks: str
) -> Figure:
    """One face in every offline version, and in random online mixtures (thesis, Figure 3.8).

    `images`: name of the version to a face [S,S,3], the original first; `mixed`: faces as drawn.
    """
    across = 5
    rows = math.ceil(len(images) / across), math.ceil(len(mixed) / across)
    side = (WIDTH - 0.2) / across
    drawn = style.figure(WIDTH, 1.1 + (side + 0.2) * rows[0] + (side + 0.06) * rows[1])
    heights = [0.35 + (side + 0.2) * rows[0], 0.35 + (side + 0.06) * rows[1]]
    top, bottom = drawn.subfigures(2, 1, height_ratios=heights)
    numbers = "the listing's own numbers" if listing else "each version applied by itself"
    top.suptitle(f"(a) offline: {numbers}", x=0.01, ha="left", fontsize=8.5)
    _grid(top, rows[0], across, [(name.replace("_", " "), image) for name, image in images.items()])
    bottom.suptitle("(b) online: a random mixture, drawn anew each time", x=0.01, ha="left", fontsize=8.5)
    _grid(bottom, rows[1], across, [("", image) for image in mixed])
    style.heading(drawn, f"Augmentation of one face, offline and online (clip {clip})", marks)
    return drawn


def online(rows: Mapping[str, Sequence[np.ndarray]], clip: str, marks: str) -> Figure:
    """The online transformations one by one, random draws of each in a row (thesis, Figure 3.9).

    `rows`: what is done to images [S,S] (grey) or [S,S,3], as the spatial network is shown them.
    """
    across = max(len(images) for images in rows.values())
    side = min(0.8, (WIDTH - 1.5) / across)
    drawn = style.figure(1.0 + (side + 0.06) * across, 0.6 + (side + 0.05) * len(rows))
    grid = drawn.subplots(len(rows), across, squeeze=False)
    for row, (name, images) in zip(grid, rows.items(), strict=True):
        for axes, (_, image) in zip(row, _filled(list(enumerate(images)), across), strict=True):
            if image is None:
                axes.set_axis_off()
            else:
                picture(axes, image, grey=image.ndim == 2)
        row[0].set_ylabel(name, fontsize=SMALL, rotation=0, ha="right", va="center")
    style.heading(drawn, f"Online augmentation, one transformation at a time (clip {clip})", marks)
    return drawn


def _grid(part, rows: int, across: int, shown: Sequence[tuple[str, np.ndarray]]) -> None:
    for axes, (title, image) in zip(
        part.subplots(rows, across, squeeze=False).flat, _filled(shown, rows * across), strict=True
    ):
        if image is None:
            axes.set_axis_off()
        else:
            picture(axes, image, title)


def _filled(shown: Sequence[tuple], length: int) -> list[tuple]:
    return [*shown, *[(None, None)] * (length - len(shown))]


def _box(axes: Axes, box: np.ndarray) -> None:
    """A box [4] that is seen on light and on dark ground."""
    for colour, line in (("white", 2.6), (style.DARK, 1.2)):
        axes.add_patch(
            Rectangle(
                box[:2], box[2], box[3], fill=False, edgecolor=colour, linewidth=line, joinstyle="miter"
            )
        )


def _pale(image: np.ndarray) -> np.ndarray:
    """`image` mixed with white, so that it steps back in print and on screen."""
    return (255 - (255 - image.astype(np.uint16)) * 35 // 100).astype(np.uint8)
