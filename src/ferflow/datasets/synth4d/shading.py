"""Light on skin: ambient light plus one soft lamp, and the smoothing that hides the mesh's facets."""

from __future__ import annotations

from functools import cache

import numpy as np

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
