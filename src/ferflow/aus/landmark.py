"""Action units from face landmarks: what the face does beyond its own neutral, by non-negative least squares.

The clip's neutral face is aligned to the model's mean mesh (similarity Procrustes), each frame's landmarks to
that neutral; it is subtracted, and the rest is explained by the movements of the 20 action units. What
movements of the head leave behind after the alignment is explained by free columns beside them, so that it
does not turn into action units. The intensities are not smoothed over time.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ferflow.aus import mesh
from ferflow.classes import AU_COLUMNS
from ferflow.settings import Aus

BLOCK = 256
"""Frames that are fitted together: memory does not grow with the length of a clip."""
SWEEPS = 2000
"""Rounds of coordinate descent at most; with the default ridge a few dozen are enough."""
SETTLED = 1e-5
"""A round that moves nothing by more than this, of an intensity of 1, is the last."""


class LandmarkAus:
    """The fit for one clip: `set_neutral` first, then frames come singly or together."""

    def __init__(self, weights_folder: str | Path, settings: Aus) -> None:
        self.model = mesh.load(weights_folder)
        self.settings = settings
        self.neutral: np.ndarray | None = None

    def set_neutral(self, landmarks: np.ndarray) -> None:
        """Take the median of `landmarks` [T,468,3] as the face at rest, and make the equations for it."""
        self.neutral = np.median(align(landmarks, self.model.mean), axis=0)
        columns = _flat(self.model.columns).T
        # What the head's movements leave behind is taken out of the action units' columns.
        free = _basis(_flat(np.concatenate([self.model.pose, similarities(self.neutral)])).T)
        self._design = columns - free @ (free.T @ columns)
        gram = self._design.T @ self._design
        self._gram = gram + self.settings.ridge * np.diag(gram).mean() * np.eye(len(gram))

    def fit(self, landmarks: np.ndarray) -> np.ndarray:
        """Intensities 0-5 float64 [T,17] in the order of `classes.AU_COLUMNS`, from `landmarks` [T,468,3]."""
        # Aligned to the person's own face: on the mean face a turn would look like a movement.
        moved = align(landmarks, self.neutral) - self.neutral
        solved = nonnegative_least_squares(self._gram, _flat(moved) @ self._design)
        intensities = np.zeros((len(landmarks), len(AU_COLUMNS)))
        for i, column in self.model.output():
            intensities[:, AU_COLUMNS.index(column)] = solved[:, i] * mesh.FULL_INTENSITY
        return np.clip(intensities, 0.0, mesh.FULL_INTENSITY)


def intensities(
    landmarks: np.ndarray,
    tracked: np.ndarray,
    weights_folder: str | Path,
    settings: Aus,
    scores: np.ndarray | None = None,
) -> pd.DataFrame:
    """Action units of one clip in the columns of schema `aus`, without `clip_id`.

    `landmarks`: [T,468,3] in source pixels, an array or a dataset of a file, read in blocks; `tracked`:
    bool [T]; `scores`: the landmark network's logits [T], from which `confidence` comes (1 where tracked if
    they are not given). The neutral face is the
    median of the first `settings.neutral_frames` tracked frames. Frames without a face have success 0,
    confidence 0 and no intensities (NaN).
    """
    tracked = np.asarray(tracked, bool)
    values = np.full((len(tracked), len(AU_COLUMNS)), np.nan)
    if tracked.any():
        fit = LandmarkAus(weights_folder, settings)
        first = np.flatnonzero(tracked)[: settings.neutral_frames]
        fit.set_neutral(np.stack([landmarks[int(i)] for i in first]))
        for begin in range(0, len(tracked), BLOCK):
            here = slice(begin, begin + BLOCK)
            if tracked[here].any():
                values[here][tracked[here]] = fit.fit(landmarks[here][tracked[here]])
    # A logit of 0 is a confidence of one half.
    logits = np.clip(np.nan_to_num(scores, nan=-50.0), -50.0, 50.0) if scores is not None else None
    confidence = (
        tracked.astype(float) if logits is None else np.where(tracked, 1 / (1 + np.exp(-logits)), 0.0)
    )
    return pd.DataFrame(
        {
            "frame": np.arange(len(tracked)),
            "confidence": confidence.round(4),
            "success": tracked.astype(int),
            **{column: values[:, i].round(4) for i, column in enumerate(AU_COLUMNS)},
        }
    )


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


def similarities(points: np.ndarray) -> np.ndarray:
    """The small movements [7,P,3] of a similarity: three shifts, a scaling and three turns of `points`."""
    centred = points - points.mean(axis=0)
    shifts = np.broadcast_to(np.eye(3)[:, None, :], (3, *points.shape))
    turns = np.stack([np.cross(axis, centred) for axis in np.eye(3)])
    return np.concatenate([shifts, centred[None], turns])
