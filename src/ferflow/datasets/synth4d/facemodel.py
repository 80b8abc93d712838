"""The linear face model: action units (0–1) to a mesh in MediaPipe's numbering.

The model is that of `aus.mesh`, py-feat's `au_to_mesh_pls_v4`. Its angles are not used here: a head turns as
a rigid body. The contours are MediaPipe's point numbers, and smooth curves through them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from ferflow import weights
from ferflow.aus import mesh
from ferflow.aus.mesh import N_POINTS as N_POINTS

TRIANGLES_FILE = "face_tessellation.json"


@dataclass(frozen=True)
class FaceModel:
    """`neutral` float32 [468, 3], `columns` float32 [A, 468, 3], one per AU, `triangles` [898, 3]."""

    neutral: np.ndarray
    columns: np.ndarray
    triangles: np.ndarray
    names: tuple[str, ...]

    def index(self, number: int) -> int:
        """Row of action unit `number` in `columns`."""
        return self.names.index(f"AU{number:02d}")


def load(weights_folder: str | Path) -> FaceModel:
    """Read the face model and its triangles; WeightsError where a file is missing or another one."""
    model, path = mesh.load(weights_folder), weights.path(TRIANGLES_FILE, weights_folder)
    return FaceModel(
        model.mean.astype(np.float32),
        np.ascontiguousarray(model.columns, dtype=np.float32),
        np.array(json.loads(path.read_text(encoding="utf-8"))["triangles"], np.int32),
        model.names,
    )


# "left" is the viewer's left. Upper and lower arcs run from the left end to the right end, ends included.
EYE_UPPER = {
    "left": (33, 246, 161, 160, 159, 158, 157, 173, 133),
    "right": (362, 398, 384, 385, 386, 387, 388, 466, 263),
}
EYE_LOWER = {
    "left": (33, 7, 163, 144, 145, 153, 154, 155, 133),
    "right": (362, 382, 381, 380, 374, 373, 390, 249, 263),
}
EYE_CREASE = {"left": (247, 30, 29, 27, 28, 56, 190), "right": (414, 286, 258, 257, 259, 260, 467)}
EYE_BAG = {"left": (31, 228, 229, 230, 231, 232, 233), "right": (453, 452, 451, 450, 449, 448, 261)}
BROW_UPPER = {"left": (70, 63, 105, 66, 107), "right": (336, 296, 334, 293, 300)}
BROW_LOWER = {"left": (46, 53, 52, 65, 55), "right": (285, 295, 282, 283, 276)}
LIPS_OUTER_UPPER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
LIPS_OUTER_LOWER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
LIPS_INNER_UPPER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
LIPS_INNER_LOWER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
NASOLABIAL = {"left": (129, 203, 206, 216, 212), "right": (358, 423, 426, 436, 432)}
OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
NOSE_TIP, CHIN, FOREHEAD = 1, 152, 10
NOSTRIL = {"left": 98, "right": 327}
SIDES = ("left", "right")


@cache
def spline(n_points: int, n_out: int, closed: bool = False) -> np.ndarray:
    """Matrix [n_out, n_points] that turns the points of a curve into a smooth (Catmull–Rom) denser one."""
    spans = n_points if closed else n_points - 1
    position = np.linspace(0, spans, n_out, endpoint=not closed)
    start = np.minimum(position.astype(int), spans - 1)
    t = position - start
    weights = (
        (-t + 2 * t**2 - t**3) / 2,
        (2 - 5 * t**2 + 3 * t**3) / 2,
        (t + 4 * t**2 - 3 * t**3) / 2,
        (-(t**2) + t**3) / 2,
    )
    matrix = np.zeros((n_out, n_points), dtype=np.float32)
    for offset, weight in zip((-1, 0, 1, 2), weights, strict=True):
        at = (start + offset) % n_points if closed else np.clip(start + offset, 0, n_points - 1)
        np.add.at(matrix, (np.arange(n_out), at), weight)
    return matrix
