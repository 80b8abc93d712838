"""Frames of one person: the portrait warped to the moved mesh and relit, eyes and mouth drawn in."""

from __future__ import annotations

import cv2
import numpy as np

from ferflow.datasets.synth4d import portrait, raster, wrinkles
from ferflow.datasets.synth4d.facemodel import N_POINTS, FaceModel
from ferflow.datasets.synth4d.features import Eyes, Mouth
from ferflow.datasets.synth4d.geometry import Geometry
from ferflow.datasets.synth4d.identity import Identity

STEP = 4
"""The warp is worked out on every fourth pixel and interpolated between."""
RELIGHT = (0.55, 1.6)
"""Least and greatest change of brightness against the portrait."""
RELIGHT_UNIT = 128
"""Unchanged brightness as an 8-bit number."""
STAY = np.array([[[1, 0, 0], [0, 1, 0], [0, 0, 1]]], np.float32)
"""The affine function of what does not move and keeps its light."""


class Renderer:
    """Renders one person in frames of `width` × `height` pixels."""

    def __init__(self, model: FaceModel, identity: Identity, width: int, height: int) -> None:
        self.geometry = geometry = Geometry(model, identity, width, height)
        self.identity = identity
        painted, cover = portrait.paint(identity, geometry)
        self.cover = np.round(255 * cover).astype(np.uint8)
        self.portrait = np.ascontiguousarray(np.round(painted[:, :, ::-1]).astype(np.uint8))
        self.eyes, self.mouth = Eyes(identity, geometry), Mouth(identity, geometry)
        self.folds = wrinkles.folds(geometry, model.names, identity.age)
        self._small = (-(-height // STEP), -(-width // STEP))
        self._smooth = raster.smoothing(geometry.triangles, len(geometry.rest))
        self._rest_light = self._light(geometry.rest, identity.light, identity.ambient)
        # The depth order at rest serves all frames: heads turn by a few degrees only.
        self._order = raster.depth_order(geometry.rest, geometry.triangles)
        self._jaw = model.index(26)

    def turns_far(self) -> None:
        """Order the triangles by depth in every frame: for heads that turn by more than a few degrees."""
        self._order = None

    def frame(
        self,
        aus: np.ndarray,
        pose: np.ndarray,
        gaze: np.ndarray,
        asymmetry: np.ndarray,
        light: np.ndarray | None = None,
    ) -> np.ndarray:
        """One frame, BGR uint8 [H, W, 3].

        `aus` [A] in 0–1, `pose` [3] pitch, yaw, roll in degrees, `gaze` [2] in −1–1, `asymmetry` [A]: share
        by which the viewer's right half moves more. `light` [3]: another direction than the portrait's own.
        """
        return self._drawn(aus, pose, gaze, asymmetry, light)[0]

    def points(self, aus: np.ndarray, pose: np.ndarray, asymmetry: np.ndarray) -> np.ndarray:
        """The mesh's image points, float32 [468, 3]."""
        return self.geometry.points(aus, pose, asymmetry)[:N_POINTS]

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
        return raster.light(normals, direction, ambient)

    def cut_out(
        self,
        aus: np.ndarray,
        pose: np.ndarray,
        gaze: np.ndarray,
        asymmetry: np.ndarray,
        light: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """`frame`, and how far the person covers its background: uint8 [H, W], 0–255."""
        frame, source = self._drawn(aus, pose, gaze, asymmetry, light)
        return frame, cv2.remap(self.cover, source, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    def _drawn(
        self,
        aus: np.ndarray,
        pose: np.ndarray,
        gaze: np.ndarray,
        asymmetry: np.ndarray,
        light: np.ndarray | None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """A frame, and for each of its pixels the place in the portrait, float32 [H, W, 2]."""
        points = self.geometry.points(aus, pose, asymmetry)
        source, ratio = self._field(points, light)
        frame = cv2.remap(self._folded(aus), source, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        frame = cv2.multiply(frame, cv2.merge([ratio] * 3), scale=1 / RELIGHT_UNIT)
        self.eyes.draw(frame, points, gaze)
        self.mouth.draw(frame, points, float(aus[self._jaw]))
        return frame, source

    def _field(self, points: np.ndarray, light: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """For each pixel its place in the portrait, float32 [H, W, 2], and its light, uint8 [H, W]."""
        geometry = self.geometry
        direction = self.identity.light if light is None else light
        relit = self._light(points, direction, self.identity.ambient) / self._rest_light
        relit[N_POINTS:] = 1  # hair, clothes and background keep their light
        values = np.concatenate([geometry.rest[:, :2], np.clip(relit, *RELIGHT)[:, None]], 1)
        index = raster.cover(points, geometry.triangles, self._small, STEP, self._order)
        functions = raster.affine(points, values, geometry.triangles)
        # Pixels without a triangle take the last row: they stay where they are.
        functions = np.concatenate([functions, STAY])
        # The median takes out single points where the skin folds over itself, as under the nose.
        field = cv2.medianBlur(raster.evaluate(index, functions, STEP), 3)
        source = self._enlarge(np.ascontiguousarray(field[:, :, :2]))
        ratio = cv2.blur(np.clip(field[:, :, 2] * RELIGHT_UNIT, 0, 255).astype(np.uint8), (5, 5))
        return source, self._enlarge(ratio)

    def _enlarge(self, small: np.ndarray) -> np.ndarray:
        """A field known on every `STEP`-th pixel, on all pixels of the frame."""
        size = (self._small[1] * STEP, self._small[0] * STEP)
        large = cv2.resize(small, size, interpolation=cv2.INTER_LINEAR)
        return large[: self.geometry.height, : self.geometry.width]
