"""Draw a synthetic person: face shape, colours, hair, light, background, from one generator."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ferflow.datasets.synth4d import facemodel
from ferflow.datasets.synth4d.facemodel import FaceModel

# Skin tones (RGB, lit from the front), light to dark; a person lies between two neighbours.
SKIN = np.array(
    [(224, 187, 165), (217, 176, 150), (206, 160, 131), (192, 143, 112), (160, 113, 84), (122, 82, 60)],
    np.float32,
)
HAIR = np.array(
    [(28, 22, 20), (46, 32, 25), (74, 50, 34), (112, 80, 50), (150, 116, 74), (120, 62, 36)], np.float32
)
GREY_HAIR = np.array((142, 138, 134), np.float32)
IRIS = np.array([(62, 40, 26), (84, 56, 34), (96, 88, 54), (84, 108, 118), (74, 100, 84)], np.float32)
CLOTHES = np.array(
    [(50, 56, 70), (110, 44, 48), (60, 84, 66), (150, 146, 138), (34, 34, 38), (88, 96, 132)], np.float32
)
WOMENS_HAIR, MENS_HAIR = ("long", "bob", "tied"), ("short", "short", "receding")


@dataclass(frozen=True)
class Identity:
    """A person. Colours are RGB 0–255; `mesh` is the neutral face, float32 [468, 3], in the model's units."""

    sex: str
    mesh: np.ndarray
    skin: np.ndarray
    lip: np.ndarray
    hair: np.ndarray
    hair_style: str
    hairline: float
    iris: np.ndarray
    brow: float
    lashes: float
    stubble: float
    age: float
    blotches: float
    freckles: int
    light: np.ndarray
    ambient: float
    exposure: float
    background: np.ndarray
    clothes: np.ndarray
    size: float
    shift: tuple[float, float]
    texture_seed: int


def draw(model: FaceModel, sex: str, rng: np.random.Generator) -> Identity:
    """Draw a person of `sex` ("female" or "male")."""
    male = sex == "male"
    tone = rng.beta(1.3, 1.8) * (len(SKIN) - 1.001)
    skin = _between(SKIN, tone) * rng.normal(1, 0.025, 3).astype(np.float32)
    dark = tone / (len(SKIN) - 1)
    age = rng.beta(1.5, 2.5)
    # Dark skin goes with dark hair and eyes more often than not.
    hair = HAIR[int(rng.integers(0, 2 if dark > 0.6 else len(HAIR)))] * rng.uniform(0.8, 1.15)
    if age > 0.75:
        hair = hair + (GREY_HAIR - hair) * rng.uniform(0.2, 0.8)
    iris = IRIS[int(rng.integers(0, 2 if dark > 0.6 else len(IRIS)))] * rng.uniform(0.85, 1.15)
    redness = np.array((0.80, 0.62, 0.62) if male else (0.82, 0.56, 0.58), np.float32)
    rose = np.array((0.78, 0.44, 0.46), np.float32) * skin.mean()
    lip = 0.65 * skin * (redness + rng.normal(0, 0.03, 3).astype(np.float32)) + 0.35 * rose
    azimuth, elevation = np.deg2rad(rng.uniform(-40, 40)), np.deg2rad(rng.uniform(10, 45))
    light = (np.sin(azimuth) * np.cos(elevation), np.sin(elevation), np.cos(azimuth) * np.cos(elevation))
    grey = rng.uniform(60, 190)
    return Identity(
        sex=sex,
        mesh=_shape(model, male, rng),
        skin=skin,
        lip=lip,
        hair=hair.astype(np.float32),
        hair_style=str(rng.choice(MENS_HAIR if male else WOMENS_HAIR)),
        hairline=float(rng.uniform(0, 1)),
        iris=iris.astype(np.float32),
        brow=float(rng.uniform(0.85, 1.25) if male else rng.uniform(0.55, 0.95)),
        lashes=float(rng.uniform(0.4, 0.7) if male else rng.uniform(0.8, 1.3)),
        stubble=float(rng.choice((0, 0.25, 0.6)) * rng.uniform(0.6, 1)) if male else 0.0,
        age=float(age),
        blotches=float(rng.uniform(0.5, 1.4)),
        freckles=int(rng.integers(4, 40)),
        light=np.array(light, np.float32),
        ambient=float(rng.uniform(0.42, 0.62)),
        exposure=float(rng.uniform(0.88, 1.08)),
        background=(grey * rng.normal(1, 0.06, 3)).astype(np.float32),
        clothes=CLOTHES[int(rng.integers(len(CLOTHES)))] * np.float32(rng.uniform(0.7, 1.2)),
        size=float(rng.uniform(1.20, 1.50)),
        shift=(float(rng.normal(0, 5)), float(rng.normal(0, 6))),
        texture_seed=int(rng.integers(2**31)),
    )


def _between(table: np.ndarray, position: float) -> np.ndarray:
    low = int(position)
    return table[low] + (table[low + 1] - table[low]) * np.float32(position - low)


def _shape(model: FaceModel, male: bool, rng: np.random.Generator) -> np.ndarray:
    """The neutral mesh with smooth, mirror-symmetric changes of proportion."""
    mesh = model.neutral.astype(np.float64).copy()
    middle = mesh[list(facemodel.OVAL), 0].mean()
    mesh[:, 0] -= middle
    mean = mesh.copy()
    sign = 1.0 if male else -1.0

    def scale(centre: tuple[float, float], reach: tuple[float, float], factor: tuple[float, float]) -> None:
        """Stretch around a centre, fading with distance as a Gaussian; done for both halves of the face."""
        for side in (-1, 1) if centre[0] else (1,):
            away = mean[:, :2] - (side * centre[0], centre[1])
            weight = np.exp(-0.5 * ((away / reach) ** 2).sum(1))[:, None]
            mesh[:, :2] += weight * away * (np.array(factor) - 1)

    def move(centre: tuple[float, float], reach: float, shift: tuple[float, float, float]) -> None:
        for side in (-1, 1) if centre[0] else (1,):
            away = mean[:, :2] - (side * centre[0], centre[1])
            weight = np.exp(-0.5 * (away**2).sum(1) / reach**2)[:, None]
            mesh[:] += weight * (np.array(shift) * (side, 1, 1))

    def vary(spread: float, by_sex: float = 0.0) -> float:
        return float(np.clip(rng.normal(0, spread), -2 * spread, 2 * spread)) + sign * by_sex

    _close_lips(mesh, rng.uniform(0.75, 0.95))
    scale((0, -235), (90, 32), (1 + vary(0.05, 0.04), 1 + vary(0.06, 0.03)))  # jaw and chin
    scale((0, -150), (140, 45), (1 + vary(0.025), 1))  # cheekbones
    scale((0, -50), (120, 30), (1 + vary(0.03), 1 + vary(0.06)))  # forehead
    scale((0, -150), (22, 26), (1 + vary(0.07, 0.03), 1 + vary(0.04)))  # nose
    scale((0, -188), (36, 16), (1 + vary(0.06), 1 + vary(0.10, -0.06)))  # lips
    scale((56, -105), (22, 13), (1 + vary(0.05, -0.015), 1 + vary(0.09, -0.04)))  # eyes
    move((56, -106), 26, (vary(1.5), vary(1.2), 0))  # distance of the eyes
    move((56, -84), 14, (0, vary(1.8, -1.2), 0))  # height of the brows
    move((0, -190), 30, (0, vary(2.0), 0))  # height of the mouth
    move((0, -150), 16, (0, vary(1.5), vary(3.0, 0.8)))  # length of the nose
    move((60, -150), 25, (0, 0, vary(3.0)))  # fullness of the cheeks
    move((0, -240), 25, (0, 0, vary(3.0, 1.0)))  # chin forward
    mesh[:, 0] *= 1 + vary(0.025, 0.01)
    mesh[:, 1] = mesh[:, 1].mean() + (mesh[:, 1] - mesh[:, 1].mean()) * (1 + vary(0.02))
    mesh[:, 0] += middle
    return mesh.astype(np.float32)


def _close_lips(mesh: np.ndarray, share: float) -> None:
    """Close the mouth by `share`: the model's mean mesh, a mean over expressions, has the lips apart."""
    upper, lower = list(facemodel.LIPS_INNER_UPPER[1:-1]), list(facemodel.LIPS_INNER_LOWER[1:-1])
    gap = (mesh[upper, 1] - mesh[lower, 1]) * share
    mesh[upper, 1] -= gap / 2
    mesh[lower, 1] += gap / 2
    # The outer contour follows a little, so that the lips do not swell.
    mesh[list(facemodel.LIPS_OUTER_UPPER[1:-1]), 1] -= gap * 0.3
    mesh[list(facemodel.LIPS_OUTER_LOWER[1:-1]), 1] += gap * 0.3
