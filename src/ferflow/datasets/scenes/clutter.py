"""What stands behind the people of a scene: planes, things, textures, and skin-coloured things, no faces.

Pictures are RGB float32 [H, W, 3], 0–255.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike

from ferflow.datasets.synth4d.identity import SKIN


def paint(width: int, height: int, palette: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A cluttered background of `width` × `height` pixels in the colours `palette` [n, 3]."""
    image = _gradient(width, height, palette, rng)
    unit = min(width, height)
    for _ in range(int(rng.integers(4, 12))):
        _polygon(image, _colour(palette, rng), unit, rng)
    for _ in range(int(rng.integers(0, 4))):
        _grid(image, _colour(palette, rng), unit, rng)
    for _ in range(int(rng.integers(2, 9))):
        _line(image, _colour(palette, rng), unit, rng)
    for _ in range(int(rng.integers(0, 5))):
        _ball(image, _colour(palette, rng), unit, rng)
    for _ in range(int(rng.integers(0, 4))):
        _skin(image, unit, rng)
    image *= 1 + 0.08 * _noise(width, height, unit / 6, rng)[:, :, None]
    image *= 1 + 0.05 * _noise(width, height, unit / 60, rng)[:, :, None]
    depth = rng.choice((0.0, 0.8, 2.0, 4.0)) * unit / 360  # out of focus, or not
    return np.clip(cv2.GaussianBlur(image, (0, 0), depth) if depth > 0.3 else image, 0, 255)


def _colour(palette: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return palette[int(rng.integers(len(palette)))] * rng.uniform(0.5, 1.4) * rng.normal(1, 0.08, 3)


def _gradient(width: int, height: int, palette: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    corners = np.stack([_colour(palette, rng) for _ in range(4)]).reshape(2, 2, 3).astype(np.float32)
    return cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR)


def _somewhere(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return rng.uniform(0, 1, 2) * image.shape[1::-1]


def fill(image: np.ndarray, outline: ArrayLike, colour: np.ndarray) -> None:
    """Fill the polygon `outline` [n, 2], pixels, of `image` in place."""
    fixed = np.round(np.asarray(outline) * 16).astype(np.int32)
    cv2.fillPoly(image, [fixed], tuple(map(float, colour)), cv2.LINE_8, 4)


def _polygon(image: np.ndarray, colour: np.ndarray, unit: int, rng: np.random.Generator) -> None:
    """Walls, furniture, boards: polygons of four to seven corners."""
    n = int(rng.integers(4, 8))
    angle = np.sort(rng.uniform(0, 2 * np.pi, n))
    radius = rng.uniform(0.1, 0.55) * unit * rng.uniform(0.6, 1.3, n)
    points = _somewhere(image, rng) + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    fill(image, points, colour)
    if rng.random() < 0.5:
        edge = np.round(points * 16).astype(np.int32)
        cv2.polylines(image, [edge], True, tuple(map(float, 0.5 * colour)), 1, cv2.LINE_8, 4)


def _grid(image: np.ndarray, colour: np.ndarray, unit: int, rng: np.random.Generator) -> None:
    """Windows, tiles, shelves: a grid of small rectangles."""
    left, top = _somewhere(image, rng).astype(int)
    columns, rows = (int(n) for n in rng.integers(2, 6, 2))
    side, tall = (int(n) for n in rng.integers(max(3, unit // 30), max(5, unit // 8), 2))
    gap = max(1, side // 5)
    for row in range(rows):
        for column in range(columns):
            x, y = left + column * (side + gap), top + row * (tall + gap)
            shade = tuple(map(float, colour * rng.uniform(0.7, 1.2)))
            cv2.rectangle(image, (int(x), int(y)), (int(x + side), int(y + tall)), shade, -1)


def _line(image: np.ndarray, colour: np.ndarray, unit: int, rng: np.random.Generator) -> None:
    begin, end = (tuple(map(int, _somewhere(image, rng))) for _ in range(2))
    thick = int(rng.integers(1, max(2, unit // 40)))
    cv2.line(image, begin, end, tuple(map(float, colour)), thick, cv2.LINE_AA)


def _ball(image: np.ndarray, colour: np.ndarray, unit: int, rng: np.random.Generator) -> None:
    """Lamps, balloons, plates: round things with light on one side."""
    radius = rng.uniform(0.03, 0.14) * unit
    _shaded_ellipse(image, _somewhere(image, rng), (radius, radius * rng.uniform(0.8, 1.3)), 0, colour, rng)


def _skin(image: np.ndarray, unit: int, rng: np.random.Generator) -> None:
    """An arm, a hand, a vase: skin-coloured, and no face."""
    colour = SKIN[int(rng.integers(len(SKIN)))] * rng.uniform(0.6, 1.1)
    short = rng.uniform(0.03, 0.10) * unit
    axes = (short, short * rng.uniform(1.2, 4.0))
    _shaded_ellipse(image, _somewhere(image, rng), axes, rng.uniform(0, np.pi), colour, rng)


def _shaded_ellipse(
    image: np.ndarray,
    centre: np.ndarray,
    axes: tuple[float, float],
    turn: float,
    colour: np.ndarray,
    rng: np.random.Generator,
) -> None:
    height, width = image.shape[:2]
    reach = int(max(axes)) + 2
    x, y = (int(v) for v in centre)
    columns = slice(max(0, x - reach), min(width, x + reach))
    rows = slice(max(0, y - reach), min(height, y + reach))
    down, right = np.mgrid[rows, columns].astype(np.float32)
    right, down = right - x, down - y
    u = (right * np.cos(turn) + down * np.sin(turn)) / axes[0]
    v = (-right * np.sin(turn) + down * np.cos(turn)) / axes[1]
    distance = np.hypot(u, v)
    mask = np.clip((1 - distance) * min(axes) / 1.5 + 0.5, 0, 1)[:, :, None]
    side = rng.uniform(-0.35, 0.35, 2)
    light = (1 + side[0] * u + side[1] * v - 0.25 * np.clip(distance, 0, 1) ** 2)[:, :, None]
    part = image[rows, columns]
    part += mask * (light * colour - part)


def _noise(width: int, height: int, size: float, rng: np.random.Generator) -> np.ndarray:
    """Smooth noise [H, W] of unit variance with features of `size` pixels."""
    shrink = max(1, int(size / 1.5))
    shape = (height // shrink + 3, width // shrink + 3)
    small = cv2.GaussianBlur(rng.standard_normal(shape).astype(np.float32), (0, 0), max(size / shrink, 0.6))
    large = cv2.resize(small, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_CUBIC)[:height, :width]
    return large / (large.std() + 1e-6)
