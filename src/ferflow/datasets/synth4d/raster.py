"""Which triangle covers which pixel, and affine functions on triangles: the parts of a warp."""

from __future__ import annotations

import cv2
import numpy as np

SUBPIXEL_BITS = 4


def cover(
    points: np.ndarray,
    triangles: np.ndarray,
    shape: tuple[int, int],
    step: int,
    order: np.ndarray | None = None,
) -> np.ndarray:
    """Index of the triangle seen at each pixel, int32 [h, w], of an image shrunk by `step`.

    `points` [P, 3] are x, y, z in pixels of the full image, z towards the viewer: nearer triangles win, or
    later ones in `order` where that is given. A pixel without a triangle has the number of triangles.
    """
    if order is None:
        order = depth_order(points, triangles)
    scale = (1 << SUBPIXEL_BITS) / step
    # The centre of shrunk pixel 0 lies at (step - 1) / 2 in the full image.
    fixed = np.rint((points[:, :2] - (step - 1) / 2) * scale).astype(np.int32)[triangles[order]]
    index = np.full(shape, len(triangles), np.int32)
    fill = cv2.fillConvexPoly
    for number, corner in zip(order.tolist(), fixed, strict=True):
        fill(index, corner, number, 8, SUBPIXEL_BITS)
    return index


def depth_order(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Triangles from the farthest to the nearest."""
    return np.argsort(points[triangles][:, :, 2].sum(1), kind="stable")


def affine(points: np.ndarray, values: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """The affine function of each triangle with `values` [P, C] at its corners: float32 [n, 3, C]."""
    corner, value = points[triangles][:, :, :2].astype(np.float64), values[triangles].astype(np.float64)
    (ax, ay), (bx, by) = (corner[:, 1] - corner[:, 0]).T, (corner[:, 2] - corner[:, 0]).T
    area = ax * by - bx * ay
    area = np.where(np.abs(area) < 1e-3, np.inf, area)[:, None]  # a sliver shows no pixel worth the name
    u, v = value[:, 1] - value[:, 0], value[:, 2] - value[:, 0]
    dx = (u * by[:, None] - v * ay[:, None]) / area
    dy = (v * ax[:, None] - u * bx[:, None]) / area
    constant = value[:, 0] - dx * corner[:, 0, :1] - dy * corner[:, 0, 1:]
    return np.stack([dx, dy, constant], 1).astype(np.float32)


def evaluate(index: np.ndarray, functions: np.ndarray, step: int) -> np.ndarray:
    """Value [h, w, C] at every pixel of the shrunk image of the affine function of its triangle.

    `functions` [n, 3, C]; where `index` is n or more, the last one counts.
    """
    h, w = index.shape
    x = np.tile(np.arange(w, dtype=np.float32) * step + (step - 1) / 2, h)[:, None]
    y = np.repeat(np.arange(h, dtype=np.float32) * step + (step - 1) / 2, w)[:, None]
    dx, dy, constant = (
        np.take(np.ascontiguousarray(functions[:, k]), index.ravel(), axis=0, mode="clip") for k in range(3)
    )
    dx *= x
    dy *= y
    dx += dy
    dx += constant
    return dx.reshape(h, w, -1)


def normals(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Unit normals of the vertices [P, 3], y up, towards the viewer."""
    corner = points[triangles]
    face = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    face *= np.sign(face[:, 2:] + 1e-12)
    total = np.stack(
        [np.bincount(triangles.ravel(), np.repeat(face[:, k], 3), len(points)) for k in range(3)], 1
    )
    total[:, 1] *= -1
    return (total / (np.linalg.norm(total, axis=1, keepdims=True) + 1e-9)).astype(np.float32)
