"""Scenes on disk: a folder per class as SFEW has them, with what only the generator knows beside them."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from ferflow import tables
from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.datasets.class_folders import is_image
from ferflow.datasets.scenes.draw import SCENE_STREAM, Scene, draw_film, draw_scene
from ferflow.datasets.sfew import LISTS
from ferflow.datasets.synth4d import facemodel
from ferflow.datasets.synth4d.clips import MARKER, NOTICE, write_notice
from ferflow.errors import InputError
from ferflow.files import atomic_write, write_text
from ferflow.settings import Synth4d
from ferflow.settings.scenes import Scenes, rendered

FOLDERS = {emotion: emotion.capitalize() for emotion in sorted(EMOTIONS_NEUTRAL)}
"""SFEW's folder of each class."""
TRUTH = "truth.csv"
NAME = re.compile(r"Synthetic\d\d_\d{9}_\d{8}\.png")


def write_scenes(
    out_folder: str | Path, weights_folder: str | Path, settings: Scenes, synth4d: Synth4d, seed: int
) -> None:
    """Render `per_class` scenes of each of seven classes (disgust: three quarters) in `out_folder`.

    Writes `<Class>/<Film>_<9 digits>_<8 digits>.png`, SYNTHETIC.txt, the lists of the Strictly Person
    Independent protocol (films in turn, where there are two), and, when all else is there, truth.csv (schema
    `scene_truth`, a row a face). A scene is the same for a seed and a film, however many others there are of
    its class. Scenes of an earlier call are removed. Raises WeightsError without the face model, and
    InputError where other images lie in the class folders.
    """
    folder, model = Path(out_folder), facemodel.load(weights_folder)
    _clear(folder)
    write_notice(folder)
    rows = []
    for number in range(settings.films):
        film = draw_film(f"Synthetic{number + 1:02d}", number, model, settings, seed)
        for emotion in EMOTIONS_NEUTRAL:
            for k in range(number, rendered(emotion, settings.per_class), settings.films):
                # The emotion's place too, so that not the same people show the same numbers of each class.
                key = [seed, SCENE_STREAM, number, 2, EMOTIONS_NEUTRAL.index(emotion), k]
                rng = np.random.default_rng(key)
                who = int(rng.integers(settings.people))
                name = f"{film.name}_{int(rng.integers(10**8)):09d}_{k:08d}.png"
                scene = draw_scene(film, emotion, who, model, settings, synth4d, rng)
                path = folder / FOLDERS[emotion] / name
                _write_image(scene, path)
                rows += _truth(scene, path.relative_to(folder).as_posix(), emotion, film.name)
    if settings.films > 1:
        _write_sets(folder, rows)
    columns = tables.schema("scene_truth").names
    tables.write(pd.DataFrame(rows, columns=columns), folder / TRUTH, "scene_truth")
    # Nothing lies here unmarked at any time; anew, since the workflow goes by the mark for the whole.
    write_text(folder / MARKER, NOTICE)


def _clear(folder: Path) -> None:
    """Remove an earlier call's scenes; InputError, before anything is removed, where others lie there."""
    found = [
        file for name in FOLDERS.values() for file in sorted((folder / name).glob("*")) if is_image(file.name)
    ]
    others = [file for file in found if not NAME.fullmatch(file.name)]
    if others:
        remedy = "write the synthetic scenes elsewhere, or set sfew.dataset.name to sfew"
        raise InputError(others[0], "is no synthetic scene", remedy)
    for file in [*found, folder / TRUTH, *(folder / name for name in LISTS.values())]:
        file.unlink(missing_ok=True)


def _write_sets(folder: Path, rows: list[dict]) -> None:
    films = sorted({row["film"] for row in rows})
    for first, name in enumerate(LISTS.values()):
        listed = sorted({row["image"] for row in rows if row["film"] in films[first::2]})
        write_text(folder / name, "".join(f"{image}\n" for image in listed))


def _write_image(scene: Scene, path: Path) -> None:
    with atomic_write(path) as partial:
        partial.write_bytes(cv2.imencode(".png", scene.image[:, :, ::-1])[1].tobytes())


def _truth(scene: Scene, image: str, emotion: str, film: str) -> list[dict]:
    """A row for each face; one without a face for a scene without."""
    about = {"image": image, "emotion": emotion, "film": film, "faces": len(scene.faces)}
    if not scene.faces:
        return [about | {"labelled": False, "person": "", "shown": "", "occlusion": ""}]
    return [about | {"shown": face.emotion} | _face(face) for face in scene.faces]


def _face(face) -> dict:
    return {name: value for name, value in vars(face).items() if name != "emotion"}
