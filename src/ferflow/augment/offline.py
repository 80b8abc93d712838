"""The nine offline transformations of the thesis (listing in section 3.2.4), each a clip for a clip.

All frames of a clip are treated alike; only salt and pepper noise is drawn anew for every frame.
"""

from __future__ import annotations

import hashlib
from typing import get_args

import cv2
import numpy as np

from ferflow.settings import Transformation

NAMES: tuple[str, ...] = get_args(Transformation)

LEVELS = {
    "brighter": (1.0, 50.0),
    "darker": (1.0, -50.0),
    "contrast_higher": (2.0, 0.0),
    "contrast_lower": (0.6, 0.0),
}
"""alpha and beta: a grey level v becomes alpha·v + beta, rounded and clipped to 0–255."""

LISTING_LEVELS = LEVELS | {"darker": (1.0, 20.0), "contrast_lower": (1.7, 50.0)}
"""As printed: there `brightness_lower` brightens and `contrast_lower` raises the contrast."""

ANGLES = {"rotate_left": 8.0, "rotate_right": -8.0}
"""Degrees, counter-clockwise; what turns in from outside is black, as in imutils."""

NOISE = 0.01
"""Share of the values of each channel that become noise, half of it salt and half pepper."""


def apply(name: str, frames: np.ndarray, seed: int, listing: bool, first: int = 0) -> np.ndarray:
    """Transform the frames of one clip by `name` (settings.Transformation).

    `frames`: uint8 [T,H,W,3]. `seed`: the clip's (`clip_seed`); only salt_pepper uses it. `listing`: take
    the numbers as printed, in which "lower" brightens. `first`: the number of the first of these frames in
    its clip, so that a clip handled in blocks gets the same noise as one handled whole.
    Returns uint8 of the same shape. Raises ValueError for an unknown name.
    """
    levels = LISTING_LEVELS if listing else LEVELS
    if name == "flip":
        return _each(frames, lambda frame, out: cv2.flip(frame, 1, dst=out))
    if name in levels:
        # The table is rounded as OpenCV's convertScaleAbs, which would mirror negative values, not clip them.
        alpha, beta = levels[name]
        table = np.clip(np.rint(np.float32(alpha) * np.arange(256, dtype=np.float32) + beta), 0, 255)
        return cv2.LUT(frames.reshape(-1), table.astype(np.uint8)).reshape(frames.shape)
    if name == "blur":
        return _each(frames, lambda frame, out: cv2.GaussianBlur(frame, (3, 3), 0, dst=out))
    if name in ANGLES:
        return _rotate(frames, ANGLES[name])
    if name == "salt_pepper":
        return _salt_pepper(frames, seed, listing, first)
    raise ValueError(f"no transformation {name}; there are {', '.join(NAMES)}")


def clip_seed(seed: int, clip_id: str) -> int:
    """The seed of one clip, out of the study's seed and the clip's name."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{clip_id}".encode()).digest()[:8], "big")


def _each(frames: np.ndarray, function) -> np.ndarray:
    out = np.empty_like(frames)
    for frame, target in zip(frames, out, strict=True):
        function(frame, target)
    return out


def _rotate(frames: np.ndarray, angle: float) -> np.ndarray:
    height, width = frames.shape[1:3]
    matrix = cv2.getRotationMatrix2D((width // 2, height // 2), angle, 1.0)
    return _each(frames, lambda frame, out: cv2.warpAffine(frame, matrix, (width, height), dst=out))


def _salt_pepper(frames: np.ndarray, seed: int, listing: bool, first: int) -> np.ndarray:
    """Salt, then pepper, at places drawn with replacement and separately for each channel.

    The listing indexes with a list of arrays, which today's NumPy reads as whole rows; single pixels are
    meant. Its `randint(0, i - 1)` also spares the last row and column: only `listing` repeats that.
    """
    out = frames.copy()
    n_frames, height, width, channels = out.shape
    each = int(np.ceil(NOISE / 2 * height * width))
    lanes = np.broadcast_to(np.arange(channels), (each, channels))
    for number in range(n_frames):
        rng = np.random.default_rng((seed, first + number))
        rows = rng.integers(0, height - listing, (2, each, channels), np.int32)
        columns = rng.integers(0, width - listing, (2, each, channels), np.int32)
        out[number, rows[0], columns[0], lanes] = 255
        out[number, rows[1], columns[1], lanes] = 0
    return out
