"""Faces by MTCNN (Zhang et al. 2016): three networks in a row, each stricter than the one before.

A sliding network proposes windows at every size of a pyramid; a second one refuses most of them; a third one
gives the faces with five points each. After each, boxes are moved by the offsets that the network found, and
of boxes over one another the most probable one stays.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ferflow.faces import mtcnn_networks
from ferflow.faces.boxes import Detections, suppressed
from ferflow.faces.quiet import opencv

WINDOW, STRIDE = 12, 2
"""Pixels that the first network sees at a place, and between two of its places."""
REFINED, FINAL = 24, 48
"""Sides of the crops that the second and third network see, pixels."""
NMS_SIZE, NMS_ALL, NMS_REFINED, NMS_FINAL = 0.5, 0.7, 0.7, 0.7
"""Overlaps above which the less probable box goes: within a size of the pyramid, among all sizes, and after
the second and third network; those of the authors' code."""
BATCH = 512
"""Crops that are judged at once."""


class Mtcnn:
    """Finds faces at least `smallest` pixels wide.

    `step` is the ratio of neighbouring sizes in the pyramid, `thresholds` the least probabilities at the
    three networks. Raises WeightsError where their weights are not in `weights_folder`.
    """

    name = "mtcnn"
    margin = 0.5

    def __init__(
        self,
        weights_folder: str | Path,
        smallest: int = 20,
        step: float = 0.709,
        thresholds: tuple[float, float, float] = (0.6, 0.7, 0.9),
    ) -> None:
        self.networks = mtcnn_networks.load(weights_folder)
        self.smallest, self.step, self.thresholds = smallest, step, tuple(thresholds)

    @torch.inference_mode()
    def find(self, picture: np.ndarray, quick: bool = False) -> Detections:
        """The faces in `picture`, RGB uint8 [H,W,3] of any size; it knows no quicker search."""
        picture = np.ascontiguousarray(picture)
        boxes = square(self._proposed(picture))
        boxes = self._refined(picture, boxes)
        return self._final(picture, square(boxes))

    def scales(self, height: int, width: int) -> list[float]:
        """The factors of the pyramid: from the one at which the smallest face fills a window on."""
        scale, found = WINDOW / self.smallest, []
        while min(height, width) * scale >= WINDOW:
            found.append(scale)
            scale *= self.step
        return found

    def _proposed(self, picture: np.ndarray) -> np.ndarray:
        """Corners x1, y1, x2, y2 that the first network proposes, float32 [n,4]."""
        boxes, scores = [np.zeros((0, 4), np.float32)], [np.zeros(0, np.float32)]
        for scale in self.scales(*picture.shape[:2]):
            found, said = self._at_scale(picture, scale)
            kept = suppressed(found, said, NMS_SIZE)
            boxes.append(found[kept])
            scores.append(said[kept])
        boxes, scores = np.concatenate(boxes), np.concatenate(scores)
        return boxes[suppressed(boxes, scores, NMS_ALL)]

    def _at_scale(self, picture: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
        height, width = picture.shape[:2]
        size = (int(np.ceil(width * scale)), int(np.ceil(height * scale)))
        small = _resized(picture, size)
        chance, offsets = self.networks[0](_normalised(small[None]))
        chance, offsets = chance[0].numpy(), offsets[0].numpy()
        rows, columns = np.nonzero(chance >= self.thresholds[0])
        corner = np.stack([columns, rows], 1).astype(np.float32) * STRIDE
        ratio = np.array((width / size[0], height / size[1]), np.float32)
        boxes = np.concatenate([corner * ratio, (corner + WINDOW) * ratio], 1)
        return moved(boxes, offsets[:, rows, columns].T), chance[rows, columns]

    def _refined(self, picture: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        chance, offsets = self._judged(1, picture, boxes, REFINED)
        good = chance >= self.thresholds[1]
        boxes, chance, offsets = boxes[good], chance[good], offsets[good]
        kept = suppressed(boxes, chance, NMS_REFINED)
        return moved(boxes[kept], offsets[kept])

    def _final(self, picture: np.ndarray, boxes: np.ndarray) -> Detections:
        chance, offsets, points = self._judged(2, picture, boxes, FINAL)
        good = chance >= self.thresholds[2]
        boxes, chance, offsets, points = boxes[good], chance[good], offsets[good], points[good]
        side = (boxes[:, 2:] - boxes[:, :2])[:, None]
        points = boxes[:, None, :2] + np.stack([points[:, :5], points[:, 5:]], 2) * side
        boxes = moved(boxes, offsets)
        kept = suppressed(boxes, chance, NMS_FINAL, of_smaller=True)
        boxes = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], 1)[kept]
        return Detections(*(np.asarray(a, np.float32) for a in (boxes, chance[kept], points[kept])))

    def _judged(self, which: int, picture: np.ndarray, boxes: np.ndarray, side: int) -> list[np.ndarray]:
        """What network `which` says of the squares `boxes`, cut out and brought to `side`."""
        shapes = {1: ((), (4,)), 2: ((), (4,), (10,))}[which]
        said = [[np.zeros((0, *shape), np.float32)] for shape in shapes]
        for begin in range(0, len(boxes), BATCH):
            crops = np.stack([_cut(picture, box, side) for box in boxes[begin : begin + BATCH]])
            for found, answer in zip(said, self.networks[which](_normalised(crops)), strict=True):
                found.append(answer.numpy())
        return [np.concatenate(found) for found in said]


def moved(boxes: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Corners [n,4] moved by `offsets` [n,4], which are shares of the boxes' widths and heights."""
    side = boxes[:, 2:] - boxes[:, :2]
    return boxes + offsets * np.concatenate([side, side], 1)


def square(boxes: np.ndarray) -> np.ndarray:
    """Corners [n,4] of the squares around the same centres, with the longer sides."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).max(1, keepdims=True) / 2
    return np.concatenate([centre - half, centre + half], 1)


def _cut(picture: np.ndarray, box: np.ndarray, side: int) -> np.ndarray:
    """The square at corners `box` [4], black beyond the picture, uint8 [side,side,3]."""
    height, width = picture.shape[:2]
    left, top, right, bottom = np.round(box).astype(int)
    right, bottom = max(right, left + 1), max(bottom, top + 1)
    rows, columns = slice(max(0, top), min(height, bottom)), slice(max(0, left), min(width, right))
    part = picture[rows, columns]
    if part.shape[:2] != (bottom - top, right - left):
        whole = np.zeros((bottom - top, right - left, 3), np.uint8)
        if part.size:
            y, x = rows.start - top, columns.start - left
            whole[y : y + part.shape[0], x : x + part.shape[1]] = part
        part = whole
    return _resized(part, (side, side))


def _resized(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    cv2 = opencv()
    shrinks = size[0] < picture.shape[1]
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def _normalised(pictures: np.ndarray) -> torch.Tensor:
    """uint8 [N,H,W,3] as the networks were trained: float32 [N,3,H,W], about −1 to 1."""
    return (torch.from_numpy(pictures).permute(0, 3, 1, 2).float() - 127.5) / 128
