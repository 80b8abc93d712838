"""Follow a face with little work: Haar's cascade every few frames, a tracker in between, no landmarks.

It needs no pretrained file. Without the landmark network's score nothing but the cascade tells a face from
what the tracker happens to follow, so the cascade looks again every few frames, around the tracked box alone.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ferflow.faces.boxes import clip_to, extend_chin
from ferflow.faces.detect import HaarCascade
from ferflow.faces.stream import FaceFrame, Stream
from ferflow.faces.video import is_blank
from ferflow.settings import Faces, Haar


class HaarStream(Stream):
    """Finds the face by Haar's cascade alone. The frames it gives have no landmarks and no score (NaN)."""

    def __init__(self, settings: Faces, haar: Haar, where: str | Path = "clip") -> None:
        super().__init__(settings, where)
        self.haar = haar
        self._detector = HaarCascade(settings.smallest)

    @property
    def smallest(self) -> int:
        """Pixels, width of the smallest face that is looked for."""
        return self.settings.smallest

    def reset(self) -> None:
        super().reset()
        self._since = 0  # frames since the cascade has seen the face
        self._misses = 0  # looks in a row without a face
        self.blank = False  # whether the last frame showed nothing

    def step(self, frame: np.ndarray) -> FaceFrame:
        box = self.locate(frame)
        return self._face(frame, self.index - 1, box, None, self.blank)

    def locate(self, frame: np.ndarray) -> np.ndarray | None:
        """The face's box alone, float32 [4], or None; otherwise as `step`."""
        box = self._follow(frame) if self._following else None
        self.blank = box is None and is_blank(frame)
        if box is None and not self.blank:
            box = self._search(frame)
        self._next(box, self.blank)
        return box

    def _search(self, frame: np.ndarray) -> np.ndarray | None:
        hits = self._detector.find(frame, quick=self._searched >= self.settings.search_frames).boxes
        if not len(hits):
            return None
        self._refuse_several(len(hits))
        self.detections += 1
        return self._seen(frame, hits[0])

    def _follow(self, frame: np.ndarray) -> np.ndarray | None:
        box = self._tracker.follow(frame)
        self._since += 1
        if box is not None and self._since < self.haar.interval:
            return self._inside(frame, box)
        haar = self.haar
        hits = () if box is None else self._detector.find_near(frame, box, haar.window, haar.sizes).boxes
        if len(hits):
            return self._seen(frame, hits[0])
        self._misses += 1
        if box is None or self._misses >= self.haar.lost:
            self._following = False
            return None
        return self._inside(frame, box)

    def _seen(self, frame: np.ndarray, hit: np.ndarray) -> np.ndarray:
        box = self._inside(frame, extend_chin(hit, self.settings.extend))
        self._since = self._misses = 0
        # With a look at every frame there is nothing to follow: each searches the whole of it.
        self._following = self.haar.interval > 1
        if self._following:
            self._tracker.start(frame, box)
        return box

    def _inside(self, frame: np.ndarray, box: np.ndarray) -> np.ndarray:
        height, width = frame.shape[:2]
        return clip_to(box, width, height)
