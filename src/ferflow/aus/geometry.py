"""Movements of single parts of the face: distances between its landmarks, relative to the person's neutral.

The linear model (`aus.mesh`) was fitted to faces at large and is blind for some of them: its column of AU25
closes the lips, those of AU7 and AU23 hardly move a point. Their definitions in FACS (Ekman, Friesen & Hager,
2002) are movements that can be measured: TABLE says how.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ferflow.aus.mesh import FULL_INTENSITY

OUTER_CORNERS = (33, 263)
EYE_CORNERS = (33, 133, 263, 362)
INNER_BROWS = (55, 66, 107, 285, 296, 336)
OUTER_BROWS = (46, 63, 70, 276, 293, 300)
UPPER_LIDS = (158, 159, 160, 385, 386, 387)
LOWER_LIDS = (144, 145, 153, 373, 374, 380)
INNER_CORNERS = (133, 362)
NOSE_WINGS = (64, 129, 294, 358)
NOSE_TIP = (1,)
MOUTH_CORNERS = (61, 291)
LIPS_MIDDLE = (0, 13, 14, 17)
UPPER_LIP, LOWER_LIP = (0, 13), (14, 17)
"""From the outer to the inner edge, and from the inner to the outer."""


@dataclass(frozen=True)
class Distance:
    """How far the points `first` lie above, or to the right of, the points `second` (means of both).

    `full`: by how much it grows at full intensity, share of the distance of the outer eye corners; negative
    where the movement makes it smaller. `axis`: 0 across the face, 1 along it.
    """

    first: tuple[int, ...]
    second: tuple[int, ...]
    full: float
    axis: int = 1

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """[...] of `points` [...,P,3]."""
        along = points[..., self.axis]
        return along[..., list(self.first)].mean(-1) - along[..., list(self.second)].mean(-1)


@dataclass(frozen=True)
class Measured:
    """An action unit as the mean of `distances`, each as a share of its `full`.

    `share`: how much of the intensity it decides; the rest is the linear model's.
    """

    share: float
    distances: tuple[Distance, ...]


TABLE: dict[str, Measured] = {
    "AU01": Measured(0.5, (Distance(INNER_BROWS, EYE_CORNERS, 0.06),)),
    "AU02": Measured(0.5, (Distance(OUTER_BROWS, EYE_CORNERS, 0.06),)),
    "AU05": Measured(0.5, (Distance(UPPER_LIDS, LOWER_LIDS, 0.05),)),
    "AU07": Measured(0.5, (Distance(LOWER_LIDS, EYE_CORNERS, 0.03), Distance(UPPER_LIDS, LOWER_LIDS, -0.06))),
    "AU09": Measured(
        0.5, (Distance(INNER_CORNERS, NOSE_WINGS, -0.08), Distance(INNER_CORNERS, NOSE_TIP, -0.08))
    ),
    "AU12": Measured(0.5, (Distance(MOUTH_CORNERS, EYE_CORNERS, 0.12),)),
    "AU15": Measured(0.5, (Distance(MOUTH_CORNERS, LIPS_MIDDLE, -0.05),)),
    "AU23": Measured(
        0.5,
        (
            Distance(UPPER_LIP[:1], UPPER_LIP[1:], -0.04),
            Distance(LOWER_LIP[:1], LOWER_LIP[1:], -0.05),
            Distance(MOUTH_CORNERS[1:], MOUTH_CORNERS[:1], -0.1, axis=0),
        ),
    ),
    "AU25": Measured(1.0, (Distance(UPPER_LIP[1:], LOWER_LIP[:1], 0.2),)),
    "AU45": Measured(0.5, (Distance(UPPER_LIDS, LOWER_LIDS, -0.09),)),
}


def measure(moved: np.ndarray, neutral: np.ndarray) -> dict[str, np.ndarray]:
    """Intensities 0-5 [T] of the action units in TABLE.

    `moved` [T,468,3]: the way of each landmark, y up, from its place in `neutral` [468,3], the face at rest.
    """
    size = float(np.linalg.norm(np.diff(neutral[list(OUTER_CORNERS), :2], axis=0)))
    return {
        name: FULL_INTENSITY
        * np.clip(np.mean([d(moved) / (size * d.full) for d in measured.distances], axis=0), 0.0, 1.0)
        for name, measured in TABLE.items()
    }
