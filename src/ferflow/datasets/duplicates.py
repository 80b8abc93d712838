"""Exact and near duplicates (Adel 2023, problem 1): images of the same pixels, or of close perceptual hashes.

A group is named by its first row, so `group[i] == i` for every image that is the first of its kind.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

SIDE = 32
"""Pixels; the hash is taken of the image shrunk to this size."""
LOW = slice(1, 9)
"""Frequencies of the hash, across and down: the 64 lowest without those that hold an image's mean."""
BLOCK = 256
"""Rows of the matrix of distances held at once; 35,887 columns of 8 bytes make 70 MB."""


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


class Pairs(NamedTuple):
    """Pairs of rows `first` < `second` int64 [P], and the number of differing bits `distance` int64 [P]."""

    first: np.ndarray
    second: np.ndarray
    distance: np.ndarray


def hashes(pixels: np.ndarray) -> np.ndarray:
    """The 64-bit perceptual hash uint64 [N] of images uint8 [N,H,W] or [N,H,W,3] (RGB).

    The image is shrunk to 32×32 by averaging and transformed by a two-dimensional DCT; a bit says whether one
    of 8×8 low frequencies lies above their median (the DCT hash of Zauner 2010, "Implementation and
    benchmarking of perceptual image hash functions"). Half of the bits are set, so that two hashes differ in
    an even number of them.
    """
    import cv2
    from scipy.fft import dctn

    bits = np.empty((len(pixels), 64), bool)
    for begin in range(0, len(pixels), BLOCK):
        grey = [
            image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
            for image in pixels[begin : begin + BLOCK]
        ]
        small = [cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for image in grey]
        spectrum = dctn(np.stack(small).astype(np.float32), axes=(1, 2), norm="ortho")
        low = spectrum[:, LOW, LOW].reshape(len(small), 64)
        bits[begin : begin + BLOCK] = low > np.median(low, axis=1, keepdims=True)
    return np.packbits(bits, axis=1).view(">u8").ravel().astype(np.uint64)


def close_pairs(values: np.ndarray, distance: int) -> Pairs:
    """All pairs of hashes uint64 [N] that differ in at most `distance` bits, in the order of their rows.

    Every pair is looked at, in blocks, so that memory does not grow with N².
    """
    pairs = [np.empty((3, 0), np.int64)]
    for begin in range(0, len(values), BLOCK):
        apart = np.bitwise_count(values[begin : begin + BLOCK, None] ^ values[None, begin:])
        row, column = np.nonzero(apart <= distance)
        later = column > row
        row, column = row[later], column[later]
        pairs.append(np.stack([row + begin, column + begin, apart[row, column]]).astype(np.int64))
    return Pairs(*np.concatenate(pairs, axis=1))


def without_near(pixels: np.ndarray, parts: dict[str, np.ndarray], distance: int) -> dict[str, np.ndarray]:
    """Leave rows out of each part whose hash differs in at most `distance` bits from one in a later part.

    `parts` are rows of the images `pixels` by the part's name, in order. Whatever the labels are.
    """
    kept: dict[str, np.ndarray] = {}
    later = np.empty(0, np.uint64)
    for side in reversed(parts):
        own = hashes(pixels[parts[side]])
        kept[side] = parts[side][~_near(own, later, distance)]
        later = np.union1d(later, own)  # also of what is left out: its near copies are no better
    return {side: kept[side] for side in parts}


def _near(values: np.ndarray, others: np.ndarray, distance: int) -> np.ndarray:
    """Whether each of `values` uint64 [N] differs in at most `distance` bits from one of `others`."""
    near = np.zeros(len(values), bool)
    for begin in range(0, len(values) if len(others) else 0, BLOCK):
        apart = np.bitwise_count(values[begin : begin + BLOCK, None] ^ others[None])
        near[begin : begin + BLOCK] = apart.min(axis=1) <= distance
    return near


def components(n: int, pairs: Pairs) -> np.ndarray:
    """The first row of each row's connected component, int64 [n].

    Components and not cliques: only so does no close pair ever stand in two groups, which is what keeps
    groups on one side of a split. The price is a chain: its ends may differ by more than a pair may, so a
    group's widest distance is shown too (`widest`).
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = coo_array((np.ones(len(pairs.first), np.int8), (pairs.first, pairs.second)), shape=(n, n))
    _, number = connected_components(links, directed=False)
    _, first = np.unique(number, return_index=True)
    return first[number].astype(np.int64)


def widest(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """The greatest distance in bits between two members of each image's group, int64 [N]."""
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    apart = np.zeros(len(group), np.int64)
    for members in np.split(order, starts[1:]):
        if len(members) > 1:
            own = values[members]
            apart[members] = np.bitwise_count(own[:, None] ^ own[None]).max()
    return apart


def nearest(n: int, pairs: Pairs) -> np.ndarray:
    """Bits from each row to the closest other row of `pairs`, int64 [n]; −1 where there is none."""
    closest = np.full(n, 65, np.int64)
    np.minimum.at(closest, pairs.first, pairs.distance)
    np.minimum.at(closest, pairs.second, pairs.distance)
    return np.where(closest > 64, -1, closest)


def photographs(clip_ids: pd.Series, exact: pd.DataFrame, near: pd.DataFrame) -> np.ndarray:
    """A number for each of `clip_ids` that all copies and near copies of a photograph share, int64 [N].

    `exact` and `near` have schema `duplicates`. A near group holds its members' exact copies too, so that an
    image is in one group of `near`, else perhaps in one of `exact`, else alone.
    """
    named = {clip: f"exact {group}" for clip, group in zip(exact["clip_id"], exact["group"], strict=True)}
    named |= {clip: f"near {group}" for clip, group in zip(near["clip_id"], near["group"], strict=True)}
    numbers, _ = pd.factorize(np.array([named.get(clip, f"image {clip}") for clip in clip_ids], object))
    return numbers.astype(np.int64)
