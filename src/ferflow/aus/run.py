"""One interface to the sources of action units: landmark, blendshapes, pyfeat, openface."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ferflow import tables
from ferflow.aus.clip import FROM_LANDMARKS, SUBJECT_FRAMES, intensities, reader
from ferflow.aus.landmark import LandmarkAus
from ferflow.aus.openface import read_openface
from ferflow.aus.pyfeat import PyFeat
from ferflow.errors import InputError
from ferflow.faces import store
from ferflow.settings import Aus


def write_subjects(
    faces: str | Path,
    out: str | Path,
    clip_ids: Iterable[Sequence[str]],
    settings: Aus,
    weights_folder: str | Path,
) -> None:
    """Write the action units of clips of the file `faces` to the table `out` (schema aus).

    `clip_ids` are those of each subject. One subject's frames are in memory at a time.
    `settings.backend` says whence: `landmark` and `blendshapes` from the stored landmarks, `pyfeat` from the
    stored crops by py-feat's own networks, `openface` from `<clip_id>.csv` in `settings.openface_folder`.
    """
    by_subject = _backend(faces, settings, weights_folder)
    tables.write_slices(_of_subjects(faces, clip_ids, by_subject), out, "aus")


def write_aus(
    faces: str | Path,
    out: str | Path,
    clip_ids: Iterable[Sequence[str]],
    settings: Aus,
    weights_folder: str | Path,
) -> None:
    """`write_subjects` of those of `clip_ids` that have a face, by name."""
    there = store.with_face(faces)
    seen = [[clip_id for clip_id in there if clip_id in own] for own in map(set, clip_ids)]
    write_subjects(faces, out, seen, settings, weights_folder)


Intensities = Callable[[str], pd.DataFrame]
"""The action units of a clip of a subject (schema aus without its name)."""


def _of_subjects(
    faces: str | Path, clip_ids: Iterable[Sequence[str]], by_subject: Callable[[Sequence[str]], Intensities]
) -> Iterator[pd.DataFrame]:
    """The tables of the subjects that have clips; an empty one where none has."""
    nobody = True
    for own in filter(None, clip_ids):
        intensities_of, parts = by_subject(own), []
        for clip_id in own:
            frames = intensities_of(clip_id)
            frames.insert(0, "clip_id", clip_id)
            parts.append(frames)
        nobody = False
        yield pd.concat(parts, ignore_index=True)
    if nobody:
        yield pd.DataFrame(columns=tables.schema("aus").required)


def _backend(
    faces: str | Path, settings: Aus, weights_folder: str | Path
) -> Callable[[Sequence[str]], Intensities]:
    """For the clips of a subject what measures each of them."""
    if settings.backend in ("auto", *FROM_LANDMARKS):
        aus = reader(weights_folder, settings, store.landmark_network(faces))

        def by_subject(clip_ids: Sequence[str]) -> Intensities:
            at_rest = _of_subject(faces, clip_ids) if settings.neutral == "subject" else None
            return lambda clip_id: _from_landmarks(faces, clip_id, aus, at_rest)

        return by_subject
    if settings.backend == "pyfeat":
        detector = PyFeat()
        return lambda _: lambda clip_id: detector.intensities(faces, clip_id)
    return lambda _: lambda clip_id: _from_openface(faces, clip_id, settings)


def _of_subject(faces: str | Path, clip_ids: Sequence[str]) -> np.ndarray | None:
    """Landmarks [N,468,3] of some SUBJECT_FRAMES tracked frames, as many of each clip; None without any."""
    each = max(1, SUBJECT_FRAMES // max(len(clip_ids), 1))
    frames = []
    for clip_id in clip_ids:
        with store.open_landmarks(faces, clip_id) as (landmarks, tracked, _):
            there = np.flatnonzero(tracked)
            some = np.unique(np.linspace(0, len(there) - 1, min(each, len(there))).round().astype(int))
            frames += [landmarks[int(i)] for i in there[some]]
    return np.stack(frames) if frames else None


def _from_landmarks(faces, clip_id: str, aus: LandmarkAus, at_rest: np.ndarray | None) -> pd.DataFrame:
    with store.open_landmarks(faces, clip_id) as (landmarks, tracked, scores):
        return intensities(landmarks, tracked, aus, scores, at_rest)


def _from_openface(faces, clip_id: str, settings: Aus) -> pd.DataFrame:
    path = settings.openface_table(clip_id)
    frames = read_openface(path)
    n_frames = len(store.read_tracked(faces, clip_id))
    if len(frames) != n_frames:
        raise InputError(
            path, f"has {len(frames)} frames, the clip has {n_frames}", "run OpenFace on the same clip"
        )
    return frames
