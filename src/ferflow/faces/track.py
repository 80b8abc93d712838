"""Single-face trackers of OpenCV: MedianFlow (the thesis's choice), KCF and CSRT."""

from __future__ import annotations

import numpy as np

from ferflow.faces.boxes import clip_to
from ferflow.faces.quiet import opencv

TRACKERS = ("medianflow", "kcf", "csrt")


WINDOW = 0.5
"""The tracker sees the box grown by this share of its size on each side, not the whole frame."""
EDGE = 0.1
"""It is given another window when the box comes this near to the edge, as a share of the box's size."""


class FaceTracker:
    """Follows one box from frame to frame with the tracker `name`.

    A tracker's time goes with the size of what it sees, so it is shown a window around the face; where it
    looks for the face in the next frame lies well inside.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._tracker = None
        self._window = (0, 0, 0, 0)  # left, top, right, bottom in the frame

    def start(self, frame: np.ndarray, box: np.ndarray) -> None:
        """Take `box`, x y w h, in `frame`, RGB uint8 [H,W,3], as what to follow from here on."""
        legacy = opencv().legacy
        make = {
            "medianflow": legacy.TrackerMedianFlow_create,
            "kcf": legacy.TrackerKCF_create,
            "csrt": legacy.TrackerCSRT_create,
        }[self.name]
        height, width = frame.shape[:2]
        x, y, w, h = clip_to(box, width, height)
        left, top = max(0, int(x - WINDOW * w)), max(0, int(y - WINDOW * h))
        right, bottom = min(width, int(x + (1 + WINDOW) * w)), min(height, int(y + (1 + WINDOW) * h))
        self._window = (left, top, right, bottom)
        self._tracker = make()
        self._tracker.init(self._view(frame), (float(x - left), float(y - top), float(w), float(h)))

    def _view(self, frame: np.ndarray) -> np.ndarray:
        """What the tracker sees of a frame; MedianFlow would make it grey by itself."""
        left, top, right, bottom = self._window
        part = frame[top:bottom, left:right]
        cv2 = opencv()
        return cv2.cvtColor(part, cv2.COLOR_RGB2GRAY) if self.name == "medianflow" else part

    def _near_the_edge(self, box: np.ndarray, width: int, height: int) -> bool:
        """Whether the box nears an edge of the window that is not the frame's own."""
        left, top, right, bottom = self._window
        x, y, w, h = box
        return bool(
            (left > 0 and x - left < EDGE * w)
            or (top > 0 and y - top < EDGE * h)
            or (right < width and right - (x + w) < EDGE * w)
            or (bottom < height and bottom - (y + h) < EDGE * h)
        )

    def follow(self, frame: np.ndarray) -> np.ndarray | None:
        """The box in the next frame, float32 [4], or None where the tracker gives up.

        A box comes back without a face too: MedianFlow follows whatever moves.
        """
        cv2 = opencv()
        try:
            good, box = self._tracker.update(self._view(frame))
        except cv2.error:  # MedianFlow and CSRT fail so where the box leaves the frame
            return None
        box = np.asarray(box, np.float32)
        box[:2] += self._window[:2]
        height, width = frame.shape[:2]
        inside = min(box[0] + box[2], width) - max(box[0], 0) > 1
        inside &= min(box[1] + box[3], height) - max(box[1], 0) > 1
        if not (good and inside and np.isfinite(box).all()):
            return None
        if self._near_the_edge(box, width, height):
            self.start(frame, box)
        return box
