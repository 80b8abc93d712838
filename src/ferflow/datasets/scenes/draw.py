"""A film with its people and colours, and a scene of it: clutter, people, what hides them, the camera."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.datasets.scenes import clutter, occlusion
from ferflow.datasets.scenes.people import CutOut, Person, cut_out, person
from ferflow.datasets.synth4d.facemodel import FaceModel
from ferflow.settings import Synth4d
from ferflow.settings.scenes import Scenes

SCENE_STREAM = 95
"""First part of the seeds of films: none shows a person of a clip or a still."""
ATTEMPTS = 40
"""Places that are tried for one more person, before the scene does without."""
APART = 1.25
"""Faces lie so many times the mean of their sizes apart."""
LARGEST_OTHER = 0.85
"""Width of another face against that of the labelled one, at most."""
ROOM = 1.25
"""Height of a face box against its width, at most: what must fit into the scene."""


@dataclass(frozen=True)
class Film:
    """`people` stand in every scene; `palette` [n, 3] RGB 0–255; `cast` [3] multiplies its colours."""

    name: str
    people: tuple[Person, ...]
    palette: np.ndarray
    cast: np.ndarray
    contrast: float
    noise: float
    quality: int


@dataclass(frozen=True)
class Face:
    """A face in a scene; its box, in pixels of the scene, goes from the hairline to the chin.

    `pitch`, `yaw`, `roll` in degrees, `hidden` the share of the face that something covers.
    """

    person: str
    emotion: str
    x: float
    y: float
    width: float
    height: float
    pitch: float
    yaw: float
    roll: float
    occlusion: str
    hidden: float
    labelled: bool


@dataclass(frozen=True)
class Scene:
    """`image` RGB uint8 [H, W, 3]; `faces` the labelled, largest one first; none where nobody is seen."""

    image: np.ndarray
    faces: tuple[Face, ...]


def draw_film(name: str, number: int, model: FaceModel, settings: Scenes, seed: int) -> Film:
    """The film `number`, the same for a seed however many others there are."""
    key = [seed, SCENE_STREAM, number]
    rng = np.random.default_rng([*key, 0])
    people = tuple(person(f"{name}-{k + 1}", model, k, [*key, 1, k]) for k in range(settings.people))
    hue = rng.uniform(0.55, 1.25, (6, 3)) * rng.uniform(50, 190, (6, 1))
    return Film(
        name=name,
        people=people,
        palette=hue.astype(np.float32),
        cast=rng.normal(1, 0.09, 3).clip(0.8, 1.2).astype(np.float32),
        contrast=float(rng.uniform(0.8, 1.15)),
        noise=float(rng.uniform(0.5, 5)),
        quality=int(rng.integers(60, 95)),
    )


def draw_scene(
    film: Film,
    emotion: str,
    who: int,
    model: FaceModel,
    settings: Scenes,
    synth4d: Synth4d,
    rng: np.random.Generator,
) -> Scene:
    """A scene in which the person `who` of `film` shows `emotion`, alone, with others, or not to be seen."""
    image = clutter.paint(settings.width, settings.height, film.palette, rng)
    kind, several = rng.random(), int(rng.integers(1, 4))
    empty = kind < settings.without_face
    others = several if settings.without_face <= kind < settings.without_face + settings.several else 0
    faces: list[tuple[CutOut, np.ndarray, Face]] = []
    for place in range(0 if empty else 1 + others):
        one = film.people[(who + place) % len(film.people)]
        shown = emotion if place == 0 else str(rng.choice(EMOTIONS_NEUTRAL))
        largest = settings.face[1] if place == 0 else LARGEST_OTHER * faces[0][2].width
        placed = _placed(one, shown, largest, place == 0, faces, model, settings, synth4d, rng)
        if placed is not None:
            faces.append(placed)
    # Who is smaller stands farther away, and is painted first.
    done = {id(placed): placed[2] for placed in faces}
    for placed in sorted(faces, key=lambda placed: placed[2].width):
        drawn, at, face = placed
        _stand(image, drawn, at, rng)
        if rng.random() < settings.occluded:
            hides = str(rng.choice(occlusion.KINDS))
            share = occlusion.hide(image, drawn.points + at, hides, film.palette, rng)
            done[id(placed)] = Face(**(vars(face) | {"occlusion": hides, "hidden": round(share, 3)}))
    return Scene(_camera(image, film, rng), tuple(done[id(placed)] for placed in faces))


def _placed(
    one: Person,
    emotion: str,
    largest: float,
    labelled: bool,
    faces: list[tuple[CutOut, np.ndarray, Face]],
    model: FaceModel,
    settings: Scenes,
    synth4d: Synth4d,
    rng: np.random.Generator,
) -> tuple[CutOut, np.ndarray, Face] | None:
    """A person and where the corner of the cut-out comes to lie; None where there is no room."""
    smallest = settings.face[0]
    largest = min(largest, 0.9 * settings.height / ROOM, 0.9 * settings.width)
    if largest < smallest:
        return None
    # As many faces between 30 and 60 pixels as between 60 and 120.
    width = float(np.exp(rng.uniform(np.log(smallest), np.log(largest))))
    drawn = cut_out(one, emotion, width, model, synth4d, rng)
    x, y, w, h = drawn.box
    room = np.array((settings.width - w, settings.height - h))
    if (room < 1).any():
        return None
    for _ in range(ATTEMPTS):
        # Heads keep to the upper part of a picture.
        corner = rng.uniform((0, 0), room * (1, 0.8)) if rng.random() < 0.9 else rng.uniform(0, room)
        at = np.round(corner - (x, y))
        box = np.array((x + at[0], y + at[1], w, h))
        inside = (box[:2] >= 0).all() and (box[:2] + box[2:] <= (settings.width, settings.height)).all()
        if inside and all(_apart(box, other) for *_, other in faces):
            pitch, yaw, roll = (round(float(angle), 2) for angle in drawn.pose)
            values = [round(float(v), 2) for v in box]
            return drawn, at, Face(one.name, emotion, *values, pitch, yaw, roll, "", 0.0, labelled)
    return None


def _apart(box: np.ndarray, other: Face) -> bool:
    """Whether two faces leave room between them, the nearer one's shoulders included."""
    x = abs(box[0] + box[2] / 2 - other.x - other.width / 2)
    y = abs(box[1] + box[3] / 2 - other.y - other.height / 2)
    if x > APART * (box[2] + other.width) / 2 + 0.6 * max(box[2], other.width):
        return True
    # Above each other only if the larger one, whose shoulders hide what is below, is the lower.
    larger_is_lower = (other.y > box[1]) == (other.width > box[2])
    return larger_is_lower and y > APART * (box[3] + other.height) / 2 + 0.3 * max(box[3], other.height)


def _stand(image: np.ndarray, drawn: CutOut, at: np.ndarray, rng: np.random.Generator) -> None:
    """Paint the cut-out at the corner `at`, its lowest row going on to the picture's lower edge."""
    height, width = image.shape[:2]
    left, top = (int(v) for v in at)
    below = max(0, height - top - drawn.cover.shape[0])
    picture = np.concatenate([drawn.image, np.repeat(drawn.image[-1:], below, 0)])
    cover = np.concatenate([drawn.cover, np.repeat(drawn.cover[-1:], below, 0)])
    rows = slice(max(0, top), min(height, top + cover.shape[0]))
    columns = slice(max(0, left), min(width, left + cover.shape[1]))
    taken = np.s_[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    part = image[rows, columns]
    part += cover[taken][:, :, None] * (picture[taken] * rng.uniform(0.75, 1.1) - part)


def _camera(image: np.ndarray, film: Film, rng: np.random.Generator) -> np.ndarray:
    """The film's colours, then exposure, light from a side, blur, noise and what JPEG leaves of them."""
    height, width = image.shape[:2]
    slope = rng.normal(0, 0.15, 2)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    gain = rng.uniform(0.65, 1.2) * np.clip(1 + slope[0] * x + slope[1] * y, 0.5, 1.5)
    lit = image * gain[:, :, None].astype(np.float32) * film.cast
    lit = (lit - 110) * film.contrast + 110
    blur = rng.choice((0.0, 0.5, 0.9)) * min(width, height) / 360
    lit = cv2.GaussianBlur(lit, (0, 0), blur) if blur > 0.3 else lit
    lit += rng.normal(0, film.noise, lit.shape)
    exposed = np.clip(np.round(lit), 0, 255).astype(np.uint8)
    _, packed = cv2.imencode(".jpg", exposed, [cv2.IMWRITE_JPEG_QUALITY, film.quality])
    return cv2.imdecode(packed, cv2.IMREAD_COLOR)
