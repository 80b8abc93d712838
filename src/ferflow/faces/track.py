"""Single-face trackers of OpenCV: MedianFlow (the thesis's choice), KCF and CSRT."""

from __future__ import annotations

import numpy as np

from ferflow.faces.boxes import clip_to
from ferflow.faces.quiet import opencv

TRACKERS = ("medianflow", "kcf", "csrt")


class FaceTracker:
    """Follows one box from frame to frame with the tracker `name`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._tracker = None

    def start(self, frame: np.ndarray, box: np.ndarray) -> None:
        """Take `box`, x y w h, in `frame`, RGB uint8 [H,W,3], as what to follow from here on."""
        legacy = opencv().legacy
        make = {
            "medianflow": legacy.TrackerMedianFlow_create,
            "kcf": legacy.TrackerKCF_create,
            "csrt": legacy.TrackerCSRT_create,
        }[self.name]
        height, width = frame.shape[:2]
        self._tracker = make()
        self._tracker.init(frame, tuple(float(v) for v in clip_to(box, width, height)))

    def follow(self, frame: np.ndarray) -> np.ndarray | None:
        """The box in the next frame, float32 [4], or None where the tracker gives up.

        A box comes back without a face too: MedianFlow follows whatever moves.
        """
        cv2 = opencv()
        try:
            good, box = self._tracker.update(frame)
        except cv2.error:  # MedianFlow and CSRT fail so where the box leaves the frame
            return None
        box = np.asarray(box, np.float32)
        height, width = frame.shape[:2]
        inside = min(box[0] + box[2], width) - max(box[0], 0) > 1
        inside &= min(box[1] + box[3], height) - max(box[1], 0) > 1
        return box if good and inside and np.isfinite(box).all() else None
