"""The images of the study: read, drawn from where it is to be small, and which of them belong together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ferflow.datasets.fer2013 import USAGES
from ferflow.datasets.image_sets import read_images
from ferflow.datasets.images import ImageSet
from ferflow.errors import InputError, SettingError
from ferflow.seeds import derive_seed

TRAINING, *TESTS = USAGES
"""FER2013's parts; the paper's test images are both of TESTS together (28,709 against 7,178)."""


def read(path: str | Path, n_images: int | None = None, seed: int = 0) -> ImageSet:
    """FER2013 (or stills in its format) at `path`, or `n_images` drawn evenly from its parts and classes.

    Raises InputError where a part is missing, SettingError where there are fewer images than `n_images`.
    """
    images = read_images("fer2013", path)
    for part in USAGES:
        if part not in images.splits:
            raise InputError(path, f"has no image of {part}", "give a copy of FER2013 with all three parts")
    return images if n_images is None else draw(images, n_images, seed)


def draw(images: ImageSet, n_images: int, seed: int) -> ImageSet:
    """`n_images` images in their order; every part and class keeps its share, and has at least one image."""
    if n_images > len(images):
        raise SettingError("datacentric.images", f"is {n_images}, but there are {len(images)}", "lower it")
    rng = np.random.default_rng(derive_seed(seed, "datacentric", "draw"))
    chosen = []
    for rows in images.table.groupby(["split", "emotion"], sort=True).indices.values():
        n = max(1, round(n_images * len(rows) / len(images)))
        chosen.append(rng.choice(rows, n, replace=False))
    return images.rows(np.sort(np.concatenate(chosen)))


def is_test(images: ImageSet) -> np.ndarray:
    """Which images the paper tests on, bool [N]."""
    return images.table["split"].isin(TESTS).to_numpy()


def photographs(clip_ids: pd.Series, exact: pd.DataFrame, near: pd.DataFrame) -> np.ndarray:
    """A number for each of `clip_ids` that all copies and near copies of a photograph share, int64 [N].

    `exact` and `near` have schema `duplicates`. A near group holds its members' exact copies too, so that an
    image is in one group of `near`, else perhaps in one of `exact`, else alone.
    """
    named = {clip: f"exact {group}" for clip, group in zip(exact["clip_id"], exact["group"], strict=True)}
    named |= {clip: f"near {group}" for clip, group in zip(near["clip_id"], near["group"], strict=True)}
    numbers, _ = pd.factorize(np.array([named.get(clip, f"image {clip}") for clip in clip_ids], object))
    return numbers.astype(np.int64)
