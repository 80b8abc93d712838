"""Face landmarks: one of two networks of MediaPipe (Apache-2.0), run by OpenVINO.

`wheel` is a file that a published wheel carries; it sees lids and lips move some six tenths of what they do.
`bundle` is its successor in `face_landmarker.task`, which sees them better, in some three times the time. The
468 points have the same numbers; the ten on the irises, which the bundle's adds, are not kept.

OpenCV reads the network too and gives the same points (to 1e-4 pixels) in 2.4 times the time.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ferflow import weights
from ferflow.faces import bundle
from ferflow.faces.bundle import compiled
from ferflow.faces.quiet import opencv
from ferflow.settings.decided import landmark_network

FILE = "face_landmark.tflite"
N_LANDMARKS = 468
INPUT_SIZE = {"wheel": 192, "bundle": 256}
"""Pixels, side of the networks' square inputs."""
REACH = {"wheel": 0.65, "bundle": 1.0}
"""Share of a movement that a network's landmarks show. Of the wheel's: the slope of its movements on those of
the bundle's, all points of 192 spoken clips of eight people (lips 0.73, jaw 0.61, brows 0.5, lids 0.25)."""
MEMBER = "face_landmarks_detector.tflite"
"""The bundle's network."""
MARGIN = 8
"""Pixels around a region that go into the averaging."""
WIDTH = {"wheel": 0.9, "bundle": 0.0}
"""Width of a face's landmarks, in their heights, from which on they are shown to a network as they are. The
wheel's draws a narrower face too wide, and is therefore shown it wider; the bundle's does not."""
NARROWEST = 0.7
"""Faces are widened to that by 1 / NARROWEST at most: one that is turned away is narrow by itself."""
EYE_CORNERS = (33, 263)
"""The outer corners of the viewer's left and right eye in MediaPipe's numbering."""


class LandmarkNet:
    """468 landmarks and a face score from a square part of a frame."""

    def __init__(self, weights_folder: str | Path, name: str = "auto") -> None:
        """`name` as in `faces.landmarks`; WeightsError where its file is missing."""
        self.name = landmark_network(name, weights_folder)
        self._side = INPUT_SIZE[self.name]
        if self.name == "wheel":
            self._net = compiled(str(weights.path(FILE, weights_folder)))
        else:
            self._net = bundle.network(weights_folder, MEMBER, (1, self._side, self._side, 3))

    def __call__(self, frame: np.ndarray, region: np.ndarray) -> tuple[np.ndarray, float]:
        """Landmarks float32 [468,3] in source pixels (z in the same scale, smaller is nearer) and the score.

        `frame`: RGB uint8 [H,W,3]; `region`: centre x, centre y, width, height and angle of a rectangle,
        which may reach beyond the frame. The network sees it as a square: the angle, radians by which the
        face leans clockwise, is taken out, and so is what makes it narrow. The score is a logit: about 7 and
        more on a face, about -9 without one.
        """
        cv2 = opencv()
        # A pixel p of the network's is turn p + shift in the frame.
        centre, sides = np.asarray(region[:2], np.float64), np.asarray(region[2:4], np.float64)
        turn = _turn(region[4]) * (sides / self._side)
        zoom = float(np.sqrt(sides.prod())) / self._side
        shift = centre - turn @ np.full(2, self._side / 2)
        # The part of the frame that the turned rectangle covers, averaged first over as many pixels as become
        # one: without it the landmarks jitter by a quarter more.
        reach = np.abs(_turn(region[4])) @ sides / 2 + MARGIN
        height, width = frame.shape[:2]
        left, top = np.clip(np.floor(centre - reach), 0, [width - 1, height - 1]).astype(int)
        right, bottom = np.clip(np.ceil(centre + reach), [left + 1, top + 1], [width, height]).astype(int)
        part = frame[top:bottom, left:right]
        kernel = 2 * round(zoom / 2) + 1
        if zoom > 1:
            part = cv2.blur(part, (kernel, kernel))
        to_part = np.hstack([turn, (shift - [left, top])[:, None]])
        crop = cv2.warpAffine(
            part, to_part, (self._side, self._side), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        )
        points, logit, *_ = self._net(crop[None].astype(np.float32) / 255).to_tuple()
        points = points.reshape(-1, 3)[:N_LANDMARKS].astype(np.float64)
        points = np.column_stack([points[:, :2] @ turn.T + shift, points[:, 2] * zoom])
        return points.astype(np.float32), float(logit.reshape(-1)[0])

    def region(self, landmarks: np.ndarray, grow: float) -> np.ndarray:
        """Where to look for a face with `landmarks` [468,3], as float64 [5], see `__call__`.

        It leans as the face does and holds all landmarks, grown by the share `grow`. It is as high as
        MediaPipe's square, and narrower where the face is narrower than WIDTH.
        """
        turn = _turn(lean(landmarks))
        upright = landmarks[:, :2] @ turn
        low, high = upright.min(0), upright.max(0)
        width, height = high - low
        side = max(width, height) * (1 + grow)
        full = WIDTH[self.name] * height
        narrow = max(NARROWEST, width / full) if width < full else 1.0
        return np.array([*(turn @ ((low + high) / 2)), side * narrow, side, lean(landmarks)], np.float64)


def lean(landmarks: np.ndarray) -> float:
    """The angle of the line between the eyes, radians, positive clockwise."""
    left, right = landmarks[EYE_CORNERS[0]], landmarks[EYE_CORNERS[1]]
    return float(np.arctan2(right[1] - left[1], right[0] - left[0]))


def region_of_box(box: np.ndarray, grow: float, angle: float = 0.0) -> np.ndarray:
    """The square around the centre of `box` (x, y, width, height), its longer side grown by `grow`.

    A region as LandmarkNet takes it, float64 [5].
    """
    side = max(box[2], box[3]) * (1 + grow)
    return np.array([box[0] + box[2] / 2, box[1] + box[3] / 2, side, side, angle], np.float64)


def _turn(angle: float) -> np.ndarray:
    """The turn by `angle` radians, clockwise in a picture, [2,2]."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, -sin], [sin, cos]])
