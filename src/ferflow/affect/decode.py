"""An image from the disk to the network's size: decoded, turned, zoomed and made brighter.

The augmentation is that of the paper's Table 4, drawn as Keras's ImageDataGenerator draws it, which the paper
used (section 4.1): an angle, a zoom of each axis, a factor of brightness. Resizing, turning and zooming are
one affine step, so that an augmented image costs hardly more than a plain one.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from ferflow.errors import InputError
from ferflow.faces.video import is_cut
from ferflow.settings.affect import AffectAugment

CENTRED = np.array((0.0, 1.0, 1.0, 1.0))
"""The four draws that change nothing."""


def draw(augment: AffectAugment | None, n: int, rng: np.random.Generator) -> np.ndarray:
    """Angle (degrees), zoom of x and of y, factor of brightness for `n` images, float64 [n,4].

    A zoom over 1 shows more than the image has: its border goes on.
    """
    if augment is None:
        return np.tile(CENTRED, (n, 1))
    turn, zoom, (low, high) = augment.rotation, augment.zoom, augment.brightness
    least, most = (-turn, 1 - zoom, 1 - zoom, low), (turn, 1 + zoom, 1 + zoom, high)
    return rng.uniform(least, most, (n, 4))


def read(path: str | Path) -> np.ndarray:
    """The image file at `path`, BGR uint8 [H,W,3]. Raises InputError, naming it, where it is none or cut off.

    Unlike `faces.video.read_image` it may be called by several threads at once: nothing is muted.
    """
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise InputError(path, f"cannot be opened ({error.strerror})", "make the index again") from None
    remedy = "copy it again, or take it away and make the index again"
    if is_cut(data):
        raise InputError(path, "is an image cut in the middle", remedy)
    try:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except cv2.error:
        image = None
    if image is None:
        raise InputError(path, "is not an image that can be read", remedy)
    return image


def place(image: np.ndarray, size: int, drawn: np.ndarray, out: np.ndarray) -> None:
    """Write `image` (BGR uint8 [H,W,3]) to `out`, RGB uint8 [size,size,3], changed as `drawn` [4] says."""
    while min(image.shape[:2]) >= 2 * size:  # so that no pixel is passed over
        image = cv2.resize(image, (image.shape[1] // 2, image.shape[0] // 2), interpolation=cv2.INTER_AREA)
    if (drawn[:3] == CENTRED[:3]).all():
        shrinks = min(image.shape[:2]) > size
        moved = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    else:
        moved = cv2.warpAffine(
            image,
            _affine(image.shape[1], image.shape[0], size, drawn),
            (size, size),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
    if drawn[3] != 1:
        moved = cv2.convertScaleAbs(moved, alpha=drawn[3])
    cv2.cvtColor(moved, cv2.COLOR_BGR2RGB, dst=out)


def _affine(width: int, height: int, size: int, drawn: np.ndarray) -> np.ndarray:
    """From pixels of the result to pixels of the image, float64 [2,3], both about their middles."""
    angle = np.deg2rad(drawn[0])
    turn = np.array(((np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))))
    scale = np.array((width, height)) / size
    matrix = scale[:, None] * turn * drawn[1:3]
    middle = (np.array((width, height)) - 1) / 2
    return np.column_stack([matrix, middle - matrix @ np.full(2, (size - 1) / 2)])
