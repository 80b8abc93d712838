"""Faces by MTCNN (Zhang et al. 2016): three networks in a row, each stricter than the one before.

A sliding network proposes windows at every size of a pyramid; a second one refuses most of them; a third one
gives the faces with five points each. After each, boxes are moved by the offsets that the network found, and
of boxes over one another the most probable one stays. The networks are those of figure 2, under the names of
their published weights.
"""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ferflow import weights
from ferflow.errors import WeightsError
from ferflow.faces.boxes import Detections, suppressed
from ferflow.faces.quiet import opencv

FILES = ("mtcnn-pnet.pt", "mtcnn-rnet.pt", "mtcnn-onet.pt")


def _flat(x: torch.Tensor) -> torch.Tensor:
    """[N,C,H,W] as [N,W·H·C]: the order in which the dense layers were trained."""
    return x.permute(0, 3, 2, 1).flatten(1)


class Proposal(nn.Module):
    """P-Net: slides over a picture [N,3,H,W]; probability of a face [N,h,w] and box offsets [N,4,h,w]."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 10, 3), nn.PReLU(10)
        self.pool1 = nn.MaxPool2d(2, 2, ceil_mode=True)
        self.conv2, self.prelu2 = nn.Conv2d(10, 16, 3), nn.PReLU(16)
        self.conv3, self.prelu3 = nn.Conv2d(16, 32, 3), nn.PReLU(32)
        self.conv4_1, self.conv4_2 = nn.Conv2d(32, 2, 1), nn.Conv2d(32, 4, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.pool1(self.prelu1(self.conv1(x)))
        x = self.prelu3(self.conv3(self.prelu2(self.conv2(x))))
        return self.conv4_1(x).softmax(1)[:, 1], self.conv4_2(x)


class Refinement(nn.Module):
    """R-Net: crops [N,3,24,24]; probability of a face [N] and box offsets [N,4]."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 28, 3), nn.PReLU(28)
        self.conv2, self.prelu2 = nn.Conv2d(28, 48, 3), nn.PReLU(48)
        self.conv3, self.prelu3 = nn.Conv2d(48, 64, 2), nn.PReLU(64)
        self.pool = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.dense4, self.prelu4 = nn.Linear(576, 128), nn.PReLU(128)
        self.dense5_1, self.dense5_2 = nn.Linear(128, 2), nn.Linear(128, 4)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.pool(self.prelu1(self.conv1(x)))
        x = self.pool(self.prelu2(self.conv2(x)))
        x = self.prelu4(self.dense4(_flat(self.prelu3(self.conv3(x)))))
        return self.dense5_1(x).softmax(1)[:, 1], self.dense5_2(x)


class Output(nn.Module):
    """O-Net: crops [N,3,48,48]; probability of a face [N], box offsets [N,4], points [N,10] (x, then y)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 32, 3), nn.PReLU(32)
        self.conv2, self.prelu2 = nn.Conv2d(32, 64, 3), nn.PReLU(64)
        self.conv3, self.prelu3 = nn.Conv2d(64, 64, 3), nn.PReLU(64)
        self.conv4, self.prelu4 = nn.Conv2d(64, 128, 2), nn.PReLU(128)
        self.pool = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.pool3 = nn.MaxPool2d(2, 2, ceil_mode=True)
        self.dense5, self.prelu5 = nn.Linear(1152, 256), nn.PReLU(256)
        self.dense6_1, self.dense6_2, self.dense6_3 = nn.Linear(256, 2), nn.Linear(256, 4), nn.Linear(256, 10)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        x = self.pool(self.prelu1(self.conv1(x)))
        x = self.pool(self.prelu2(self.conv2(x)))
        x = self.pool3(self.prelu3(self.conv3(x)))
        x = self.prelu5(self.dense5(_flat(self.prelu4(self.conv4(x)))))
        return self.dense6_1(x).softmax(1)[:, 1], self.dense6_2(x), self.dense6_3(x)


def load_networks(weights_folder: str | Path) -> tuple[Proposal, Refinement, Output]:
    """The three networks with their published weights, in evaluation mode.

    Raises WeightsError where a file is missing, damaged or of another network.
    """
    loaded = []
    for network, name in zip((Proposal(), Refinement(), Output()), FILES, strict=True):
        path = weights.path(name, weights_folder)
        try:
            network.load_state_dict(torch.load(path, weights_only=True, map_location="cpu"), strict=True)
        except (RuntimeError, pickle.UnpicklingError, EOFError, TypeError, AttributeError, OSError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise WeightsError(path, f"does not hold {name} ({reason})", f"fetch {name} again") from None
        loaded.append(network.eval().requires_grad_(False))
    return tuple(loaded)


WINDOW, STRIDE = 12, 2
"""Pixels that the first network sees at a place, and between two of its places."""
REFINED, FINAL = 24, 48
"""Sides of the crops that the second and third network see, pixels."""
NMS_SIZE, NMS_ALL, NMS_REFINED, NMS_FINAL = 0.5, 0.7, 0.7, 0.7
"""Overlaps above which the less probable box goes: within a size of the pyramid, among all sizes, and after
the second and third network; those of the authors' code."""
BATCH = 512
"""Crops in one pass."""


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
        self.networks = load_networks(weights_folder)
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
        scale, scales = WINDOW / self.smallest, []
        while min(height, width) * scale >= WINDOW:
            scales.append(scale)
            scale *= self.step
        return scales

    def _proposed(self, picture: np.ndarray) -> np.ndarray:
        """Corners x1, y1, x2, y2 that the first network proposes, float32 [n,4]."""
        boxes, scores = [np.zeros((0, 4), np.float32)], [np.zeros(0, np.float32)]
        for scale in self.scales(*picture.shape[:2]):
            at_scale, chance = self._at_scale(picture, scale)
            kept = suppressed(at_scale, chance, NMS_SIZE)
            boxes.append(at_scale[kept])
            scores.append(chance[kept])
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
        chance, offsets = self._predicted(1, picture, boxes, REFINED)
        good = chance >= self.thresholds[1]
        boxes, chance, offsets = boxes[good], chance[good], offsets[good]
        kept = suppressed(boxes, chance, NMS_REFINED)
        return moved(boxes[kept], offsets[kept])

    def _final(self, picture: np.ndarray, boxes: np.ndarray) -> Detections:
        chance, offsets, points = self._predicted(2, picture, boxes, FINAL)
        good = chance >= self.thresholds[2]
        boxes, chance, offsets, points = boxes[good], chance[good], offsets[good], points[good]
        side = (boxes[:, 2:] - boxes[:, :2])[:, None]
        points = boxes[:, None, :2] + np.stack([points[:, :5], points[:, 5:]], 2) * side
        boxes = moved(boxes, offsets)
        kept = suppressed(boxes, chance, NMS_FINAL, of_smaller=True)
        boxes = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], 1)[kept]
        return Detections(*(np.asarray(a, np.float32) for a in (boxes, chance[kept], points[kept])))

    def _predicted(self, which: int, picture: np.ndarray, boxes: np.ndarray, side: int) -> list[np.ndarray]:
        """The outputs of network `which` for the squares `boxes`, cut out and brought to `side`."""
        shapes = {1: ((), (4,)), 2: ((), (4,), (10,))}[which]
        outputs = [[np.zeros((0, *shape), np.float32)] for shape in shapes]
        for begin in range(0, len(boxes), BATCH):
            crops = np.stack([_cut(picture, box, side) for box in boxes[begin : begin + BATCH]])
            for parts, output in zip(outputs, self.networks[which](_normalised(crops)), strict=True):
                parts.append(output.numpy())
        return [np.concatenate(parts) for parts in outputs]


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
