"""Emotions as sets of action units (EMFACS; thesis, Table 2.4), with each clip's own strengths."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ferflow.datasets.synth4d.facemodel import FaceModel

EMFACS: dict[str, dict[int, float]] = {
    "happy": {6: 1.0, 12: 1.0},
    "sad": {1: 1.0, 4: 0.8, 15: 1.0},
    "surprise": {1: 1.0, 2: 1.0, 5: 0.9, 26: 0.9},
    "fear": {1: 0.9, 2: 0.7, 4: 0.8, 5: 0.9, 7: 0.6, 20: 0.9, 26: 0.6},
    "angry": {4: 1.0, 5: 0.6, 7: 0.9, 23: 1.0},
    # The model has no AU16 (lower lip down); AU10 (upper lip up) stands in.
    "disgust": {9: 1.0, 15: 0.6, 10: 0.9},
    "neutral": {},
}
"""Full strengths (0–1) of each emotion's action units."""

OPTIONAL: dict[str, dict[int, float]] = {
    "happy": {25: 0.7, 7: 0.5},
    "sad": {17: 0.7, 7: 0.3},
    "surprise": {25: 0.6},
    "fear": {25: 0.5},
    "angry": {17: 0.6, 24: 0.5, 10: 0.3},
    "disgust": {17: 0.5, 4: 0.4, 7: 0.3},
    "neutral": {},
}
"""Action units that come along in some clips."""

CONFUSABLE: dict[str, tuple[str, ...]] = {
    "angry": ("disgust", "sad"),
    "disgust": ("angry", "sad"),
    "sad": ("angry", "disgust", "fear"),
    "fear": ("surprise", "surprise", "sad"),
    "surprise": ("fear",),
    "happy": ("surprise", "disgust"),
    "neutral": (),
}

SMILE = {6: 0.75, 12: 1.0, 25: 0.7, 14: 0.5, 10: 0.5, 26: 0.6, 1: 0.4, 2: 0.4}
"""The smile, lips apart and brows up, that ends some clips."""

OPTIONAL_CHANCE = 0.5
DROPPED_CHANCE = 0.12
"""Chance that an action unit of the set is hardly there in a clip."""
STRAY_CHANCE = 0.06
"""Chance that an action unit outside the set shows."""
WEAK = (0.35, 0.55)
"""A weak clip's strength, as a share of what it would have been."""


@dataclass(frozen=True)
class Expression:
    """A clip's apex: `strengths` float64 [A] in 0–1, `strength` the clip's own factor, `weak` on purpose."""

    strengths: np.ndarray
    strength: float
    weak: bool


@dataclass(frozen=True)
class Habit:
    """A subject's way of showing emotions: `factors` [A] around 1, `overall` around 1."""

    factors: np.ndarray
    overall: float


def draw_habit(model: FaceModel, rng: np.random.Generator) -> Habit:
    """Draw how strongly a subject moves each action unit."""
    return Habit(rng.lognormal(0, 0.22, len(model.names)), float(rng.lognormal(0, 0.08)))


def draw(
    emotion: str,
    habit: Habit,
    model: FaceModel,
    strength: tuple[float, float],
    weak_share: float,
    overlap: float,
    rng: np.random.Generator,
) -> Expression:
    """Draw the apex of one clip of `emotion`.

    `overlap` is the greatest share of a confusable emotion; most clips have little of it, some nearly all.
    """
    factor = rng.uniform(*strength) * habit.overall
    weak = bool(rng.random() < weak_share)
    factor *= rng.uniform(*WEAK) if weak else 1.0
    values = _one(emotion, model, rng)
    if CONFUSABLE[emotion] and overlap > 0:
        other = str(rng.choice(CONFUSABLE[emotion]))
        # Squeezed to the ends: mostly a trace, now and then the whole share.
        share = overlap * rng.beta(0.6, 1.0)
        mixed = _one(other, model, rng)
        values = (1 - share) * values + share * mixed
    stray = rng.random(len(model.names)) < STRAY_CHANCE
    values = values + stray * rng.uniform(0.1, 0.45, len(stray)) * (emotion != "neutral")
    values = values * habit.factors * factor
    values[model.index(43)] = 0  # closed eyes belong to blinks
    return Expression(np.clip(values, 0, 1), float(factor), weak)


def _one(emotion: str, model: FaceModel, rng: np.random.Generator) -> np.ndarray:
    values = np.zeros(len(model.names))
    for number, full in EMFACS[emotion].items():
        dropped = rng.random() < DROPPED_CHANCE
        values[model.index(number)] = full * rng.uniform(0.8, 1.2) * (rng.uniform(0, 0.3) if dropped else 1)
    for number, full in OPTIONAL[emotion].items():
        if rng.random() < OPTIONAL_CHANCE:
            values[model.index(number)] = full * rng.uniform(0.3, 1.1)
    return values
