"""Frames of one person: the portrait warped to the moved mesh, relit and folded, with eyes and mouth drawn in."""

from __future__ import annotations

import cv2
import numpy as np

from ferflow.datasets.synth4d import contours, portrait, raster, shading, wrinkles
from ferflow.datasets.synth4d.facemodel import FaceModel
from ferflow.datasets.synth4d.features import Eyes, Mouth
from ferflow.datasets.synth4d.geometry import Geometry
from ferflow.datasets.synth4d.identity import Identity

STEP = 2
"""The warp is worked out on every second pixel and interpolated between."""
RELIGHT = (0.55, 1.6)
"""Least and greatest change of brightness against the portrait."""


class Renderer:
    """Renders one person in frames of `width` × `height` pixels."""

    def __init__(self, model: FaceModel, identity: Identity, width: int, height: int) -> None:
        self.geometry = geometry = Geometry(model, identity, width, height)
        self.identity = identity
        painted = portrait.paint(identity, geometry)
        self.portrait = np.ascontiguousarray(np.round(painted[:, :, ::-1]).astype(np.uint8))
        self.eyes, self.mouth = Eyes(identity, geometry), Mouth(identity, geometry)
        self.folds = wrinkles.folds(geometry, model.names, identity.age)
        self._small = (-(-height // STEP), -(-width // STEP))
        self._smooth = shading.smoothing(geometry.triangles, len(geometry.rest))
        self._rest_light = self._light(geometry.rest, identity.light, identity.ambient)
        self._jaw = model.index(26)

    def frame(
        self,
        aus: np.ndarray,
        pose: np.ndarray,
        gaze: np.ndarray,
        asymmetry: np.ndarray,
        light: np.ndarray | None = None,
    ) -> np.ndarray:
        """One frame, BGR uint8 [H, W, 3].

        `aus` [A] in 0–1, `pose` [3] pitch, yaw, roll in degrees, `gaze` [2] in −1–1, `asymmetry` [A]: share by
        which the viewer's right half moves more. `light` [3]: another direction than the portrait's own.
        """
        points = self.geometry.points(aus, pose, asymmetry)
        frame = self._warp(self._folded(aus), points, light)
        self.eyes.draw(frame, points, gaze)
        self.mouth.draw(frame, points, float(aus[self._jaw]))
        return frame

    def points(self, aus: np.ndarray, pose: np.ndarray, asymmetry: np.ndarray) -> np.ndarray:
        """The mesh's image points, float32 [468, 3]."""
        return self.geometry.points(aus, pose, asymmetry)[:468]

    def _folded(self, aus: np.ndarray) -> np.ndarray:
        strengths = [float(np.clip(fold.weights @ aus, 0, 1.3)) for fold in self.folds]
        if max(strengths, default=0) < 0.02:
            return self.portrait
        picture = self.portrait.copy()
        for fold, strength in zip(self.folds, strengths, strict=True):
            if strength > 0.02:
                part = picture[fold.rows, fold.columns]
                part[:] = np.clip(part * (1 - strength * fold.shade), 0, 255)
        return picture

    def _light(self, points: np.ndarray, direction: np.ndarray, ambient: float) -> np.ndarray:
        normals = self._smooth @ raster.normals(points, self.geometry.triangles)
        return shading.light(normals, direction, ambient)

    def _warp(self, picture: np.ndarray, points: np.ndarray, light: np.ndarray | None) -> np.ndarray:
        geometry = self.geometry
        direction = self.identity.light if light is None else light
        relit = self._light(points, direction, self.identity.ambient) / self._rest_light
        relit[468 + len(contours.OVAL) :] = 1  # hair's end, clothes and background keep their light
        values = np.concatenate([geometry.rest[:, :2], np.clip(relit, *RELIGHT)[:, None]], 1)
        index = raster.cover(points, geometry.triangles, self._small, STEP)
        functions = raster.affine(points, values, geometry.triangles)
        # Pixels without a triangle take the last row: they stay where they are.
        functions = np.concatenate([functions, [[[1, 0, 0], [0, 1, 0], [0, 0, 1]]]]).astype(np.float32)
        field = raster.evaluate(index, functions, STEP)
        size = (geometry.width, geometry.height)
        source = cv2.resize(field[:, :, :2], size, interpolation=cv2.INTER_LINEAR)
        frame = cv2.remap(picture, source, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        ratio = cv2.blur(np.clip(field[:, :, 2] * 128, 0, 255).astype(np.uint8), (9, 9))
        ratio = cv2.resize(ratio, size, interpolation=cv2.INTER_LINEAR)
        return cv2.multiply(frame, cv2.merge([ratio] * 3), scale=1 / 128)
