"""The stills of a study, in the parts that are trained on, watched while training, and judged on."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from ferflow.datasets import fer2013
from ferflow.errors import InputError

if TYPE_CHECKING:
    from ferflow.training.images import Labelled

SIDES = ("Training", "PublicTest", "PrivateTest")
"""FER2013's names of what is trained on, watched while training, and judged on once."""
TRAINED, WATCHED, JUDGED = SIDES


class Stills(NamedTuple):
    """`parts`: the labelled images of each of SIDES; `listed`: their clip_id, subject_id, emotion."""

    parts: dict[str, Labelled]
    listed: dict[str, pd.DataFrame]


def read(path: str | Path, protocol: str) -> Stills:
    """Read FER2013 (a CSV, a folder or a tar file) at `path`.

    Under `honest`, images that appear again in a later part are left out of the earlier ones; `published`
    takes the official parts as they are. Raises InputError as `fer2013.read`, and for a part without images.
    """
    from ferflow.training.images import Labelled

    images = fer2013.read(path)
    split = images.table["split"].to_numpy()
    parts = {side: np.flatnonzero(split == side) for side in SIDES}
    if protocol != "published":
        parts = without_copies(images.pixels, parts)
    for side, rows in parts.items():
        if not len(rows):
            raise InputError(path, f"has no image of part {side}", "give a copy with all three parts")
    columns = images.table[["clip_id", "subject_id", "emotion"]]
    return Stills(
        {side: Labelled(images.pixels[rows], images.labels[rows]) for side, rows in parts.items()},
        {side: columns.iloc[rows].reset_index(drop=True) for side, rows in parts.items()},
    )


def digest(*parts: Labelled) -> str:
    """SHA-256 over images and labels."""
    whole = hashlib.sha256()
    for part in parts:
        for values in part:
            whole.update(values.tobytes())
    return whole.hexdigest()


def without_copies(images: np.ndarray, parts: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Leave rows out of each part whose very pixels appear in a later part, whatever their label."""
    kept, later = {}, set()
    for side in reversed(parts):
        pixels = [images[row].tobytes() for row in parts[side]]
        kept[side] = parts[side][[image not in later for image in pixels]]
        later.update(pixels)
    return {side: kept[side] for side in parts}
