"""The camera: sensor noise from a bank of ready noise, at another offset in every frame."""

from __future__ import annotations

import cv2
import numpy as np

SPARE = 64
"""Pixels by which the bank is larger than a frame on each axis."""


class Camera:
    """Adds Gaussian noise of standard deviation `noise` (grey levels) to BGR uint8 frames."""

    def __init__(self, width: int, height: int, noise: float, rng: np.random.Generator) -> None:
        self.rng = rng
        shape = (height + SPARE, width + SPARE, 3)
        values = np.round(rng.standard_normal(shape, dtype=np.float32) * np.float32(noise))
        # Two unsigned parts: saturating 8-bit addition and subtraction are the fastest way to add.
        self.lighter = np.clip(values, 0, 255).astype(np.uint8)
        self.darker = np.clip(-values, 0, 255).astype(np.uint8)

    def take(self, frame: np.ndarray) -> np.ndarray:
        """The frame with noise, uint8, same shape."""
        h, w = frame.shape[:2]
        y, x = (int(v) for v in self.rng.integers(0, SPARE, 2))
        return cv2.subtract(
            cv2.add(frame, self.lighter[y : y + h, x : x + w]), self.darker[y : y + h, x : x + w]
        )
