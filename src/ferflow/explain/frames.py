"""Read single frames of a clip for a figure, without loading the clip."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from ferflow.errors import InputError
from ferflow.faces import store
from ferflow.faces.video import open_clip

Paths = Iterable[str | Path]


def evenly(numbers: Sequence[int], n: int) -> list[int]:
    """At most `n` of `numbers`, evenly spaced; the first and the last of them from `n` = 2 on."""
    if not len(numbers):
        return []
    places = np.unique(np.linspace(0, len(numbers) - 1, n).round().astype(int))
    return [int(numbers[place]) for place in places]


def tracked(path: str | Path, clip_id: str, begin: int = 0, end: int | None = None) -> np.ndarray:
    """Numbers of the frames in `begin:end` of a clip that show a face. InputError where none does."""
    with store.open_frames(path, clip_id) as (_, is_tracked):
        numbers = np.flatnonzero(is_tracked)
    numbers = numbers[(numbers >= begin) & (numbers < (len(is_tracked) if end is None else end))]
    if not len(numbers):
        raise InputError(path, f"clip {clip_id} has no tracked frame in {begin}:{end}", "trim it again")
    return numbers


def crops(path: str | Path, clip_id: str, numbers: Iterable[int]) -> np.ndarray:
    """The face crops `numbers` of a clip, RGB uint8 [N,size,size,3]; no other frame is read."""
    with store.open_frames(path, clip_id) as (frames, _):
        return np.stack([frames[number] for number in numbers])


def apex(score: np.ndarray, shown: Sequence[int]) -> int:
    """The frame of `shown` with the greatest AU score; the first of several. `score` [T]."""
    return int(shown[int(np.argmax(np.nan_to_num(score[np.asarray(shown)])))])


def whole(source: str | Path, numbers: Iterable[int]) -> list[np.ndarray]:
    """The whole frames `numbers` of the clip at `source`, RGB uint8 [H,W,3]; the rest is passed over.

    Raises InputError where the clip ends before the last of them.
    """
    wanted = sorted(set(numbers))
    frames = {}
    # A clip may declare more frames than it yields; whether it has those that are asked for is seen here.
    for number, frame in enumerate(open_clip(source, missing_frames=max(wanted, default=0))):
        if number in wanted:
            frames[number] = frame
        if len(frames) == len(wanted):
            break
    if len(frames) < len(wanted):
        problem = f"has no frame {wanted[len(frames)]}"
        raise InputError(source, problem, "run the faces step again, with this file")
    return [frames[number] for number in numbers]


def shrunk(image: np.ndarray, longest: int) -> np.ndarray:
    """`image` uint8 [H,W,3] with its longer side brought to `longest` pixels, if it is longer."""
    import cv2

    scale = longest / max(image.shape[:2])
    if scale >= 1:
        return image
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)
