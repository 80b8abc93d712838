"""Export features in the layout of the thesis (section 3.2.4): `fold-<i>-features-<n>.h5`.

A file holds fold i's own clips, originals only: `features` float16 [N,T,n], `masks` uint8 [N,T] (1: a real
frame), `labels` uint8 [N,K] one-hot, `names` [N], such as M042_happy_tex.avi. `features` is a virtual
dataset over the store, with paths relative to the file, so that both can be moved together. HDF5 reads zeros
where a source is missing, without an error: `check` a file before using it. Nothing here trains on it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from ferflow import tables
from ferflow.errors import InputError
from ferflow.features import store
from ferflow.files import atomic_write, read_record
from ferflow.shards import BySubject


def write_folds(
    features: Iterable[str | Path],
    manifest: str | Path,
    trim: str | Path,
    splits: str | Path,
    out: str | Path,
    max_frames: int,
    emotions: Sequence[str],
) -> list[Path]:
    """Write one file per fold of `splits` into the folder `out`; returns their paths.

    `features`: the originals (`layout.FEATURES`). `emotions`: the classes, in the order of the labels;
    clips of others are left out. Raises InputError where a source is missing or does not fit.
    """
    files = BySubject(features)
    clips = tables.read(manifest, "manifest")
    clips = clips[clips.emotion.isin(emotions)]
    windows = tables.read(trim, "trim").set_index("clip_id")
    folds = read_record(splits, {"folds": list}, "make the split again")["folds"]
    written = []
    for number, subjects in enumerate(folds):
        rows = clips[clips.subject_id.isin(subjects)]
        for subject in subjects:
            if subject not in files:
                raise InputError(f"{subject}.h5", "is not among the features", "run the features step")
        for clip_id in rows.clip_id:
            if clip_id not in windows.index:
                raise InputError(trim, f"lacks the clip {clip_id}", "run the trim step again")
        common = store.verify(files.of(subjects))
        path = Path(out) / f"fold-{number}-features-{common['n_features']}.h5"
        _write(path, rows, files, windows, max_frames, emotions, common | {"fold": number})
        written.append(path)
    return written


def _write(
    path: Path,
    rows: pd.DataFrame,
    files: BySubject,
    windows: pd.DataFrame,
    max_frames: int,
    emotions: Sequence[str],
    attributes: dict,
) -> None:
    width = attributes["n_features"]
    layout = h5py.VirtualLayout((len(rows), max_frames, width), np.float16)
    masks = np.zeros((len(rows), max_frames), np.uint8)
    for number, clip in enumerate(rows.itertuples()):
        file = files[clip.subject_id]
        window = windows.loc[clip.clip_id]
        runs = store.read_runs(file, clip.clip_id, int(window.begin), int(window.end), max_frames)
        with store.open_file(file) as opened:
            shape = opened[clip.clip_id].shape
        relative = os.path.relpath(file.resolve(), path.parent.resolve())
        source = h5py.VirtualSource(relative, clip.clip_id, shape, np.float16)
        at = 0
        for begin, end in runs:
            layout[number, at : at + end - begin] = source[begin:end]
            at += end - begin
        masks[number, :at] = 1
    labels = (rows.emotion.to_numpy()[:, None] == np.array(emotions)).astype(np.uint8)
    with atomic_write(path) as partial, h5py.File(partial, "w", libver="latest") as file:
        file.create_virtual_dataset("features", layout, fillvalue=0)
        file["masks"], file["labels"] = masks, labels
        file["names"] = [_name(clip) for clip in rows.itertuples()]
        file.attrs.update(
            attributes, emotions=list(emotions), synthetic=bool(rows.synthetic.any()), max_frames=max_frames
        )


def _name(clip) -> str:
    """The clip's video file; for a clip that is a folder of images, what the thesis would call it."""
    source = Path(clip.source)
    return source.name if source.suffix else f"{clip.clip_id}_tex.avi"


def check(path: str | Path) -> None:
    """Raise InputError unless every source of the exported file at `path` is there and long enough."""
    path = Path(path)
    with store.open_file(path) as file:
        if "features" not in file or not file["features"].is_virtual:
            raise InputError(path, "has no features that lead to others", "export again")
        needed: dict[tuple[str, str], int] = {}
        for source in file["features"].virtual_sources():
            last = source.src_space.get_select_bounds()[1][0] + 1
            key = (source.file_name, source.dset_name.lstrip("/"))
            needed[key] = max(last, needed.get(key, 0))
    for (name, clip_id), n_frames in needed.items():
        source_path = path.parent / name
        if not source_path.is_file():
            raise InputError(
                path, f"its source {name} is missing and would read as zeros", "put it back or export again"
            )
        with store.open_file(source_path) as opened:
            if not isinstance(opened.get(clip_id), h5py.Dataset) or len(opened[clip_id]) < n_frames:
                raise InputError(path, f"its source {name} has no longer {clip_id}", "export again")
