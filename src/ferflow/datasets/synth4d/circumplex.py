"""Valence and arousal of a face from the strengths of its action units.

Each emotion has its place in the plane of valence and arousal (Russell 1980): the mean pleasure and arousal
that people gave to it (Russell and Mehrabian, *Evidence for a three-factor theory of emotions*, Journal of
Research in Personality 11, 1977). The action units are led there linearly: the prototypes of EMFACS at full
strength come to lie at their emotion's place, a face at rest at (0, 0), half a smile half way between.
"""

from __future__ import annotations

import numpy as np

from ferflow.datasets.synth4d.expression import EMFACS
from ferflow.datasets.synth4d.facemodel import FaceModel

PLACES: dict[str, tuple[float, float]] = {
    "happy": (0.81, 0.51),
    "sad": (-0.63, -0.27),
    "surprise": (0.40, 0.67),
    "fear": (-0.64, 0.60),
    "angry": (-0.51, 0.59),
    "disgust": (-0.60, 0.35),
    "contempt": (-0.45, 0.20),
    "neutral": (0.0, 0.0),
}
"""Valence and arousal of each emotion at full strength: the means of 1977 for happy, sad, surprised, fearful,
angry and disgusted. They have no contempt: its place here is this project's own assumption, unpleasant and
little excited. So is the origin for a neutral face."""

CONTEMPT = {14: 0.5, 12: 0.3}
"""Contempt's action units (EMFACS: R12A + R14A, one side of the face), as the mean over both sides."""


class Circumplex:
    """The linear way from action units [A] (0–1) to valence and arousal (−1–1)."""

    def __init__(self, model: FaceModel) -> None:
        basic = [emotion for emotion, units in EMFACS.items() if units]
        prototypes = np.array([_strengths(EMFACS[emotion], model) for emotion in basic])
        # The smallest weights of all that lead every prototype to its place exactly.
        self.weights = np.linalg.pinv(prototypes) @ np.array([PLACES[emotion] for emotion in basic])
        # AU14 is contempt's alone: it takes what the others leave of the way to contempt's place.
        rest = np.array(PLACES["contempt"]) - _strengths(CONTEMPT, model) @ self.weights
        self.weights[model.index(14)] += rest / CONTEMPT[14]

    def __call__(self, aus: np.ndarray) -> np.ndarray:
        """Valence and arousal [..., 2] in −1–1 of `aus` [..., A]; beyond the circle they are drawn to it."""
        place = np.asarray(aus, float) @ self.weights
        return place / np.maximum(np.linalg.norm(place, axis=-1, keepdims=True), 1)


def _strengths(units: dict[int, float], model: FaceModel) -> np.ndarray:
    values = np.zeros(len(model.names))
    for number, full in units.items():
        values[model.index(number)] = full
    return values
