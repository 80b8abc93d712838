"""From the face mesh to image points: the mesh goes on over hair and neck to the border, and turns."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ferflow.datasets.synth4d import facemodel
from ferflow.datasets.synth4d.facemodel import FaceModel
from ferflow.datasets.synth4d.identity import Identity

FRAME = (480, 640)
"""Width and height, in pixels, of the frame for which `Identity.size` holds pixels per model unit."""
CENTRE_Y = -128.0
"""Height in the model that lies in the middle of the frame."""
PIVOT = (-165.0, -95.0)
"""Height and depth of the point about which the head turns."""
RING = len(facemodel.OVAL)


class Geometry:
    """Image points of one person in one frame size.

    Points are x right, y down, z towards the viewer, in pixels. The first 468 are the face; three rings of 36
    follow: close around the face, around the head, and on the frame's border, which never moves.
    """

    def __init__(self, model: FaceModel, identity: Identity, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.unit = identity.size * min(width / FRAME[0], height / FRAME[1])
        scale = self.unit / identity.size
        mesh = identity.mesh
        middle = float(mesh[list(facemodel.OVAL), 0].mean())
        self.centre = np.array(
            (width / 2 + identity.shift[0] * scale, height / 2 + identity.shift[1] * scale), np.float32
        )
        flip = np.array((1, -1, 1), np.float32)
        self._face = (mesh - (middle, CENTRE_Y, 0)).astype(np.float32) * flip * self.unit
        self._columns = model.columns * flip * self.unit
        # −1 at the viewer's left ear, 1 at the right: each half of the face may move by its own strength.
        self._side = np.tanh((mesh[:, 0] - middle) / 25).astype(np.float32)
        self._pivot = np.array((0, -(PIVOT[0] - CENTRE_Y), PIVOT[1]), np.float32) * self.unit
        self._inner, self._outer, border = self._rings()
        self._border = border
        # The neck and what lies below stay; the head above follows the pose.
        below = np.concatenate([self._inner[:, 1], self._outer[:, 1]]) / self.unit
        self._follow = 1 - np.clip((below - 118) / 50, 0, 1)[:, None].astype(np.float32)
        self.triangles = np.concatenate([model.triangles, _ring_triangles()]).astype(np.int32)
        self.rest = self.points(np.zeros(len(model.names)), np.zeros(3), np.zeros(len(model.names)))

    def points(self, aus: np.ndarray, pose: np.ndarray, asymmetry: np.ndarray) -> np.ndarray:
        """Image points, float32 [576, 3], at action units [A] (0–1), pose [3] (degrees) and asymmetry [A]."""
        moved = np.tensordot(aus.astype(np.float32), self._columns, 1)
        if asymmetry.any():
            sided = np.tensordot((aus * asymmetry).astype(np.float32), self._columns, 1)
            moved += sided * self._side[:, None]
        oval = moved[list(facemodel.OVAL)]
        rings = np.concatenate([self._inner + 0.5 * oval, self._outer + 0.12 * oval])
        turn = _rotation(pose)
        face = (self._face + moved - self._pivot) @ turn.T + self._pivot
        turned = (rings - self._pivot) @ turn.T + self._pivot
        rings = rings + self._follow * (turned - rings)
        head = np.concatenate([face, rings])
        head[:, :2] += self.centre
        return np.concatenate([head, self._border])

    def _rings(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        oval = self._face[list(facemodel.OVAL)]
        middle = np.array((0, 8 * self.unit, 0), np.float32)
        away = oval - middle
        upward = np.clip(-away[:, 1] / (95 * self.unit), 0, 1)[:, None]
        inner = middle + away * (1.14 + 0.12 * upward)
        inner[:, 2] = oval[:, 2] - 30 * self.unit
        outer = middle + away * (1.50 + 0.50 * upward)
        outer[:, 2] = -110 * self.unit
        room = np.array((self.width, self.height)) - 1
        absolute = np.clip(outer[:, :2] + self.centre, 0.02 * room, 0.98 * room)
        outer[:, :2] = absolute - self.centre
        # The border ring: each point goes outwards until it meets the frame.
        direction = away[:, :2] / np.linalg.norm(away[:, :2], axis=1, keepdims=True)
        start = middle[:2] + self.centre
        with np.errstate(divide="ignore"):
            reach = np.where(direction > 0, (room - start) / direction, -start / direction)
        border = np.zeros_like(outer)
        border[:, :2] = start + direction * np.abs(reach).min(1, keepdims=True)
        border[:, 2] = -200 * self.unit
        # The frame's corners are reached by the nearest points.
        for corner in ((0, 0), (room[0], 0), (0, room[1]), (room[0], room[1])):
            border[np.argmin(((border[:, :2] - corner) ** 2).sum(1)), :2] = corner
        return inner.astype(np.float32), outer.astype(np.float32), border.astype(np.float32)


def _ring_triangles() -> np.ndarray:
    loops = [np.array(facemodel.OVAL), *(468 + RING * k + np.arange(RING) for k in range(3))]
    triangles = []
    for inside, outside in pairwise(loops):
        following = np.roll(inside, -1), np.roll(outside, -1)
        triangles += [
            np.stack([inside, outside, following[0]], 1),
            np.stack([following[0], outside, following[1]], 1),
        ]
    return np.concatenate(triangles)


def _rotation(pose: np.ndarray) -> np.ndarray:
    """Rotation matrix [3, 3] for pitch, yaw (to the viewer's right) and roll (clockwise), in degrees."""
    (sp, sy, sr), (cp, cy, cr) = np.sin(np.deg2rad(pose)), np.cos(np.deg2rad(pose))
    pitch = np.array(((1, 0, 0), (0, cp, sp), (0, -sp, cp)))
    yaw = np.array(((cy, 0, sy), (0, 1, 0), (-sy, 0, cy)))
    roll = np.array(((cr, -sr, 0), (sr, cr, 0), (0, 0, 1)))
    return (roll @ yaw @ pitch).astype(np.float32)
