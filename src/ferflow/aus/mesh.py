"""The linear model from action units to a face mesh, by which landmarks become intensities.

`au_to_mesh.npz` (py-feat, MIT): 20 action units (0-1) and three pose angles give 478 points in MediaPipe's
numbering: 468 of the face and ten of the irises. y points up and z to the viewer, about 175 x 200 units
a face.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from ferflow import weights
from ferflow.classes import AU_COLUMNS

FILE = "au_to_mesh.npz"
N_POINTS = 468
FULL_INTENSITY = 5.0
"""OpenFace's greatest intensity; the model's is 1."""
BLINK = {"AU43": "AU45"}
"""The model has closed eyes (AU43) where OpenFace has the blink (AU45): the same movement."""


@dataclass(frozen=True)
class MeshModel:
    """`mean` [468,3] and `irises` [10,3] of the mean face at rest.

    `columns` [A,468,3] are the movements of `names` at full intensity, `pose` [3,468,3] those of the head.
    """

    mean: np.ndarray
    irises: np.ndarray
    names: tuple[str, ...]
    columns: np.ndarray
    pose: np.ndarray

    def output(self) -> list[tuple[int, str]]:
        """Index among `names` and column of a table, for each action unit that OpenFace has an intensity of.

        AU11, AU24 and AU28 take part in the fit and are left out here.
        """
        columns = [(i, f"{BLINK.get(name, name)}_r") for i, name in enumerate(self.names)]
        return [(i, column) for i, column in columns if column in AU_COLUMNS]


@cache
def load(weights_folder: str | Path) -> MeshModel:
    """Read the model from `weights_folder`; WeightsError where it is missing or damaged."""
    path = weights.path(FILE, weights_folder)
    with np.load(path, allow_pickle=False) as file:
        names = tuple(str(name) for name in file["au_columns"])
        mean = file["mean_aligned_mesh"].astype(np.float64)
        # Laid out as all x, then all y, then all z.
        coef = file["coef"].astype(np.float64).reshape(-1, 3, len(mean))
    coef = coef.transpose(0, 2, 1)[:, :N_POINTS]
    return MeshModel(mean[:N_POINTS], mean[N_POINTS:], names, coef[: len(names)], coef[len(names) :])


def align(landmarks: np.ndarray, target: np.ndarray) -> np.ndarray:
    """`landmarks` [T,468,3] (y down, z away from the viewer) moved, turned and scaled onto `target` [468,3].

    The similarity of least squares in three dimensions (Procrustes, by Kabsch and Umeyama), frame by frame.
    """
    points = np.asarray(landmarks, np.float64) * [1.0, -1.0, -1.0]
    points = points - points.mean(axis=1, keepdims=True)
    centre = target.mean(axis=0)
    goal = target - centre
    left, sizes, right = np.linalg.svd(np.einsum("tpi,pj->tij", points, goal))
    # A reflection would fit a flat face as well as a turn.
    sign = np.ones_like(sizes)
    sign[:, -1] = np.sign(np.linalg.det(left @ right))
    turn = (left * sign[:, None, :]) @ right
    scale = (sizes * sign).sum(1) / (points**2).sum((1, 2))
    return scale[:, None, None] * (points @ turn) + centre


def similarities(points: np.ndarray) -> np.ndarray:
    """The small movements [7,P,3] of a similarity: three shifts, a scaling and three turns of `points`."""
    centred = points - points.mean(axis=0)
    shifts = np.broadcast_to(np.eye(3)[:, None, :], (3, *points.shape))
    turns = np.stack([np.cross(axis, centred) for axis in np.eye(3)])
    return np.concatenate([shifts, centred[None], turns])
