"""Faces by BlazeFace (Bazarevsky et al. 2019): MediaPipe's network for back cameras, run by OpenVINO.

Of the three networks in the wheel it sees the most: pasted into noise at 5 to 90 % of the picture's side,
upright or turned by 30°, dark, veiled, with dark glasses or a beard, real faces scored above one half in all
cases; the full-range network missed some at 10 % and at 60 %, the short-range one most at 10 %. It sees faces
where there are none, too: the landmark network must confirm them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ferflow import weights
from ferflow.faces.boxes import Detections, suppressed
from ferflow.faces.bundle import compiled
from ferflow.faces.quiet import opencv

BLAZEFACE = "face_detection_back.tflite"
SIDE = 256
"""Pixels, side of the network's square input."""
LAYERS = ((16, 2), (32, 6))
"""Pixels from one cell to the next, and boxes a cell."""
LOGIT = 0.2
"""Score from which a box counts: 0.55, where MediaPipe has one half; shapes in clutter score little more."""
NMS = 0.3
"""Overlap above which the less probable box goes: MediaPipe's."""
LEAST = 1 / 16
"""Width of a face that is surely seen, as a share of the picture's side."""
RATIO = 3.0
"""How much smaller tiles are than the picture, or than the tiles before them, at most."""


class BlazeFace:
    """Finds faces in the whole of a picture, or in tiles of it.

    Without `smallest` the picture is seen as a whole, with all faces of at least a sixteenth of its longer
    side; with it in tiles, in which the others stand out that are at least `smallest` pixels wide. Points
    are the eyes and the nose. Raises WeightsError where its file is not in `weights_folder`.
    """

    name = "blazeface"
    margin = 0.5  # MediaPipe's

    def __init__(self, weights_folder: str | Path, smallest: int | None = None) -> None:
        self._net = compiled(str(weights.path(BLAZEFACE, weights_folder)))
        self.smallest = smallest

    def find(self, picture: np.ndarray, quick: bool = False) -> Detections:
        """The faces in `picture`, RGB uint8 [H,W,3], the most probable first; `quick`: not in tiles."""
        height, width = picture.shape[:2]
        if self.smallest is None:
            places = [(0, 0, max(height, width))]
        else:
            places = [] if quick else tiles(height, width, self.smallest)
        seen = [self._look(picture, *place) for place in places]
        values = np.concatenate([np.zeros((0, 17), np.float32), *seen])
        points, logits = values[:, :16].reshape(-1, 8, 2), values[:, 16]
        centre, size = points[:, 0], points[:, 1]
        kept = suppressed(np.concatenate([centre - size / 2, centre + size / 2], 1), logits, NMS)
        boxes = np.concatenate([centre - size / 2, size], 1)[kept]
        five = np.full((len(kept), 5, 2), np.nan, np.float32)
        five[:, :3] = points[kept, 2:5]
        return Detections(boxes, 1 / (1 + np.exp(-logits[kept])), five)

    def _look(self, picture: np.ndarray, left: int, top: int, side: int) -> np.ndarray:
        """What is seen in a square, which may reach beyond the picture: float32 [n,17].

        Centre, size and six points in the picture's pixels, then the score, a logit.
        """
        cv2 = opencv()
        part = picture[top : top + side, left : left + side]
        zoom = SIDE / side
        size = [max(1, round(zoom * n)) for n in part.shape[1::-1]]
        how = cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR
        square = np.zeros((1, SIDE, SIDE, 3), np.float32)
        square[0, : size[1], : size[0]] = cv2.resize(part, size, interpolation=how)
        values = {output.shape[-1]: output for output in self._net(square / 127.5 - 1).to_tuple()}
        logits = values[1].reshape(-1)
        seen = logits > LOGIT
        points = values[16].reshape(-1, 8, 2)[seen].copy()
        points[:, 0] += ANCHORS[seen]
        points[:, 2:] += ANCHORS[seen, None]
        points /= zoom
        points[:, [0, *range(2, 8)]] += np.float32((left, top))
        good = (points[:, 1] > 1).all(1)
        return np.concatenate([points.reshape(-1, 16), logits[seen, None]], 1)[good]


def tiles(height: int, width: int, smallest: int) -> list[tuple[int, int, int]]:
    """Squares (left, top, side) in which faces stand out that are too small to be seen in the whole picture.

    Neighbours share so much that whoever is too small for the larger squares stands whole in one of them.
    """
    whole = max(height, width)
    wanted = smallest / LEAST
    steps = int(np.ceil(np.log(whole / wanted) / np.log(RATIO) - 1e-9)) if whole > wanted else 0
    places, before = [], float(whole)
    for k in range(1, steps + 1):
        side = whole * (wanted / whole) ** (k / steps)
        places += [
            (left, top, int(np.ceil(side)))
            for top in _begins(height, side, 1.5 * before * LEAST)
            for left in _begins(width, side, 1.5 * before * LEAST)
        ]
        before = side
    return places


def _begins(length: int, side: float, shared: float) -> list[int]:
    """Where tiles of `side` begin that cover `length` and share at least `shared` with their neighbours."""
    if length <= side:
        return [0]
    n = int(np.ceil((length - side) / (side - shared))) + 1
    return [int(begin) for begin in np.linspace(0, length - side, n)]


def _anchors() -> np.ndarray:
    """The places that boxes are given from, float32 [896,2], in pixels of the input."""
    places = []
    for stride, each in LAYERS:
        cells = (np.arange(SIDE // stride, dtype=np.float32) + 0.5) * stride
        x, y = np.meshgrid(cells, cells)
        places.append(np.repeat(np.stack([x.ravel(), y.ravel()], 1), each, axis=0))
    return np.concatenate(places)


ANCHORS = _anchors()
