"""What hides a part of a face: a bar at its edge, a hand, dark glasses."""

from __future__ import annotations

import cv2
import numpy as np

from ferflow.datasets.scenes.clutter import fill
from ferflow.datasets.synth4d.facemodel import CHIN, EYE_LOWER, EYE_UPPER, OVAL
from ferflow.datasets.synth4d.identity import SKIN

KINDS = ("bar", "hand", "glasses")


def hide(
    image: np.ndarray, points: np.ndarray, kind: str, palette: np.ndarray, rng: np.random.Generator
) -> float:
    """Paint `kind` over the face with mesh `points` [468, 2] in `image`, RGB float32 [H, W, 3], in place.

    Returns the share of the face that it hides, 0–1.
    """
    before = image.copy()
    {"bar": _bar, "hand": _hand, "glasses": _glasses}[kind](image, points, palette, rng)
    face = np.zeros(image.shape[:2], np.uint8)
    cv2.fillPoly(face, [np.round(points[list(OVAL)]).astype(np.int32)], 1)
    changed = (image != before).any(2) & (face > 0)
    return float(changed.sum() / max(1, face.sum()))


def _extent(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    oval = points[list(OVAL)]
    return oval.min(0), oval.max(0) - oval.min(0)


def _bar(image: np.ndarray, points: np.ndarray, palette: np.ndarray, rng: np.random.Generator) -> None:
    """A post, a door, somebody's shoulder: over one side of the face, or over its chin."""
    (x, y), (width, height) = _extent(points)
    colour = palette[int(rng.integers(len(palette)))] * rng.uniform(0.4, 1.2)
    share, slant = rng.uniform(0.08, 0.28), rng.uniform(-0.06, 0.06) * width
    where = rng.choice(("left", "right", "below"))
    if where == "below":
        top = y + height * (1 - 0.6 * share)
        outline = [(x - width, top - slant), (x + 2 * width, top + slant)]
        outline += [(x + 2 * width, top + 0.3 * height), (x - width, top + 0.3 * height)]
    else:
        inner = x + width * share if where == "left" else x + width * (1 - share)
        outer = inner + width * rng.uniform(0.3, 0.6) * (-1 if where == "left" else 1)
        high, low = y - 0.9 * height, y + 2.2 * height
        outline = [(inner - slant, high), (inner + slant, low), (outer + slant, low), (outer - slant, high)]
    fill(image, outline, colour)


def _hand(image: np.ndarray, points: np.ndarray, palette: np.ndarray, rng: np.random.Generator) -> None:
    """Four fingers and a palm at the cheek or the chin."""
    _, (width, _) = _extent(points)
    colour = SKIN[int(rng.integers(len(SKIN)))] * rng.uniform(0.75, 1.05)
    side = rng.choice((-1, 1))
    tip = points[CHIN] + np.array((side * rng.uniform(0.1, 0.35), -rng.uniform(0.2, 0.45))) * width
    turn = side * rng.uniform(0.1, 0.8)
    along, across = np.array((np.sin(turn), np.cos(turn))), np.array((np.cos(turn), -np.sin(turn)))
    thick = 0.11 * width
    for finger in range(4):
        offset = across * (finger - 1.5) * thick * 1.05
        begin = tip + offset + along * thick * abs(finger - 1.3) * 0.5
        end = begin + along * 0.42 * width
        shade = colour * (0.92 + 0.05 * finger)
        ends = [tuple(int(v) for v in np.round(place * 16)) for place in (begin, end)]
        cv2.line(image, *ends, tuple(map(float, 0.6 * shade)), max(2, round(thick * 1.05)), cv2.LINE_8, 4)
        cv2.line(image, *ends, tuple(map(float, shade)), max(1, round(thick * 0.85)), cv2.LINE_8, 4)
    palm = tip + along * 0.55 * width
    axes = (max(1, round(0.24 * width)), max(1, round(0.22 * width)))
    middle = tuple(int(v) for v in np.round(palm))
    cv2.ellipse(image, middle, axes, 0, 0, 360, tuple(map(float, colour * 0.95)), -1)


def _glasses(image: np.ndarray, points: np.ndarray, palette: np.ndarray, rng: np.random.Generator) -> None:
    """Dark glasses: two lenses and a bridge."""
    dark = np.full(3, rng.uniform(8, 45)) * rng.normal(1, 0.1, 3)
    centres = []
    for side in ("left", "right"):
        eye = points[[*EYE_UPPER[side], *EYE_LOWER[side]]]
        centre, span = eye.mean(0), np.ptp(eye[:, 0])
        angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        lens = centre + np.stack([np.cos(angle) * 0.85, np.sin(angle) * 0.62], 1) * max(span, 2.0)
        fill(image, lens, dark)
        centres.append(tuple(int(v) for v in np.round(centre * 16)))
    thick = max(1, round(np.ptp(points[:, 0]) / 40))
    cv2.line(image, *centres, tuple(map(float, dark)), thick, cv2.LINE_8, 4)
