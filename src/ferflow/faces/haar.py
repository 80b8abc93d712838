"""The light way to a face: Haar's cascade now and then, a tracker in between, no landmarks.

It needs no pretrained file. Without the landmark network's score nothing but the cascade tells a face from
what the tracker happens to follow, so the cascade looks again every few frames, around the tracked box alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from ferflow.errors import InputError
from ferflow.faces.boxes import clip_to, cropped, extend_chin
from ferflow.faces.detect import HaarCascade
from ferflow.faces.landmarks import N_LANDMARKS
from ferflow.faces.stream import FaceFrame
from ferflow.faces.track import FaceTracker
from ferflow.faces.video import is_blank
from ferflow.settings import Faces, Haar


class HaarStream:
    """Follows one face through a clip, as `stream.FaceStream` does; `where` names the clip in messages.

    The frames it gives have no landmarks and no score (NaN).
    """

    def __init__(self, settings: Faces, haar: Haar, where: str | Path = "clip") -> None:
        self.settings, self.haar, self.where = settings, haar, where
        self._detector = HaarCascade(settings.smallest)
        self._tracker = FaceTracker(settings.tracker)
        self.reset()

    @property
    def smallest(self) -> int:
        """Pixels, width of the smallest face that is looked for."""
        return self.settings.smallest

    def reset(self) -> None:
        """Forget the face, before another clip."""
        self.index = 0
        self.detections = 0  # how often a face was found by searching the whole frame
        self._following = False
        self._since = 0  # frames since the cascade has seen the face
        self._misses = 0  # looks in a row without a face
        self._searched = 0  # frames in a row without a face, blank ones aside
        self.blank = False  # whether the last frame showed nothing

    def run(self, frames: Iterable[np.ndarray]) -> Iterator[FaceFrame]:
        """The faces of `frames`, RGB uint8 [H,W,3] each, from a fresh start."""
        self.reset()
        for frame in frames:
            yield self.step(frame)

    def step(self, frame: np.ndarray) -> FaceFrame:
        """The face in the next frame.

        Raises InputError where several faces are found and `settings.several` is `error`.
        """
        box = self.locate(frame)
        tracked, size = box is not None, self.settings.size
        return FaceFrame(
            self.index - 1,
            frame,
            box if tracked else np.full(4, np.nan, np.float32),
            tracked,
            np.full((N_LANDMARKS, 3), np.nan, np.float32),
            float("nan"),
            cropped(frame, box, size) if tracked else np.zeros((size, size, 3), np.uint8),
            self.blank,
        )

    def locate(self, frame: np.ndarray) -> np.ndarray | None:
        """The face's box alone, float32 [4], or None; otherwise as `step`."""
        box = self._follow(frame) if self._following else None
        self.blank = box is None and is_blank(frame)
        if box is None and not self.blank:
            box = self._search(frame)
        self.index += 1
        self._searched = 0 if box is not None else self._searched + (not self.blank)
        return box

    def _search(self, frame: np.ndarray) -> np.ndarray | None:
        hits = self._detector.find(frame, quick=self._searched >= self.settings.search_frames).boxes
        if not len(hits):
            return None
        if len(hits) > 1 and self.settings.several == "error":
            raise InputError(
                self.where,
                f"shows {len(hits)} faces in frame {self.index}",
                "cut it to one person or set faces.several to largest",
            )
        self.detections += 1
        return self._seen(frame, hits[0])

    def _follow(self, frame: np.ndarray) -> np.ndarray | None:
        box = self._tracker.follow(frame)
        self._since += 1
        if box is not None and self._since < self.haar.interval:
            return self._inside(frame, box)
        hits = () if box is None else self._look(frame, box)
        if len(hits):
            return self._seen(frame, hits[0])
        self._misses += 1
        if box is None or self._misses >= self.haar.lost:
            self._following = False
            return None
        return self._inside(frame, box)

    def _look(self, frame: np.ndarray, box: np.ndarray) -> np.ndarray:
        return self._detector.find_near(frame, box, self.haar.window, self.haar.sizes).boxes

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
