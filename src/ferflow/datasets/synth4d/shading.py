"""Light on skin: ambient light plus one soft lamp, and the smoothing that hides the mesh's facets."""

from __future__ import annotations

import numpy as np

WRAP = 0.35
"""How far light reaches round an edge, as on skin."""


def light(normals: np.ndarray, direction: np.ndarray, ambient: float) -> np.ndarray:
    """Brightness [...] for unit normals [..., 3]: about 1 where the lamp shines straight on, `ambient` in shadow."""
    cosine = normals @ direction.astype(normals.dtype)
    return ambient + (1.12 - ambient) * np.clip((cosine + WRAP) / (1 + WRAP), 0, None) ** 1.2


def smoothing(triangles: np.ndarray, n_points: int) -> np.ndarray:
    """Matrix [n, n] that averages a vertex with its neighbours, twice."""
    matrix = np.eye(n_points)
    for a, b in ((0, 1), (1, 2), (2, 0)):
        matrix[triangles[:, a], triangles[:, b]] = 1
        matrix[triangles[:, b], triangles[:, a]] = 1
    matrix /= matrix.sum(1, keepdims=True)
    return (matrix @ matrix).astype(np.float32)
