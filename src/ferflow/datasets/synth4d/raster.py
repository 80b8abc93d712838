"""From meshes to pixels: which triangle covers which, warps of triangles, light on skin, sensor noise."""

from __future__ import annotations

from functools import cache

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


WRAP = 0.35
"""How far light reaches round an edge, as on skin."""


def light(normals: np.ndarray, direction: np.ndarray, ambient: float) -> np.ndarray:
    """Brightness [...] for unit normals [..., 3]: about 1 facing the lamp, `ambient` in shadow."""
    cosine = normals @ direction.astype(normals.dtype)
    return ambient + (1.08 - ambient) * np.clip((cosine + WRAP) / (1 + WRAP), 0, None) ** 1.2


def smoothing(triangles: np.ndarray, n_points: int) -> np.ndarray:
    """Matrix [n, n] that averages a vertex with its neighbours, twice."""
    return _smoothing(triangles.astype(np.int32).tobytes(), n_points)


@cache
def _smoothing(triangles: bytes, n_points: int) -> np.ndarray:
    corners = np.frombuffer(triangles, np.int32).reshape(-1, 3)
    matrix = np.eye(n_points)
    for a, b in ((0, 1), (1, 2), (2, 0)):
        matrix[corners[:, a], corners[:, b]] = 1
        matrix[corners[:, b], corners[:, a]] = 1
    matrix /= matrix.sum(1, keepdims=True)
    return (matrix @ matrix).astype(np.float32)


SPARE = 64
"""Pixels by which the bank is larger than a frame on each axis."""


class Camera:
    """Adds Gaussian noise of standard deviation `noise` (grey levels) to BGR uint8 frames."""

    def __init__(self, width: int, height: int, noise: float, rng: np.random.Generator) -> None:
        self.rng = rng
        shape = (height + SPARE, width + SPARE, 3)
        values = np.round(rng.standard_normal(shape, dtype=np.float32) * np.float32(noise))
        # Two unsigned parts: saturating 8-bit addition and subtraction are the fastest way to add.
        self.lighter = np.clip(values, 0, 255).astype(np.uint8)
        self.darker = np.clip(-values, 0, 255).astype(np.uint8)

    def take(self, frame: np.ndarray) -> np.ndarray:
        """The frame with noise, uint8, same shape."""
        h, w = frame.shape[:2]
        y, x = (int(v) for v in self.rng.integers(0, SPARE, 2))
        return cv2.subtract(
            cv2.add(frame, self.lighter[y : y + h, x : x + w]), self.darker[y : y + h, x : x + w]
        )
