"""The embedded set `affect`: rendered faces in AffectNet's layout, eight classes, valence and arousal.

Colour crops as AffectNet's: faces of any pose within reason, light and sharpness, most of them neutral or
happy. Valence and arousal come from the strengths of the action units (`circumplex`), with an annotator's
noise; of some images they are not given, and a few carry the codes 8–10.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from ferflow import tables
from ferflow.datasets.affectnet import ANNOTATIONS, CLASSES, IMAGES, NOT_CLASSES, PARTS, PEOPLE, UNKNOWN
from ferflow.datasets.synth4d import expression, facemodel, identity
from ferflow.datasets.synth4d.circumplex import CONTEMPT, Circumplex
from ferflow.datasets.synth4d.clips import ASYMMETRY, MARKER, write_notice
from ferflow.datasets.synth4d.render import Renderer
from ferflow.datasets.synth4d.stills import PARTIAL, PARTIAL_SHARE, cut_out, face_box, light_of
from ferflow.errors import InputError
from ferflow.settings import Synth4d
from ferflow.settings.affect import AffectSynthetic

STREAM = 8
"""First part of the seeds of its people: none of them is in the clips or the stills."""
TRUTH = "truth.csv"
"""Written last, so that it stands for the whole set."""
FRAME = (240, 320)
"""Width and height, in pixels, of the frame that a face is cut from."""
POSE = (9.0, 18.0, 9.0)
"""Greatest pitch, yaw and roll, degrees."""
MARGIN = 0.02
"""By how much a crop is larger than the face's box, as a share of its width, on each side."""
JITTER = 0.04
"""Standard deviation of the crop's size and place, as a share of its width."""
BLUR, SHARP, DULLEST = 0.3, 0.3, 1.2
"""Blur, standard deviation in pixels of 128: its mean, below what there is none, and its greatest."""
ONE_SIDED = 0.85
"""How much more contempt moves one half of the face, as a share."""
CONTEMPT_OPTIONAL = {10: 0.25, 24: 0.3, 7: 0.3}
"""Action units that come along with some contempt."""


@dataclass(frozen=True)
class Planned:
    """An image to render, with its annotated `code`, and whether its valence and arousal are `known`."""

    subject: int
    part: str
    emotion: str
    code: int
    known: bool


def write(
    out_folder: str | Path,
    weights_folder: str | Path,
    settings: AffectSynthetic,
    synth4d: Synth4d,
    seed: int,
) -> None:
    """Render the set into `out_folder`, with SYNTHETIC.txt, `people.csv` and, last, `truth.csv`.

    Strengths and mixtures of the emotions are drawn as for the clips (`synth4d`). What an earlier run left in
    the folder is removed. Raises InputError where something other than this set lies in the folder,
    WeightsError without the face model.
    """
    folder = Path(out_folder)
    model = facemodel.load(weights_folder)
    _clear(folder)
    write_notice(folder)
    plan = planned(settings, seed)
    rows, circumplex = [], Circumplex(model)
    numbers = {part: iter(_numbers(part, plan, seed)) for part in PARTS}
    for part, names in PARTS.items():
        for name in (IMAGES, ANNOTATIONS):
            (folder / names[0] / name).mkdir(parents=True, exist_ok=True)
        for subject in range(settings.subjects[list(PARTS).index(part)]):
            images = [one for one in plan if one.part == part and one.subject == subject]
            for one, picture, truth, pair in _person(images, model, circumplex, settings, synth4d, seed):
                number = next(numbers[part])
                image = f"{names[0]}/{IMAGES}/{number}.jpg"
                _save(folder, names[0], number, picture, settings.jpeg_quality, one, pair)
                rows.append((image, f"{part}-{subject:03d}", one.code, one.emotion, *np.round(truth, 4)))
    columns = ["image", "subject_id", "code", "emotion", "valence", "arousal"]
    truth = pd.DataFrame(rows, columns=columns)
    tables.write(truth[["image", "subject_id"]], folder / PEOPLE, "affect_people")
    tables.write(truth, folder / TRUTH, "affect_truth")


def planned(settings: AffectSynthetic, seed: int) -> list[Planned]:
    """Every image of the set: how many of each class, of whom, annotated how.

    The training part is long-tailed as `settings.distribution`, with at least one image of each class; the
    validation part has equally many of each and lacks nothing.
    """
    rng = np.random.default_rng([seed, STREAM, 0])
    sizes = np.array([settings.distribution[name] for name in CLASSES], float)
    train = np.maximum(1, np.round(settings.train * sizes / sizes.sum())).astype(int)
    train[np.argmax(train)] += settings.train - train.sum()
    made = []
    for part, counts in zip(PARTS, (train, [settings.validation_per_class] * len(CLASSES)), strict=True):
        training = part == "train"
        n = settings.subjects[0 if training else 1]
        emotions = [name for name, number in zip(CLASSES, counts, strict=True) for _ in range(number)]
        codes = [CLASSES.index(emotion) for emotion in emotions]
        if training:
            # What is no expression looks like anything: a face of any class, annotated otherwise.
            codes += [code for code in NOT_CLASSES for _ in range(settings.other_codes)]
            emotions += [str(rng.choice(CLASSES)) for _ in range(len(codes) - len(emotions))]
        people = rng.permutation(np.arange(len(codes)) % n)
        known = (rng.random(len(codes)) >= settings.unknown_share) | (not training)
        known &= np.array(codes) < len(CLASSES)
        made += [
            Planned(int(who), part, emotion, code, bool(told))
            for who, emotion, code, told in zip(people, emotions, codes, known, strict=True)
        ]
    return made


def _clear(folder: Path) -> None:
    """Remove what this generator made; refuse to touch anything else."""
    parts = [folder / name for names in PARTS.values() for name in names]
    there = [part for part in parts if part.exists()]
    if there and not (folder / MARKER).exists():
        raise InputError(there[0], "is not synthetic, and would be replaced", "give another folder")
    for part in there:
        shutil.rmtree(part)
    (folder / TRUTH).unlink(missing_ok=True)


def _numbers(part: str, plan: list[Planned], seed: int) -> np.ndarray:
    """File numbers without order, as AffectNet's: neither class nor person shows from them."""
    rng = np.random.default_rng([seed, STREAM, 1, list(PARTS).index(part)])
    return rng.permutation(sum(one.part == part for one in plan))


def _person(
    images: list[Planned],
    model: facemodel.FaceModel,
    circumplex: Circumplex,
    settings: AffectSynthetic,
    synth4d: Synth4d,
    seed: int,
) -> Iterator[tuple[Planned, np.ndarray, np.ndarray, np.ndarray]]:
    """The images of one person: each with its picture BGR uint8 [S,S,3], and its valence and arousal.

    These are first the true ones [2], then the annotated ones [2].
    """
    if not images:
        return
    key = [seed, STREAM, 2, list(PARTS).index(images[0].part), images[0].subject]
    sex = "male" if images[0].subject % 2 else "female"
    person = identity.draw(model, sex, np.random.default_rng([*key, 0]))
    habit = expression.draw_habit(model, np.random.default_rng([*key, 1]))
    renderer = Renderer(model, person, *FRAME)
    for number, image in enumerate(images):
        rng = np.random.default_rng([*key, 2, number])
        aus, asymmetry = _strengths(image.emotion, habit, model, synth4d, rng)
        picture = _picture(renderer, aus, asymmetry, settings.size, synth4d.camera_noise, rng)
        truth = circumplex(aus)
        annotated = np.clip(truth + settings.noise * rng.standard_normal(2), -1, 1)
        yield image, picture, truth, annotated if image.known else np.full(2, UNKNOWN)


def _strengths(
    emotion: str,
    habit: expression.Habit,
    model: facemodel.FaceModel,
    synth4d: Synth4d,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Strengths [A] in 0–1 of the action units and by which share one half of the face moves more [A]."""
    contempt = emotion == "contempt"
    base = "neutral" if contempt else emotion
    shown = expression.draw(base, habit, model, synth4d.strength, synth4d.weak_share, synth4d.overlap, rng)
    aus = shown.strengths
    asymmetry = np.clip(rng.normal(0, ASYMMETRY, len(aus)), -0.35, 0.35)
    if contempt:
        side = rng.choice((-1, 1))
        for number, full in CONTEMPT.items():
            place = model.index(number)
            aus[place] = full * rng.uniform(0.8, 1.2) * habit.factors[place] * shown.strength
            asymmetry[place] = side * ONE_SIDED
        for number, full in CONTEMPT_OPTIONAL.items():
            if rng.random() < expression.OPTIONAL_CHANCE:
                aus[model.index(number)] = full * rng.uniform(0.3, 1.1)
    aus = aus * (rng.uniform(*PARTIAL) if rng.random() < PARTIAL_SHARE else 1.0)
    aus = np.clip(aus + 0.03 * rng.standard_normal(len(aus)) * (aus == 0), 0, 1)
    return aus, asymmetry


def _picture(
    renderer: Renderer,
    aus: np.ndarray,
    asymmetry: np.ndarray,
    size: int,
    noise: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """A crop around the face, BGR uint8 [size,size,3]."""
    pose = np.clip(rng.normal(0, 0.45, 3), -1, 1) * POSE
    gaze = np.clip(rng.normal(0, 0.4, 2), -1, 1)
    light = light_of(renderer, 0.35, rng)
    frame = renderer.frame(aus, pose, gaze, asymmetry, light)
    x, y, w, h = face_box(renderer.points(aus, pose, asymmetry))
    side = max(w, h) * (1 + 2 * MARGIN + rng.normal(0, JITTER))
    centre = np.array((x + w / 2, y + h / 2)) + rng.normal(0, JITTER, 2) * w
    left, top = centre - side / 2
    small = cut_out(frame, left, top, side, side, size, 2)
    blur = rng.exponential(BLUR)
    if blur > SHARP:
        small = cv2.GaussianBlur(small, (0, 0), min(blur, DULLEST) * size / 128)
    colours = rng.uniform(0.75, 1.2) * rng.normal(1, 0.04, 3)
    small = (small - 128) * rng.uniform(0.8, 1.15) + 128
    small = small * colours + rng.normal(0, noise, small.shape)
    return np.clip(np.round(small), 0, 255).astype(np.uint8)


def _save(
    folder: Path, part: str, number: int, picture: np.ndarray, quality: int, image: Planned, pair: np.ndarray
) -> None:
    """Write the image and its three annotations, which are strings as AffectNet's are."""
    data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    (folder / part / IMAGES / f"{number}.jpg").write_bytes(data.tobytes())
    annotations = {"exp": str(image.code), "val": f"{pair[0]:.6g}", "aro": f"{pair[1]:.6g}"}
    for kind, text in annotations.items():
        np.save(folder / part / ANNOTATIONS / f"{number}_{kind}.npy", np.array(text), allow_pickle=False)
