"""Faces moved, turned and scaled onto one another by their landmarks."""

from __future__ import annotations

import numpy as np


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
