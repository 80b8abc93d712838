"""The motion of a clip: envelopes of the action units, blinks, head motion and gaze, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ferflow.datasets.synth4d.expression import SMILE, Expression
from ferflow.datasets.synth4d.facemodel import FaceModel

ENDING_CHANCE = 0.025
"""Share of clips that end in a smile or a move of the head (thesis, section 3.2.1: anomalies)."""
BLINK_FRAMES = 3
"""Half the length of a blink at 25 frames a second."""


@dataclass(frozen=True)
class Motion:
    """`aus` [T, A] in 0–1, `pose` [T, 3] pitch, yaw, roll in degrees, `gaze` [T, 2] in −1–1."""

    aus: np.ndarray
    pose: np.ndarray
    gaze: np.ndarray
    onset: int
    apex_begin: int
    apex_end: int
    offset: int


def draw(
    expression: Expression,
    model: FaceModel,
    frames: tuple[int, int],
    head_motion: tuple[float, float, float],
    rng: np.random.Generator,
) -> Motion:
    """Draw one clip: neutral, onset, apex, offset, neutral; `frames` is its least and greatest length."""
    length = int(rng.integers(frames[0], frames[1] + 1))
    # Shares of neutral, onset, apex, offset, neutral.
    bounds = ((0.10, 0.20), (0.12, 0.2), (0.22, 0.42), (0.12, 0.24), (0.12, 0.22))
    shares = np.array([rng.uniform(*bound) for bound in bounds])
    onset, apex_begin, apex_end, offset = np.round(np.cumsum(shares / shares.sum())[:4] * length).astype(int)
    aus = _envelopes(expression.strengths, length, onset, apex_begin, apex_end, offset, rng)
    aus += _wander(length, len(model.names), 6, rng) * 0.015
    ending = rng.random() < ENDING_CHANCE
    smile = rng.random() < 0.6
    pose = _head(length, head_motion, rng)
    if ending and smile:
        rise = _smooth((np.arange(length) - (length - 14)) / 8.0)
        for number, full in SMILE.items():
            aus[:, model.index(number)] += rise * full
    elif ending:
        pose += (
            _smooth((np.arange(length) - (length - 12)) / 9.0)[:, None]
            * np.array(head_motion)
            * rng.choice((-1, 1), 3)
        )
    aus[:, model.index(43)] = _blinks(length, rng)
    bound = np.array(head_motion)
    return Motion(
        np.clip(aus, 0, 1),
        np.clip(pose, -bound, bound),
        np.clip(_wander(length, 2, 9, rng) * 0.35, -1, 1),
        int(onset),
        int(apex_begin),
        int(apex_end),
        int(offset),
    )


def _smooth(t: np.ndarray) -> np.ndarray:
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)


def _envelopes(
    strengths: np.ndarray,
    length: int,
    onset: int,
    apex_begin: int,
    apex_end: int,
    offset: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Action units over time [T, A]: each rises and falls with its own small delay and wavers at the apex."""
    time = np.arange(length)[:, None]
    n = len(strengths)
    delay, lag = rng.uniform(-0.12, 0.12, n), rng.uniform(-0.15, 0.15, n)
    rise_time, fall_time = max(apex_begin - onset, 2), max(offset - apex_end, 2)
    rise = _smooth((time - onset) / rise_time - delay)
    fall = 1 - _smooth((time - apex_end) / fall_time - lag)
    waver = 1 + 0.05 * _wander(length, n, 8, rng)
    return strengths * np.minimum(rise, fall) * waver


def _wander(length: int, n: int, knots_apart: float, rng: np.random.Generator) -> np.ndarray:
    """Smooth random curves [T, n], roughly within −2–2, with a new value every `knots_apart` frames."""
    knots = rng.standard_normal((int(length / knots_apart) + 4, n))
    position = np.arange(length) / knots_apart + 1
    at = position.astype(int)
    t = (position - at)[:, None]
    before, here, after, beyond = (knots[at + k] for k in (-1, 0, 1, 2))
    # A uniform cubic B-spline: smooth, and never beyond its knots.
    return (
        (1 - t) ** 3 * before
        + (3 * t**3 - 6 * t**2 + 4) * here
        + (-3 * t**3 + 3 * t**2 + 3 * t + 1) * after
        + t**3 * beyond
    ) / 6


def _head(length: int, head_motion: tuple[float, float, float], rng: np.random.Generator) -> np.ndarray:
    """Pitch, yaw and roll [T, 3] in degrees: smooth, each reaching a random part of its bound."""
    path = _wander(length, 3, 16, rng)
    path -= path[:3].mean(0)  # people look into the camera when it starts
    reach = np.abs(path).max(0) + 1e-9
    return path / reach * np.array(head_motion) * rng.uniform(0.15, 0.8, 3)


def _blinks(length: int, rng: np.random.Generator) -> np.ndarray:
    closed = np.zeros(length)
    for _ in range(int(rng.integers(0, 3))):
        centre = rng.uniform(4, length)
        closed = np.maximum(
            closed, np.clip(1.25 - np.abs(np.arange(length) - centre) / BLINK_FRAMES * 1.25, 0, 1)
        )
    return closed
