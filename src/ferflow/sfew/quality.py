"""What is wrong with a face crop: blur, size, pose, confidence."""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd

from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.settings.scenes import CropLimits

FLAGS = ("blur", "small", "pose", "confidence")
BETWEEN = "|"
"""Between the flags of a crop in a table."""


def blur(crop: np.ndarray) -> float:
    """Variance of the Laplacian of a crop, RGB uint8 [H,W,3], in grey levels²: small where it is blurred.

    (Pech-Pacheco et al. 2000.) It is comparable between crops of one size alone.
    """
    return float(cv2.Laplacian(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), cv2.CV_64F).var())


def pose(points: np.ndarray) -> tuple[float, float]:
    """How far a face with `points` [5,2] (see `faces.boxes.POINTS`) turns and tilts.

    The first is the nose's distance from the line half-way between the eyes, along their line, in distances
    of the eyes: 0 from the front, positive where the nose points to the viewer's right. The second is the
    angle of the eyes' line in degrees, clockwise.
    """
    left, right, nose = (np.asarray(points[k], np.float64) for k in range(3))
    eyes = right - left
    apart = float(np.hypot(*eyes))
    if apart == 0:
        return float("inf"), 0.0
    turn = float((nose - (left + right) / 2) @ eyes) / apart**2
    return turn, float(np.rad2deg(np.arctan2(eyes[1], eyes[0])))


def flags(
    blur: float, size: float, confidence: float, yaw: float, roll: float, limits: CropLimits
) -> list[str]:
    """Which limits a crop breaks, of FLAGS. NaN (not known) breaks none.

    `size` is the shorter side of the box in pixels of the scene; `yaw` and `roll` as `pose` gives them.
    """
    broken = {
        "blur": blur < limits.blur,
        "small": size < limits.size,
        "pose": abs(yaw) > limits.yaw or abs(roll) > limits.roll,
        "confidence": confidence < limits.confidence,
    }
    return [name for name in FLAGS if broken[name]]


def summary(crops: pd.DataFrame, emotions: pd.Series) -> pd.DataFrame:
    """A row for each class and one for all (schema `crop_quality`) of a table of crops (schema `crops`).

    `emotions` gives the class of each row.
    """
    flagged = crops["flags"].str.split(BETWEEN, regex=False)
    rows = []
    for emotion in (*EMOTIONS_NEUTRAL, "all"):
        of_class = (emotions == emotion).to_numpy() | (emotion == "all")
        found_by, names = crops["found_by"][of_class], flagged[of_class]
        rows.append(
            {
                "emotion": emotion,
                "images": int(of_class.sum()),
                **{
                    by: int((found_by == by).sum()) for by in ("mtcnn", "haar", "blazeface", "manual", "none")
                },
                "several": int((crops["faces"][of_class] > 1).sum()),
                **{flag: sum(flag in one for one in names) for flag in FLAGS},
                "good": int(((found_by != "none") & (crops["flags"][of_class] == "")).sum()),
                "synthetic": bool(crops["synthetic"].any()),
            }
        )
    return pd.DataFrame(rows)
