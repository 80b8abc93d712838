"""Action units from face landmarks: what the face does beyond its own neutral, by non-negative least squares.

The clip's neutral face is aligned to the model's mean mesh (similarity Procrustes), each frame's landmarks to
that neutral; it is subtracted, and the rest is explained by the movements of the 20 action units. What
movements of the head leave behind after the alignment is explained by free columns beside them, so that it
does not turn into action units. Where that model is blind, distances on the face decide or take part
(`aus.geometry`). The intensities are not smoothed over time.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ferflow.aus import geometry, mesh
from ferflow.aus.mesh import align, similarities
from ferflow.classes import AU_COLUMNS
from ferflow.settings import Aus

ROUNDS = 4
"""How often the equations are solved."""
SWEEPS = 2000
"""Rounds of coordinate descent at most; with the default ridge a few dozen are enough."""
SETTLED = 1e-5
"""A round that moves nothing by more than this, of an intensity of 1, is the last."""


class LandmarkAus:
    """The fit for one clip: `set_neutral` first, then frames come singly or together."""

    def __init__(self, weights_folder: str | Path, settings: Aus, reach: float = 1.0) -> None:
        """`reach`: the share of a movement that the landmarks show (`faces.landmarks.REACH`)."""
        self.model = mesh.load(weights_folder)
        self.settings, self.reach = settings, reach
        self.forget()

    def forget(self) -> None:
        """Forget the neutral face, before another clip."""
        self.neutral: np.ndarray | None = None

    @property
    def ready(self) -> bool:
        return self.neutral is not None

    def set_neutral(self, landmarks: np.ndarray) -> None:
        """Take the median of `landmarks` [T,468,3] as the face at rest, and make the equations for it."""
        self.neutral = np.median(align(landmarks, self.model.mean), axis=0)
        columns = _flat(self.model.columns).T
        # What the head's movements leave behind is taken out of the action units' columns.
        free = _basis(_flat(np.concatenate([self.model.pose, similarities(self.neutral)])).T)
        self._design = columns - free @ (free.T @ columns)
        gram = self._design.T @ self._design
        # Between a penalty that is the same for all, which leaves nothing of the small movements, and one in
        # proportion to each, which turns jitter into them.
        self._penalty = self.settings.ridge * np.sqrt(np.diag(gram).mean() * np.diag(gram))
        self._gram = gram + np.diag(self._penalty)

    def fit(self, landmarks: np.ndarray) -> np.ndarray:
        """Intensities 0-5 float64 [T,17] in the order of `classes.AU_COLUMNS`, from `landmarks` [T,468,3]."""
        moved = self._moved(landmarks)
        intensities = self.linear(moved)
        for name, measured in geometry.measure(moved, self.neutral).items():
            column, share = AU_COLUMNS.index(f"{name}_r"), geometry.TABLE[name].share
            intensities[:, column] = share * measured + (1 - share) * intensities[:, column]
        return intensities

    def linear(self, moved: np.ndarray) -> np.ndarray:
        """The linear model's part alone: intensities 0-5 [T,17] of the movements `moved` [T,468,3]."""
        projected = _flat(moved) @ self._design
        # Each answer but the first is penalised for its distance from the one before: a penalty for the
        # distance from nothing makes every movement smaller than it is (iterated Tikhonov regularisation).
        solved = np.zeros((len(moved), len(self._gram)))
        for _ in range(ROUNDS):
            solved = nonnegative_least_squares(self._gram, projected + self._penalty * solved)
        intensities = np.zeros((len(moved), len(AU_COLUMNS)))
        for i, column in self.model.output():
            intensities[:, AU_COLUMNS.index(column)] = solved[:, i] * mesh.FULL_INTENSITY
        return np.clip(intensities, 0.0, mesh.FULL_INTENSITY)

    def _moved(self, landmarks: np.ndarray) -> np.ndarray:
        # Aligned to the person's own face: on the mean face a turn would look like a movement.
        return (align(landmarks, self.neutral) - self.neutral) / self.reach


def nonnegative_least_squares(gram: np.ndarray, projected: np.ndarray) -> np.ndarray:
    """argmin over x >= 0 of x'Gx/2 - b'x for each row b of `projected` [T,A], by coordinate descent.

    `gram`: positive definite [A,A]. All frames are solved together.
    """
    solved = np.zeros_like(projected)
    slope = -projected.copy()  # G x - b
    for _ in range(SWEEPS):
        greatest = 0.0
        for i in range(len(gram)):
            step = np.maximum(solved[:, i] - slope[:, i] / gram[i, i], 0.0) - solved[:, i]
            solved[:, i] += step
            slope += step[:, None] * gram[i]
            greatest = max(greatest, float(np.abs(step).max(initial=0.0)))
        if greatest < SETTLED:
            break
    return solved


def _flat(points: np.ndarray) -> np.ndarray:
    """Points [...,468,3] as rows [...,936] of x and y.

    Depth is left out: the network guesses it, and with it the curves agree less with the truth.
    """
    return points[..., :2].reshape(*points.shape[:-2], -1)


def _basis(columns: np.ndarray) -> np.ndarray:
    """Orthonormal columns that span those of `columns`; a shift in depth, for one, is none in x and y."""
    left, sizes, _ = np.linalg.svd(
        columns / np.maximum(np.linalg.norm(columns, axis=0), 1e-9), full_matrices=False
    )
    return left[:, sizes > 1e-6 * sizes[0]]
