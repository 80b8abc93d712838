"""Face boxes (x, y, width, height in source pixels, float32 [4]) and what a detector gives of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ferflow.faces.quiet import opencv

POINTS = ("left eye", "right eye", "nose", "left corner of the mouth", "right corner of the mouth")
"""As the viewer sees them; the order of `Detections.points`."""


@dataclass(frozen=True)
class Detections:
    """Faces in a picture.

    `boxes` float32 [n,4]: x, y, width, height in its pixels, which may reach beyond its edges; `confidence`
    float32 [n], 0–1 (NaN from a detector that gives none); `points` float32 [n,5,2] (see POINTS), or NaN.
    """

    boxes: np.ndarray
    confidence: np.ndarray
    points: np.ndarray

    def __len__(self) -> int:
        return len(self.boxes)

    def lean(self, row: int) -> float:
        """The angle of the line between the eyes of a face, radians, positive clockwise; 0 where unknown."""
        across = self.points[row, 1] - self.points[row, 0]
        return float(np.arctan2(across[1], across[0])) if np.isfinite(across).all() else 0.0

    def largest_first(self) -> np.ndarray:
        """Rows by area; equal areas by place, so that the choice does not hang on a detector's order."""
        x, y, width, height = self.boxes.T
        return np.lexsort((y, x, -width * height))


def without_points(boxes: np.ndarray) -> Detections:
    """Boxes [n,4] of which nothing else is known."""
    unknown = np.full(len(boxes), np.nan, np.float32)
    return Detections(boxes, unknown, np.full((len(boxes), 5, 2), np.nan, np.float32))


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boxes, 0-1."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return float(shared / (a[2] * a[3] + b[2] * b[3] - shared))


def clip_to(box: np.ndarray, width: int, height: int) -> np.ndarray:
    """The part of `box` inside a frame of `width` x `height`; at least one pixel, even if none is inside."""
    left, top = np.clip(box[0], 0, width - 1), np.clip(box[1], 0, height - 1)
    right, bottom = np.clip(box[0] + box[2], left + 1, width), np.clip(box[1] + box[3], top + 1, height)
    return np.array([left, top, right - left, bottom - top], np.float32)


def extend_chin(box: np.ndarray, margin: float) -> np.ndarray:
    """`box` with `margin` more at its lower edge (thesis, section 3.2.1: 159x159 becomes 159x169).

    Below 1 it is a share of the box's height, so that a face gives the same crop at any resolution; from 1 on
    it is in pixels.
    """
    more = box[3] * margin if margin < 1 else margin
    return np.array([box[0], box[1], box[2], box[3] + more], np.float32)


def chin(height: float, margin: float) -> float:
    """How many pixels of the `height` of a box that `extend_chin` made it added."""
    return height * margin / (1 + margin) if margin < 1 else margin


def cropped(frame: np.ndarray, box: np.ndarray, size: int) -> np.ndarray:
    """The part of `frame`, RGB uint8 [H,W,3], inside `box`, brought to [size,size,3]."""
    left, top, right, bottom = _corners(box)
    return _resized(frame[top:bottom, left:right], size)


def boxed(picture: np.ndarray, box: np.ndarray, size: int) -> np.ndarray:
    """`cropped` for a box that may reach beyond the picture, where its edge goes on."""
    height, width = picture.shape[:2]
    left, top, right, bottom = _corners(box)
    columns = np.clip(np.arange(left, right), 0, width - 1)
    rows = np.clip(np.arange(top, bottom), 0, height - 1)
    return _resized(picture[rows[:, None], columns], size)


def _corners(box: np.ndarray) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of `box` in whole pixels, at least one apart."""
    left, top = (int(v) for v in np.floor(box[:2] + 0.5))
    right, bottom = (int(v) for v in np.floor(box[:2] + box[2:] + 0.5))
    return left, top, max(right, left + 1), max(bottom, top + 1)


def _resized(part: np.ndarray, size: int) -> np.ndarray:
    cv2 = opencv()
    # Averages areas where it shrinks, so that no pixel of the source is skipped.
    how = cv2.INTER_AREA if min(part.shape[:2]) > size else cv2.INTER_LINEAR
    return cv2.resize(part, (size, size), interpolation=how)


def square(box: np.ndarray, grow: float) -> np.ndarray:
    """The square around the centre of `box`, its longer side grown by the share `grow`."""
    side = max(box[2], box[3]) * (1 + grow)
    return np.array([box[0] + box[2] / 2 - side / 2, box[1] + box[3] / 2 - side / 2, side, side], np.float32)


def suppressed(boxes: np.ndarray, scores: np.ndarray, overlap: float, of_smaller: bool = False) -> np.ndarray:
    """Rows of the boxes (corners [n,4]) that stay, the most probable first: non-maximum suppression.

    A box goes where a more probable one that stays overlaps it by more than `overlap`: the shared area by
    that of both together, or, `of_smaller`, by that of the smaller box. (torchvision's operator has no
    second way, and does not load beside a torch without CUDA.)
    """
    area = np.prod(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None), axis=1)
    order = np.argsort(-scores, kind="stable")
    kept = []
    while len(order):
        best, order = order[0], order[1:]
        kept.append(best)
        low = np.maximum(boxes[best, :2], boxes[order, :2])
        high = np.minimum(boxes[best, 2:], boxes[order, 2:])
        shared = np.prod(np.clip(high - low, 0, None), axis=1)
        whole = np.minimum(area[best], area[order]) if of_smaller else area[best] + area[order] - shared
        order = order[shared <= overlap * whole]
    return np.array(kept, np.int64)
