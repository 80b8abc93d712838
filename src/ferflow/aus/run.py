"""One interface to the three sources of action units: landmark, pyfeat, openface."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from ferflow import tables
from ferflow.errors import InputError, SettingError
from ferflow.faces import store
from ferflow.settings import Aus


def write_subject(
    faces: str | Path,
    out: str | Path,
    clip_ids: Iterable[str],
    settings: Aus,
    weights_folder: str | Path,
) -> None:
    """Write the action units of `clip_ids`, clips of the file `faces`, to the table `out` (schema aus).

    `settings.backend` says whence: `landmark` from the stored landmarks, `pyfeat` from the stored crops by
    py-feat's own networks, `openface` from `<clip_id>.csv` in `settings.openface_folder`.
    """
    backend = _backend(settings, weights_folder)
    parts = []
    for clip_id in clip_ids:
        frames = backend(faces, clip_id)
        frames.insert(0, "clip_id", clip_id)
        parts.append(frames)
    if not parts:
        raise InputError(faces, "no clip was asked for", "list at least one")
    tables.write(pd.concat(parts, ignore_index=True), out, "aus")


def _backend(settings: Aus, weights_folder: str | Path):
    if settings.backend == "landmark":
        return lambda faces, clip_id: _from_landmarks(faces, clip_id, settings, weights_folder)
    if settings.backend == "pyfeat":
        from ferflow.aus.pyfeat import PyFeat

        detector = PyFeat()
        return lambda faces, clip_id: detector.intensities(faces, clip_id)
    return lambda faces, clip_id: _from_openface(faces, clip_id, settings)


def _from_landmarks(faces, clip_id: str, settings: Aus, weights_folder) -> pd.DataFrame:
    from ferflow.aus.landmark import intensities

    with store.open_landmarks(faces, clip_id) as (landmarks, tracked, scores):
        return intensities(landmarks, tracked, weights_folder, settings, scores)


def _from_openface(faces, clip_id: str, settings: Aus) -> pd.DataFrame:
    from ferflow.aus.openface import read_openface

    if settings.openface_folder is None:
        raise SettingError("aus.openface_folder", "is not set", "give the folder with OpenFace's CSV files")
    path = Path(settings.openface_folder) / f"{clip_id}.csv"
    frames = read_openface(path)
    n_frames = len(store.read_tracked(faces, clip_id))
    if len(frames) != n_frames:
        raise InputError(
            path, f"has {len(frames)} frames, the clip has {n_frames}", "run OpenFace on the same clip"
        )
    return frames
