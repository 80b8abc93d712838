"""The people of a film, and one of them cut out of its background, in any size."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ferflow.datasets.synth4d import expression, identity
from ferflow.datasets.synth4d.clips import ASYMMETRY
from ferflow.datasets.synth4d.facemodel import OVAL, FaceModel
from ferflow.datasets.synth4d.render import Renderer
from ferflow.settings import Synth4d

PORTRAIT = (360, 480)
"""Width and height, in pixels, of the portrait that a person is rendered in."""
POSE = (14.0, 16.0, 9.0)
"""Standard deviations of pitch, yaw and roll, degrees."""
MOST_TURNED = (22.0, 35.0, 25.0)
LIGHT = 0.35
"""Standard deviation of a scene's light about the person's own."""
SHOULDER = (132.0, 66.0, 75.0)
"""Height below the portrait's middle, half-width where they begin to fall, how steeply; model units."""


@dataclass(frozen=True)
class Person:
    """Somebody in a film: `name` is known to the truth table alone."""

    name: str
    renderer: Renderer
    habit: expression.Habit


@dataclass(frozen=True)
class CutOut:
    """A person in one expression and pose.

    `image` RGB float32 [h, w, 3], 0–255, `cover` float32 [h, w], 0–1, `box` the face's x, y, width, height in
    it, `points` float32 [468, 2], `pose` pitch, yaw, roll in degrees.
    """

    image: np.ndarray
    cover: np.ndarray
    box: np.ndarray
    points: np.ndarray
    pose: np.ndarray


def person(name: str, model: FaceModel, number: int, key: list[int]) -> Person:
    """Somebody drawn from the seed `key`, a woman where `number` is even."""
    who = identity.draw(model, "male" if number % 2 else "female", np.random.default_rng([*key, 0]))
    renderer = Renderer(model, who, *PORTRAIT)
    renderer.turns_far()
    return Person(name, renderer, expression.draw_habit(model, np.random.default_rng([*key, 1])))


def cut_out(
    who: Person, emotion: str, width: float, model: FaceModel, settings: Synth4d, rng: np.random.Generator
) -> CutOut:
    """`who` showing `emotion`, the face `width` pixels wide; strengths and mixtures as in the clips."""
    shown = expression.draw(
        emotion, who.habit, model, settings.strength, settings.weak_share, settings.overlap, rng
    )
    pose = np.clip(rng.normal(0, POSE), -np.array(MOST_TURNED), MOST_TURNED)
    asymmetry = np.clip(rng.normal(0, ASYMMETRY, len(shown.strengths)), -0.35, 0.35)
    gaze = np.clip(rng.normal(0, 0.4, 2), -1, 1)
    light = who.renderer.identity.light + rng.normal(0, LIGHT, 3).astype(np.float32)
    light /= np.linalg.norm(light)
    frame, cover = who.renderer.cut_out(shown.strengths, pose, gaze, asymmetry, light)
    points = who.renderer.points(shown.strengths, pose, asymmetry)[:, :2]
    oval = points[list(OVAL)]
    low, high = oval.min(0), oval.max(0)
    image = frame[:, :, ::-1].astype(np.float32)
    cover = _shoulders(cover.astype(np.float32) / 255, who.renderer)
    scale = width / float(high[0] - low[0])
    # Premultiplied, so that the portrait's own background does not bleed into the edges.
    small = _resized(np.dstack([image * cover[:, :, None], cover]), scale)
    thin = np.maximum(small[:, :, 3:], 1e-3)
    return CutOut(
        small[:, :, :3] / thin,
        small[:, :, 3],
        np.concatenate([low, high - low]) * scale,
        points * scale,
        pose,
    )


def _resized(picture: np.ndarray, scale: float) -> np.ndarray:
    size = tuple(max(1, round(n * scale)) for n in picture.shape[1::-1])
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)


def _shoulders(cover: np.ndarray, renderer: Renderer) -> np.ndarray:
    """`cover` without what lies above falling shoulders: the portrait's clothes reach to its sides."""
    geometry = renderer.geometry
    top, half, steep = (length * geometry.unit for length in SHOULDER)
    y, x = np.mgrid[: geometry.height, : geometry.width].astype(np.float32)
    beyond = np.clip(np.abs(x - geometry.centre[0]) - half, 0, None)
    edge = geometry.centre[1] + top + beyond**2 / steep
    near = np.abs(x - geometry.centre[0]) < half  # the head and the neck
    return np.where(near | (y < geometry.centre[1] + top), cover, cover * np.clip(y - edge + 0.5, 0, 1))
