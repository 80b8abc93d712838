"""Synthetic stills for the spatial phase: 48×48 grey, seven classes, in the format of FER2013's Kaggle CSV.

They show other people than the clips, framed as a face crop of a clip frames them.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from ferflow.datasets.synth4d import expression, facemodel, identity
from ferflow.datasets.synth4d.clips import ASYMMETRY, STILL_STREAM, write_notice
from ferflow.datasets.synth4d.facemodel import OVAL
from ferflow.datasets.synth4d.render import Renderer
from ferflow.files import atomic_write
from ferflow.settings import Stills, Synth4d

FER2013_CODES = {"angry": 0, "disgust": 1, "fear": 2, "happy": 3, "sad": 4, "surprise": 5, "neutral": 6}
SIZE = 48
FRAME = (240, 320)
"""Width and height, in pixels, of the frame that a still is cut from."""
USAGE = (("Training", 0.8), ("PublicTest", 0.1), ("PrivateTest", 0.1))
POSE = (6.0, 9.0, 5.0)
"""Greatest pitch, yaw and roll, degrees."""
PARTIAL_SHARE = 0.35
PARTIAL = (0.3, 0.8)
"""Some stills catch a face between neutral and apex: their share of the apex strength."""
HAAR = (1.24, 0.0, -0.097)
"""OpenCV's frontal Haar box against the mesh: width, centre x and centre y, in widths of the face oval."""
CHIN = 10 / 280
"""The box's extension at the chin, a share of its height; that of clips is `faces.extend`."""
JITTER = 0.05
"""Standard deviation of the box's size and place, as a share of its width; about the cascade's own."""


def write_stills(
    out: str | Path, weights_folder: str | Path, settings: Stills, synth4d: Synth4d, seed: int
) -> None:
    """Render `per_class` stills of each of seven classes from `subjects` people to the CSV at `out`.

    Columns `emotion` (FER2013's code), `pixels` (2,304 grey values) and `Usage`, which is given by person.
    Strengths and mixtures of the emotions are drawn as for the clips (`synth4d`). SYNTHETIC.txt is
    written beside it.
    """
    path = Path(out)
    model = facemodel.load(weights_folder)
    usage = _usage(settings.subjects, np.random.default_rng([seed, STILL_STREAM]))
    rows: list[tuple[int, str, str]] = []
    for number in range(settings.subjects):
        rows += _person(number, usage[number], model, settings, synth4d, seed)
    order = np.random.default_rng([seed, STILL_STREAM, 1]).permutation(len(rows))
    write_notice(path.parent)
    with atomic_write(path) as partial, partial.open("w", encoding="utf-8", newline="\n") as file:
        file.write("emotion,pixels,Usage\n")
        # As in FER2013: training first, then the two test parts, each mixed.
        for part, _ in USAGE:
            file.writelines(f"{rows[k][0]},{rows[k][1]},{rows[k][2]}\n" for k in order if rows[k][2] == part)


def face_box(points: np.ndarray, chin: float = CHIN) -> np.ndarray:
    """The box x, y, w, h that the Haar cascade would find for mesh points [468, 3], extended at the chin."""
    oval = points[list(OVAL), :2]
    low, high = oval.min(0), oval.max(0)
    width = float(high[0] - low[0])
    side = HAAR[0] * width
    centre = (low + high) / 2 + np.array(HAAR[1:]) * width
    return np.array((centre[0] - side / 2, centre[1] - side / 2, side, side * (1 + chin)), np.float32)


def _usage(n_subjects: int, rng: np.random.Generator) -> list[str]:
    """Usage of each person; every part has at least one where there are three people."""
    bounds = np.round(np.cumsum([share for _, share in USAGE]) * n_subjects).astype(int)
    order = rng.permutation(n_subjects)
    usage = [""] * n_subjects
    for place, person in enumerate(order):
        usage[person] = USAGE[int(np.searchsorted(bounds, place, side="right"))][0]
    return usage


def _person(
    number: int, usage: str, model: facemodel.FaceModel, settings: Stills, synth4d: Synth4d, seed: int
) -> list[tuple[int, str, str]]:
    key = [seed, STILL_STREAM, 2, number]
    person = identity.draw(model, "male" if number % 2 else "female", np.random.default_rng([*key, 0]))
    habit = expression.draw_habit(model, np.random.default_rng([*key, 1]))
    renderer = Renderer(model, person, *FRAME)
    rows = []
    for emotion, code in FER2013_CODES.items():
        rng = np.random.default_rng([*key, 2, code])
        # Person k takes the stills k, k + subjects, ... of a class.
        for _ in range(number, settings.per_class, settings.subjects):
            image = _still(renderer, emotion, habit, model, synth4d, rng)
            rows.append((code, " ".join(map(str, image.ravel().tolist())), usage))
    return rows


def _still(
    renderer: Renderer,
    emotion: str,
    habit: expression.Habit,
    model: facemodel.FaceModel,
    synth4d: Synth4d,
    rng: np.random.Generator,
) -> np.ndarray:
    """One still, uint8 [48, 48]."""
    shown = expression.draw(emotion, habit, model, synth4d.strength, synth4d.weak_share, synth4d.overlap, rng)
    aus = shown.strengths * (rng.uniform(*PARTIAL) if rng.random() < PARTIAL_SHARE else 1.0)
    aus = np.clip(aus + 0.03 * rng.standard_normal(len(aus)) * (aus == 0), 0, 1)
    pose = np.clip(rng.normal(0, 0.5, 3), -1, 1) * POSE
    asymmetry = np.clip(rng.normal(0, ASYMMETRY, len(aus)), -0.35, 0.35)
    gaze = np.clip(rng.normal(0, 0.4, 2), -1, 1)
    light = light_of(renderer, 0.25, rng)
    frame = cv2.cvtColor(renderer.frame(aus, pose, gaze, asymmetry, light), cv2.COLOR_BGR2GRAY)
    x, y, w, h = face_box(renderer.points(aus, pose, asymmetry))
    shake = rng.normal(0, JITTER, 3) * w
    x, y, w, h = x + shake[0] - shake[2] / 2, y + shake[1] - shake[2] / 2, w + shake[2], h + shake[2]
    small = cut_out(frame, x, y, w, h, SIZE, 4)
    small = (small - 128) * rng.uniform(0.8, 1.15) + 128 * rng.uniform(0.85, 1.15)
    small += rng.normal(0, synth4d.camera_noise * 0.5, small.shape)
    return np.clip(np.round(small), 0, 255).astype(np.uint8)


def light_of(renderer: Renderer, spread: float, rng: np.random.Generator) -> np.ndarray:
    """The direction of a person's light, float32 [3] of length 1, off by a standard deviation of `spread`."""
    light = renderer.identity.light + rng.normal(0, spread, 3).astype(np.float32)
    light /= np.linalg.norm(light)
    return light


def cut_out(frame: np.ndarray, x: float, y: float, w: float, h: float, size: int, times: int) -> np.ndarray:
    """The box x, y, w, h of an image as float32 [size,size,...].

    It is cut out `times` as large, then averaged down, so that nothing is left out between pixels.
    """
    large = times * size
    corner = np.float32([[x, y], [x + w, y], [x, y + h]])
    target = np.float32([[0, 0], [large, 0], [0, large]]) - 0.5
    matrix = cv2.getAffineTransform(corner, target)
    crop = cv2.warpAffine(frame, matrix, (large, large), borderMode=cv2.BORDER_REPLICATE)
    return cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32)
