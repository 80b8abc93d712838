"""A few images in AffectNet's layout, for the tests of its reader, its loader and its benchmark."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np


def add(
    root: Path, part: str, number: object, exp="1", val="0.5", aro="-0.25", size=(40, 48), tint=0
) -> Path:
    """An image of `size` (width, height) and its three answers; `None` leaves an answer out."""
    images, annotations = root / part / "images", root / part / "annotations"
    for folder in (images, annotations):
        folder.mkdir(parents=True, exist_ok=True)
    width, height = size
    across = np.linspace(0, 255, width, dtype=np.float32)
    picture = np.empty((height, width, 3), np.uint8)
    picture[...] = across[None, :, None] * (1, 0.5, 0.25)
    picture[..., 1] = np.linspace(0, 255, height)[:, None]
    picture[..., 0] = tint
    cv2.imwrite(str(images / f"{number}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 98])
    for kind, said in (("exp", exp), ("val", val), ("aro", aro)):
        if said is not None:
            np.save(annotations / f"{number}_{kind}.npy", np.array(said), allow_pickle=False)
    np.save(annotations / f"{number}_lnd.npy", np.zeros((68, 2)))
    return images / f"{number}.jpg"


def small_set(root: Path, n: int = 21, train: str = "train_set", validation: str = "val_set") -> Path:
    """`n` training images whose tint tells them apart, classes in turn, and one validation image a class."""
    for number in range(n):
        add(root, train, number, str(number % 8), f"{number / n:.3f}", "-2" if number % 5 == 0 else "0.125",
            tint=10 * number)  # fmt: skip
    for code in range(8):
        add(root, validation, code, str(code))
    return root
