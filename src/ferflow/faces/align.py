"""Align faces: turn and scale them so that five points lie at the same places in all of them."""

from __future__ import annotations

import numpy as np

from ferflow.faces.quiet import opencv

TEMPLATE = (
    np.array(
        ((38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)),
        np.float64,
    )
    / 112
)
"""Eyes, nose and corners of the mouth in a crop of side 1, in the order of `mtcnn.POINTS`: the template of
ArcFace (Deng et al. 2019, as published with its code for crops of 112 pixels)."""


def similarity(points: np.ndarray, template: np.ndarray) -> np.ndarray:
    """The turn, scale and shift, float64 [2,3], that brings `points` [n,2] nearest to `template` [n,2].

    Least squares (Umeyama 1991, equations 40 to 42). Raises ValueError where all points are the same.
    """
    points, template = np.asarray(points, np.float64), np.asarray(template, np.float64)
    mean, aim = points.mean(0), template.mean(0)
    away = points - mean
    spread = (away**2).sum() / len(points)
    if not spread > 0:
        raise ValueError("points in one place have no direction")
    u, s, vt = np.linalg.svd((template - aim).T @ away / len(points))
    # A mirror image is no turn.
    flip = np.array((1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt)) or 1.0))
    turn = (u * flip) @ vt * ((s * flip).sum() / spread)
    return np.concatenate([turn, (aim - turn @ mean)[:, None]], 1)


def aligned(picture: np.ndarray, points: np.ndarray, size: int, margin: float) -> np.ndarray:
    """The face with `points` [5,2] in `picture`, RGB uint8 [H,W,3], as [size,size,3].

    `margin` is what is added around the template, as a share of it; beyond the picture its edge goes on.
    """
    cv2 = opencv()
    template = 0.5 + (TEMPLATE - 0.5) / (1 + margin)
    matrix = similarity(points, template * size)
    # Warped at the picture's own scale and averaged down, so that no pixel is skipped.
    times = max(1, int(np.ceil(1 / np.hypot(*matrix[:, 0]) - 0.5)))
    while times > 1 and times * size > 4096:
        times -= 1
    large = cv2.warpAffine(
        picture,
        times * matrix,
        (times * size, times * size),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return large if times == 1 else cv2.resize(large, (size, size), interpolation=cv2.INTER_AREA)
