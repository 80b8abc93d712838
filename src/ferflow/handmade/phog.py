"""Pyramid of histograms of oriented gradients (Bosch, Zisserman and Munoz, 2007): the shape in an image."""

from __future__ import annotations

import numpy as np


def features(
    grey: np.ndarray, levels: int, bins: int, degrees: int, canny: tuple[float, float]
) -> np.ndarray:
    """PHOG of a grey image uint8 [H,W]: float64 [bins·Σ 4^l, l = 0 … levels], sums to 1 (section 2.1).

    At level l the image has 2^l × 2^l cells, taken row by row, coarsest level first. In each, the edge pixels
    (Canny with the lower and upper threshold `canny`) are counted by the direction of their gradient (Sobel),
    in `bins` from 0 to `degrees` (180: a direction and its opposite are one; 360: they are two), weighted by
    its strength. An image without an edge has only zeros.
    """
    import cv2

    edges = cv2.Canny(np.ascontiguousarray(grey), canny[0], canny[1], L2gradient=True) > 0
    across = cv2.Sobel(grey, cv2.CV_64F, 1, 0, ksize=3)
    down = cv2.Sobel(grey, cv2.CV_64F, 0, 1, ksize=3)
    return pyramid(edges, across, down, levels, bins, degrees)


def pyramid(
    edges: np.ndarray, across: np.ndarray, down: np.ndarray, levels: int, bins: int, degrees: int
) -> np.ndarray:
    """The same from the edge pixels (bool [H,W]) and the gradient across and down (float64 [H,W])."""
    height, width = edges.shape
    row, column = np.nonzero(edges)
    gradient = across[row, column], down[row, column]
    angle = np.degrees(np.arctan2(gradient[1], gradient[0])) % degrees
    bin_of = np.floor(angle / (degrees / bins)).astype(int) % bins
    strength = np.hypot(*gradient)
    found = []
    for level in range(levels + 1):
        cells = 2**level
        cell = (row * cells // height) * cells + column * cells // width
        found.append(np.bincount(cell * bins + bin_of, strength, minlength=cells * cells * bins))
    histogram = np.concatenate(found)
    total = histogram.sum()
    return histogram / total if total else histogram
