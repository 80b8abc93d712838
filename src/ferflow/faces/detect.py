"""Frontal faces by OpenCV's Haar cascade, the detector of the thesis (section 3.2.1)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ferflow.faces.boxes import clip_to
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
        step = QUICK_STEP if quick else FULL_STEP
        return self._hits(frame, step, self.smallest, max(frame.shape[:2]))

    def find_near(
        self, frame: np.ndarray, box: np.ndarray, grow: float, sizes: tuple[float, float]
    ) -> list[np.ndarray]:
        """The faces around `box`, which is grown by the share `grow` on each side, the largest first.

        Only faces from `sizes[0]` to `sizes[1]` times the width of `box` are looked for: a tenth of the time
        that the whole frame takes.
        """
        height, width = frame.shape[:2]
        by = grow * box[2:]
        left, top, w, h = clip_to(np.concatenate([box[:2] - by, box[2:] + 2 * by]), width, height)
        left, top, right, bottom = int(left), int(top), int(np.ceil(left + w)), int(np.ceil(top + h))
        smallest = max(self.smallest * sizes[0], sizes[0] * box[2])
        hits = self._hits(frame[top:bottom, left:right], FULL_STEP, round(smallest), round(sizes[1] * box[2]))
        return [hit + np.array([left, top, 0, 0], np.float32) for hit in hits]

    def _hits(self, part: np.ndarray, step: float, smallest: int, largest: int) -> list[np.ndarray]:
        cv2 = opencv()
        grey = cv2.equalizeHist(cv2.cvtColor(part, cv2.COLOR_RGB2GRAY))
        found = self._cascade.detectMultiScale(
            grey,
            scaleFactor=step,
            minNeighbors=NEIGHBOURS,
            minSize=(smallest, smallest),
            maxSize=(largest, largest),
        )
        boxes = [np.asarray(box, np.float32) for box in found]
        # Equal sizes are ordered by place, so that the choice does not hang on OpenCV's order.
        return sorted(boxes, key=lambda box: (-box[2] * box[3], box[0], box[1]))
