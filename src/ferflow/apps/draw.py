"""Draw a result into a frame: box, landmarks, a bar per class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ferflow.faces.quiet import opencv

LIPS_OUTER = (
    61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146,
)  # fmt: skip
LIPS_INNER = (
    78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95,
)  # fmt: skip
EYES = (
    (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7),
    (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249),
)
BROWS = ((70, 63, 105, 66, 107, 55, 65, 52, 53, 46), (300, 293, 334, 296, 336, 285, 295, 282, 283, 276))
CONTOURS = (LIPS_OUTER, LIPS_INNER, *EYES, *BROWS)
"""Closed loops in MediaPipe's numbering of the 468 landmarks."""

BOX, CONTOUR, POINT = (80, 220, 120), (255, 230, 90), (90, 200, 255)
BAR, BEST, TEXT, SHADE = (120, 150, 190), (80, 220, 120), (255, 255, 255), (20, 20, 20)
PANEL_HEIGHT = 480
"""Frame height in pixels at which the panel has its natural size; it grows and shrinks with the frame."""


def annotate(
    frame: np.ndarray,
    box: np.ndarray | None,
    landmarks: np.ndarray | None,
    names: Sequence[str],
    probabilities: np.ndarray | None,
    note: str = "",
) -> np.ndarray:
    """A copy of `frame`, RGB uint8 [H,W,3], with a face's `box` [4], `landmarks` [468,3] and bars drawn in.

    `probabilities` [K] are of the classes `names`. None for all three means that there is no face, which is
    written into the frame. `note` is written at the lower edge.
    """
    cv2 = opencv()
    drawn = np.ascontiguousarray(frame).copy()
    scale = max(0.35, min(frame.shape[0], frame.shape[1]) / PANEL_HEIGHT)
    if landmarks is not None:
        for x, y in landmarks[:, :2]:
            cv2.circle(drawn, (round(float(x)), round(float(y))), max(1, round(scale)), POINT, -1)
        for loop in CONTOURS:
            points = np.round(landmarks[list(loop), :2]).astype(np.int32)
            cv2.polylines(drawn, [points], True, CONTOUR, max(1, round(scale)), cv2.LINE_AA)
    if box is not None:
        left, top, width, height = (round(float(v)) for v in box)
        cv2.rectangle(drawn, (left, top), (left + width, top + height), BOX, max(1, round(2 * scale)))
    if probabilities is None:
        _text(drawn, "no face", (8, 22), scale)
    elif len(names):
        _bars(drawn, names, probabilities, scale)
    if note:
        _text(drawn, note, (8, frame.shape[0] / scale - 10), scale)
    return drawn


def _bars(drawn: np.ndarray, names: Sequence[str], probabilities: np.ndarray, scale: float) -> None:
    cv2 = opencv()
    row, label, length, margin = (v * scale for v in (18, 78, 90, 6))
    width, height = round(2 * margin + label + length), round(2 * margin + row * len(names))
    panel = drawn[:height, :width]
    panel[...] = panel // 3 + np.array(SHADE, np.uint8) * 2 // 3
    for k, (name, probability) in enumerate(zip(names, probabilities, strict=True)):
        top = margin + k * row
        place = (round(margin), round(top + 0.72 * row))
        cv2.putText(drawn, name, place, cv2.FONT_HERSHEY_SIMPLEX, 0.42 * scale, TEXT, 1, cv2.LINE_AA)
        start = margin + label
        corner = (round(start), round(top + 0.2 * row))
        opposite = (round(start + float(probability) * length), round(top + 0.8 * row))
        cv2.rectangle(drawn, corner, opposite, BEST if k == int(np.argmax(probabilities)) else BAR, -1)


def _text(drawn: np.ndarray, text: str, place: tuple[float, float], scale: float) -> None:
    cv2 = opencv()
    x, y = round(place[0] * scale), round(place[1] * scale)
    for colour, thick in ((SHADE, 3), (TEXT, 1)):  # a dark rim, readable on any background
        cv2.putText(drawn, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.5 * scale, colour, thick, cv2.LINE_AA)
