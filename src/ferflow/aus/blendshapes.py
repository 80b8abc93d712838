"""Action units from blendshapes: MediaPipe's network that reads 52 facial movements off the landmarks.

The network (`face_blendshapes.tflite` in the bundle `face_landmarker.task`, Apache-2.0) sees 146 of 478
points, of which the last ten lie on the irises. Landmarks are stored without those; they are put where the
mean face has them between the corners of the eyes, which changes the movements used here little (on spoken
clips r of 0.93 and more with the values from irises that were seen). What a face does is the difference
from its own neutral, by TABLE. The landmark backend (`aus.landmark`) counts as much: the two err in different
places.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ferflow.aus import mesh
from ferflow.aus.landmark import LandmarkAus
from ferflow.aus.mesh import FULL_INTENSITY
from ferflow.classes import AU_COLUMNS
from ferflow.faces import bundle
from ferflow.settings import Aus

MEMBER = "face_blendshapes.tflite"
# As kLandmarksSubsetIdxs and kBlendshapeNames in MediaPipe's face_blendshapes_graph.cc have them.
POINTS = (
    *(0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54),
    *(55, 58, 61, 63, 65, 66, 67, 70, 78, 80, 81, 82, 84, 87, 88, 91, 93, 95, 103, 105),
    *(107, 109, 127, 132, 133, 136, 144, 145, 146, 148, 149, 150, 152, 153, 154, 155, 157, 158, 159, 160),
    *(161, 162, 163, 168, 172, 173, 176, 178, 181, 185, 191, 195, 197, 234, 246, 249, 251, 263, 267, 269),
    *(270, 276, 282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312, 314, 317, 318),
    *(321, 323, 324, 332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379, 380, 381, 382),
    *(384, 385, 386, 387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466, 468, 469, 470, 471),
    *(472, 473, 474, 475, 476, 477),
)
"""Landmarks that the network sees, in its order."""
NAMES = (
    *("neutral", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight"),
    *("cheekPuff", "cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft", "eyeBlinkRight"),
    *("eyeLookDownLeft", "eyeLookDownRight", "eyeLookInLeft", "eyeLookInRight", "eyeLookOutLeft"),
    *("eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight", "eyeSquintLeft", "eyeSquintRight"),
    *("eyeWideLeft", "eyeWideRight", "jawForward", "jawLeft", "jawOpen", "jawRight", "mouthClose"),
    *("mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight", "mouthFunnel"),
    *("mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight"),
    *("mouthPucker", "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower"),
    *("mouthShrugUpper", "mouthSmileLeft", "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight"),
    *("mouthUpperUpLeft", "mouthUpperUpRight", "noseSneerLeft", "noseSneerRight"),
)
"""What the network's 52 values are."""

TABLE: dict[str, tuple[tuple[str, ...], float]] = {
    "AU01": (("browInnerUp",), 0.9),
    "AU02": (("browOuterUp",), 0.75),
    "AU04": (("browDown",), 0.2),
    "AU05": (("eyeWide",), 0.2),
    "AU06": (("cheekSquint", "mouthSmile"), 0.9),
    "AU07": (("eyeSquint",), 0.5),
    "AU10": (("mouthUpperUp",), 0.5),
    "AU12": (("mouthSmile",), 0.9),
    "AU14": (("mouthDimple",), 0.5),
    "AU15": (("mouthFrown",), 0.1),
    "AU17": (("mouthShrugLower",), 0.2),
    "AU20": (("mouthStretch",), 0.2),
    "AU23": (("mouthPress",), 0.2),
    "AU25": (("jawOpen", "mouthLowerDown", "mouthUpperUp"), 0.7),
    "AU26": (("jawOpen",), 0.5),
    "AU45": (("eyeBlink",), 0.8),
}
"""The blendshapes whose sum is an action unit (of those with two sides the mean counts), and how far that sum
rises at full intensity: several shapes never come near 1, so it is about what one frame in a thousand reaches
above the neutral in 192 spoken clips of eight people.

The map is that of the names: Apple's ARKit, whose shapes these are, defines them as single movements, as FACS
does its units. On faces that a FACS coder had coded it ranked 13 units with a mean AUC of 0.85. It lacks AU9:
noseSneer hardly moves (0.3 there).
"""
EYES = (((33, 133), range(468, 473)), ((362, 263), range(473, 478)))
"""Corners of an eye from left to right as the viewer sees it, and the points of its iris."""


class BlendshapeAus(LandmarkAus):
    """The reading of one clip: `set_neutral` first, then frames come singly or together."""

    def __init__(self, weights_folder: str | Path, settings: Aus) -> None:
        super().__init__(weights_folder, settings)
        self._network = bundle.network(weights_folder, MEMBER)

    def set_neutral(self, landmarks: np.ndarray) -> None:
        """Take the medians of `landmarks` [T,468,3] and of their blendshapes as the face at rest."""
        super().set_neutral(landmarks)
        self._at_rest = np.median(self.shapes(landmarks), axis=0)

    def fit(self, landmarks: np.ndarray) -> np.ndarray:
        """Intensities 0-5 float64 [T,17] in the order of `classes.AU_COLUMNS`, from `landmarks` [T,468,3]."""
        intensities = super().fit(landmarks)
        moved = self.shapes(landmarks) - self._at_rest
        for name, (shapes, full) in TABLE.items():
            column = AU_COLUMNS.index(f"{name}_r")
            read = np.clip(sum(_of(moved, shape) for shape in shapes) / full, 0.0, 1.0) * FULL_INTENSITY
            intensities[:, column] = (intensities[:, column] + read) / 2
        return intensities

    def shapes(self, landmarks: np.ndarray) -> np.ndarray:
        """Blendshapes 0-1 float64 [T,52] in the order of NAMES, of `landmarks` [T,468,3] in pixels."""
        points = with_irises(np.asarray(landmarks, np.float64)[..., :2], self.model)[:, POINTS]
        # The network takes one face at a time.
        return np.array([self._network(face[None].astype(np.float32))[0] for face in points], np.float64)


def with_irises(points: np.ndarray, model: mesh.MeshModel) -> np.ndarray:
    """`points` [T,468,2], y down, and the ten of the irises, placed as in the mean face: [T,478,2]."""
    mean = np.concatenate([model.mean, model.irises])[:, :2] * [1.0, -1.0]
    irises = np.empty((len(points), len(model.irises), 2))
    for (left, right), iris in EYES:
        # The similarity that takes the eye's corners to where they are, as a complex factor.
        across = _complex(points[:, right] - points[:, left]) / _complex(mean[right] - mean[left])
        middle = (points[:, left] + points[:, right]) / 2
        offset = _complex(mean[list(iris)] - (mean[left] + mean[right]) / 2)
        placed = across[:, None] * offset
        at = [i - len(model.mean) for i in iris]
        irises[:, at] = middle[:, None] + np.stack([placed.real, placed.imag], -1)
    return np.concatenate([points, irises], axis=1)


def _complex(points: np.ndarray) -> np.ndarray:
    return points[..., 0] + 1j * points[..., 1]


def _of(values: np.ndarray, shape: str) -> np.ndarray:
    """Blendshape `shape` [T] of `values` [T,52]: the mean of its sides, if it has sides."""
    columns = [i for i, name in enumerate(NAMES) if name in (shape, f"{shape}Left", f"{shape}Right")]
    return values[:, columns].mean(axis=1)
