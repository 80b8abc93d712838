"""Fabricated BU-4DFE: rendered faces in all layouts that its reader knows, under the names of its subjects.

Rendering and reading a hundred people at full length would take longer than all else. So one woman and one
man are rendered, and only a few clips have their full length. The files differ in bytes that no decoder looks
at, since a study refuses the same file on two sides.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from ferflow.classes import EMOTIONS
from ferflow.datasets import bu4dfe
from ferflow.datasets.synth4d import expression, facemodel, identity, motion
from ferflow.datasets.synth4d.avi import MjpegWriter
from ferflow.datasets.synth4d.clips import write_notice
from ferflow.datasets.synth4d.render import Renderer

WIDTH, HEIGHT = map(int, bu4dfe.PICTURE.split("×"))
FPS = round(float(bu4dfe.RATE))
LONG, SHORT = 100, 4
"""Frames of a clip; most of BU-4DFE's have about a hundred."""
LONG_CLIPS = ("happy", "sad")
"""The clips of full length of those subjects that have any."""
QUALITY = 80
MODEL_BYTES = 3_000_000
"""Of the file of a 3D model beside each texture image, which takes no room on the disk."""
SEED = 4
HEAD_MOTION, STRENGTH = (3.0, 4.0, 2.0), (0.8, 1.0)

Frames = list[bytes]
"""JPEGs."""


def chosen(sides: Sequence[Sequence[str]], count: int) -> list[str]:
    """`count` subjects, from each of `sides` in turn, so that none of them is without any."""
    found: list[str] = []
    for place in range(max(map(len, sides))):
        found += [side[place] for side in sides if place < len(side)]
    return sorted(found[:count])


def stub(root: Path, subjects: Sequence[str]) -> None:
    """Empty files under the names of the clips of `subjects`: enough to list a study's jobs."""
    root.mkdir(parents=True, exist_ok=True)
    write_notice(root)
    for subject in subjects:
        for emotion in EMOTIONS:
            (root / f"{subject}_{emotion}_tex.avi").touch()


def write(root: Path, weights_folder: Path, subjects: Sequence[str], long: int = 3) -> None:
    """Fabricate the clips of `subjects` below `root`; those of the first `long` have a hundred frames.

    Flat videos, videos in a subject's folder, videos in a folder of their own and sequences of images with 3D
    models beside them take turns. F016 is there, and incomplete.
    """
    write_notice(root)
    renderings = _rendered(weights_folder, LONG_CLIPS if long else ())
    for number, subject in enumerate([*subjects, *sorted(bu4dfe.ABSENT)]):
        emotions = EMOTIONS if subject in subjects else EMOTIONS[:3]
        for emotion in emotions:
            length = LONG if number < long and emotion in LONG_CLIPS else SHORT
            _LAYOUTS[number % len(_LAYOUTS)](root, subject, emotion, renderings[subject[0], emotion, length])
        if (root / subject).is_dir():
            write_notice(root / subject)


def _rendered(weights_folder: Path, long: Sequence[str]) -> dict[tuple[str, str, int], Frames]:
    """The frames of a woman's and a man's clip of each emotion; of those in `long` also at full length."""
    model = facemodel.load(weights_folder)
    still = np.zeros(len(model.names))
    found = {}
    for number, letter in enumerate("FM"):
        rng = np.random.default_rng((SEED, number))
        person = identity.draw(model, "male" if number else "female", rng)
        habit = expression.draw_habit(model, rng)
        renderer = Renderer(model, person, WIDTH, HEIGHT)
        for emotion in EMOTIONS:
            shown = expression.draw(emotion, habit, model, STRENGTH, 0.0, 0.0, rng)
            moved = motion.draw(shown, model, (LONG, LONG), HEAD_MOTION, rng)
            apex = (moved.apex_begin + moved.apex_end) // 2
            for length in (LONG, SHORT) if emotion in long else (SHORT,):
                few = [0, 1, apex, apex + 1]  # two at rest, two at the apex
                frames = range(LONG) if length == LONG else few
                found[letter, emotion, length] = [
                    _jpeg(renderer.frame(moved.aus[i], moved.pose[i], moved.gaze[i], still)) for i in frames
                ]
    return found


def _jpeg(frame: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()


def _video(path: Path, name: str, frames: Frames) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with MjpegWriter(path, FPS, WIDTH, HEIGHT, QUALITY) as writer:
        for frame in frames:
            writer.append(frame)
    with path.open("ab") as file:  # a chunk that is passed over
        told = name.encode().ljust(-(-len(name) // 2) * 2)
        file.write(b"JUNK" + len(told).to_bytes(4, "little") + told)


def _flat(root: Path, subject: str, emotion: str, frames: Frames) -> None:
    _video(root / f"{subject}_{emotion}_tex.avi", f"{subject}_{emotion}", frames)


def _in_subject(root: Path, subject: str, emotion: str, frames: Frames) -> None:
    _video(root / subject / f"{emotion.capitalize()}.avi", f"{subject}_{emotion}", frames)


def _in_folder(root: Path, subject: str, emotion: str, frames: Frames) -> None:
    folder = root / subject / emotion.capitalize()
    _video(folder / "texture.avi", f"{subject}_{emotion}", frames)
    write_notice(folder)


def _as_images(root: Path, subject: str, emotion: str, frames: Frames) -> None:
    """Images with their 3D models beside them; all but the first are the same files for every subject."""
    folder, name = root / subject / emotion.capitalize(), f"{subject}_{emotion}"
    master = root / f".renderings/{subject[0]}_{emotion}_{len(frames)}"
    folder.mkdir(parents=True, exist_ok=True)
    master.mkdir(parents=True, exist_ok=True)
    model = master / "model.wrl"
    if not model.exists():
        with model.open("wb") as file:
            file.truncate(MODEL_BYTES)
    for number, frame in enumerate(frames):
        target = folder / f"{number:03d}.jpg"
        target.unlink(missing_ok=True)
        if number == 0:
            target.write_bytes(frame + name.encode())  # behind a JPEG's end nothing is read
        else:
            same = master / target.name
            if not same.exists():
                same.write_bytes(frame)
            os.link(same, target)
        beside = folder / f"{number:03d}.wrl"
        beside.unlink(missing_ok=True)
        os.link(model, beside)


_LAYOUTS = (_as_images, _flat, _in_folder, _in_subject)
