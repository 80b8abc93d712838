"""Frontal faces by OpenCV's Haar cascade, the detector of the thesis (section 3.2.1)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ferflow.faces.quiet import opencv

CASCADE = "haarcascade_frontalface_default.xml"
FULL_STEP = 1.1
"""Ratio of neighbouring window sizes in a full search: OpenCV's default."""
QUICK_STEP = 1.3
"""The same in a quick search: a third of the time, for long stretches without a face."""
NEIGHBOURS = 5
"""Hits that must agree on a face; fewer give false faces, which the landmark score would have to refuse."""


class FaceDetector:
    """Finds frontal faces at least `smallest` pixels wide."""

    def __init__(self, smallest: int) -> None:
        cv2 = opencv()
        self.smallest = smallest
        self._cascade = cv2.CascadeClassifier(str(Path(cv2.data.haarcascades) / CASCADE))

    def find(self, frame: np.ndarray, quick: bool = False) -> list[np.ndarray]:
        """The faces in `frame`, RGB uint8 [H,W,3], as boxes float32 [4], the largest first."""
        cv2 = opencv()
        grey = cv2.equalizeHist(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY))
        found = self._cascade.detectMultiScale(
            grey,
            scaleFactor=QUICK_STEP if quick else FULL_STEP,
            minNeighbors=NEIGHBOURS,
            minSize=(self.smallest, self.smallest),
        )
        boxes = [np.asarray(box, np.float32) for box in found]
        # Equal sizes are ordered by place, so that the choice does not hang on OpenCV's order.
        return sorted(boxes, key=lambda box: (-box[2] * box[3], box[0], box[1]))
