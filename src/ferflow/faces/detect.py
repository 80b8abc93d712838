"""Face detectors: Haar's cascade, BlazeFace, MTCNN, or the first two in turn."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np

from ferflow.faces.blazeface import BLAZEFACE, BlazeFace
from ferflow.faces.boxes import Detections, clip_to, without_points
from ferflow.faces.quiet import opencv

DETECTORS = {
    "auto": (BLAZEFACE,),
    "haar": (),
    "blazeface": (BLAZEFACE,),
    "mtcnn": ("mtcnn-pnet.pt", "mtcnn-rnet.pt", "mtcnn-onet.pt"),
}
"""Names and the pretrained files that each needs. `auto`: Haar's cascade as in the thesis, and BlazeFace
where it finds nobody."""
CASCADE = "haarcascade_frontalface_default.xml"
FULL_STEP = 1.1
"""Ratio of neighbouring window sizes in a full search: OpenCV's default."""
QUICK_STEP = 1.3
"""The same in a quick search: a third of the time, for long stretches without a face."""
NEIGHBOURS = 5
"""Hits that must agree on a face; fewer give false faces, which the landmark score would have to refuse."""


class Detector(Protocol):
    """A face detector.

    `name` is that of a row of DETECTORS; `margin` is the share by which its boxes grow, so that the landmark
    network sees a whole face.
    """

    name: str
    margin: float

    def find(self, picture: np.ndarray, quick: bool = False) -> Detections:
        """The faces in `picture`, RGB uint8 [H,W,3]; `quick`: one frame of many without a face."""


class HaarCascade:
    """Finds frontal faces at least `smallest` pixels wide, as in the thesis (section 3.2.1)."""

    name = "haar"
    margin = 0.25

    def __init__(self, smallest: int) -> None:
        cv2 = opencv()
        self.smallest = smallest
        self._cascade = cv2.CascadeClassifier(str(Path(cv2.data.haarcascades) / CASCADE))

    def find(self, picture: np.ndarray, quick: bool = False) -> Detections:
        """The faces in `picture`, RGB uint8 [H,W,3], the largest first; `quick`: with fewer window sizes."""
        step = QUICK_STEP if quick else FULL_STEP
        return without_points(self._hits(picture, step, self.smallest, max(picture.shape[:2])))

    def find_near(
        self, picture: np.ndarray, box: np.ndarray, grow: float, sizes: tuple[float, float]
    ) -> Detections:
        """The faces around `box`, which is grown by the share `grow` on each side, the largest first.

        Only faces from `sizes[0]` to `sizes[1]` times the width of `box` are looked for: a tenth of the time
        that the whole picture takes.
        """
        height, width = picture.shape[:2]
        by = grow * box[2:]
        left, top, w, h = clip_to(np.concatenate([box[:2] - by, box[2:] + 2 * by]), width, height)
        left, top, right, bottom = int(left), int(top), int(np.ceil(left + w)), int(np.ceil(top + h))
        smallest = max(self.smallest * sizes[0], sizes[0] * box[2])
        part = picture[top:bottom, left:right]
        hits = self._hits(part, FULL_STEP, round(smallest), round(sizes[1] * box[2]))
        return without_points(hits + np.array([left, top, 0, 0], np.float32))

    def _hits(self, part: np.ndarray, step: float, smallest: int, largest: int) -> np.ndarray:
        """Boxes float32 [n,4]."""
        cv2 = opencv()
        if min(part.shape[:2]) < smallest:
            return np.zeros((0, 4), np.float32)
        grey = cv2.equalizeHist(cv2.cvtColor(part, cv2.COLOR_RGB2GRAY))
        hits = self._cascade.detectMultiScale(
            grey,
            scaleFactor=step,
            minNeighbors=NEIGHBOURS,
            minSize=(smallest, smallest),
            maxSize=(largest, largest),
        )
        faces = without_points(np.array(hits, np.float32).reshape(-1, 4))
        return faces.boxes[faces.largest_first()]


def detectors(name: str, haar: int, networks: int, weights_folder: str | Path) -> list[Detector]:
    """The detectors of one of DETECTORS, in turn: each searches where those before it found nobody.

    `haar` and `networks` are the smallest faces, pixels, that the cascade and the networks look for. Raises
    WeightsError where a network's file is missing.
    """
    if name == "mtcnn":
        from ferflow.faces.mtcnn import Mtcnn  # it imports torch

        return [Mtcnn(weights_folder, networks)]
    chosen: list[Detector] = [HaarCascade(haar)] if name in ("auto", "haar") else []
    if name in ("auto", "blazeface"):
        chosen += [BlazeFace(weights_folder), BlazeFace(weights_folder, networks)]
    return chosen
