"""Exact duplicates: images whose pixels are the same (Adel 2023, problem 1).

A group is named by its first row, so `group[i] == i` for every image that is the first of its kind.
"""

from __future__ import annotations

import numpy as np


def by_content(pixels: np.ndarray) -> np.ndarray:
    """The row of the first image with the same pixels, int64 [N], for images uint8 [N,H,W] or [N,H,W,3]."""
    first: dict[bytes, int] = {}
    return np.array([first.setdefault(image.tobytes(), row) for row, image in enumerate(pixels)], np.int64)


def sizes(group: np.ndarray) -> np.ndarray:
    """How many images each image's group holds, int64 [N]."""
    return np.bincount(group, minlength=len(group))[group]


def kinds(group: np.ndarray, values: np.ndarray) -> np.ndarray:
    """How many different `values` [N] (labels, parts) each image's group holds, int64 [N]."""
    _, codes = np.unique(np.asarray(values), return_inverse=True)
    distinct = np.unique(np.stack([group, codes], axis=1), axis=0)
    return np.bincount(distinct[:, 0], minlength=len(group))[group]


def ordered_conflicts(group: np.ndarray, values: np.ndarray) -> int:
    """Number of ordered pairs within a group whose `values` differ.

    The data-centric paper's "282 duplicates with non-matching emotions" are these: 2 × 141 pairs.
    """
    _, codes = np.unique(np.asarray(values), return_inverse=True)
    _, in_group = np.unique(group, return_counts=True)
    _, alike = np.unique(np.stack([group, codes], axis=1), axis=0, return_counts=True)
    return int((in_group**2).sum() - (alike**2).sum())
