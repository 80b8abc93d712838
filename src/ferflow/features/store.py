"""The store of features: one HDF5 file per subject and transformation, one dataset per clip.

A dataset is named after its clip and holds float16 [T,F], one row per frame of the clip as decoded; a row
of NaN is a frame without a tracked face. All frames are there; which ones count (`begin:end` of trim.csv)
is decided when reading, so that another trimming never reruns the extraction. The file's attributes say
what made it: model_sha256, network, layer, n_features, transformation, listing, seed, precision, settings,
synthetic_model.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import h5py
import hdf5plugin  # its import also registers the decompressor
import numpy as np

from ferflow import hdf5
from ferflow.errors import InputError

CHUNK_BYTES = 256 * 1024
"""Of one HDF5 chunk: a few frames of 25,088 features, all frames of a clip of 32."""
LEAST_READ = 64
"""Rows that are read together where only some of a clip are asked for."""
REMEDY = "delete it and run the features step again"
_SAME = {
    "model_sha256": str,
    "network": str,
    "layer": str,
    "n_features": int,
    "listing": bool,
    "precision": str,
}
"""Attributes in which files that are used together must agree, and their types."""


def create(file: h5py.File, clip_id: str, n_frames: int, width: int) -> h5py.Dataset:
    """Make room for a clip's features float16 [n_frames,width] in a file that is being written."""
    return file.create_dataset(
        clip_id,
        (n_frames, width),
        np.float16,
        chunks=(min(n_frames, max(1, CHUNK_BYTES // (2 * width))), width),
        shuffle=True,
        compression=hdf5plugin.Zstd(clevel=1),
        fletcher32=True,
    )


def read(
    path: str | Path, clip_id: str, begin: int = 0, end: int | None = None, max_frames: int | None = None
) -> np.ndarray:
    """Features float16 [T,F] of a clip's tracked frames in `begin:end`, the first `max_frames` of them.

    Frames without a face are left out. Raises InputError for a missing or damaged file, a clip that is not
    there or is shorter than `end`, and a window without any tracked frame.
    """
    with open_file(path) as file:
        return _tracked(path, file, clip_id, begin, end, max_frames)[0]


@dataclass(frozen=True)
class Reading:
    """What is read of a clip: as `read` takes it, and the clips (id, begin, end) whose mean is taken off."""

    path: Path
    clip_id: str
    begin: int
    end: int
    max_frames: int
    less: tuple[tuple[str, int, int], ...] = ()

    @property
    def most(self) -> int:
        """Frames, at most."""
        return min(self.end - self.begin, self.max_frames)


def read_less(what: Reading) -> np.ndarray:
    """Features float16 [T,F] that `what` says, less the `mean` that it says. Raises as `read`."""
    rows = read(what.path, what.clip_id, what.begin, what.end, what.max_frames)
    if not what.less:
        return rows
    alone = what.less == ((what.clip_id, what.begin, what.end),)
    changed = what.path.stat().st_mtime_ns
    less = _mean([rows]) if alone else _kept_mean(what.path, what.less, what.max_frames, changed)
    return (rows - less).astype(np.float16)


def mean(path: Path, clips: Iterable[tuple[str, int, int]], max_frames: int) -> np.ndarray:
    """The mean float32 [F] over `clips` (id, begin, end) of the mean over each one's frames.

    So long clips count no more than short ones. Raises as `read`.
    """
    return _mean(read(path, *clip, max_frames) for clip in clips)


def _mean(clips: Iterable[np.ndarray]) -> np.ndarray:
    return np.mean([rows.mean(axis=0, dtype=np.float32) for rows in clips], axis=0)


@lru_cache(256)  # of 25,088 features 25 MB
def _kept_mean(path: Path, clips: tuple[tuple[str, int, int], ...], max_frames: int, _: int) -> np.ndarray:
    return mean(path, clips, max_frames)


def read_runs(
    path: str | Path, clip_id: str, begin: int = 0, end: int | None = None, max_frames: int | None = None
) -> list[tuple[int, int]]:
    """The rows that `read` returns, as runs (first, last + 1) of frames of the clip."""
    with open_file(path) as file:
        numbers = _tracked(path, file, clip_id, begin, end, max_frames)[1]
    breaks = np.flatnonzero(np.diff(numbers) > 1) + 1
    return [(int(run[0]), int(run[-1]) + 1) for run in np.split(numbers, breaks)]


def clip_ids(path: str | Path) -> list[str]:
    """The clips in a feature file."""
    with open_file(path) as file:
        return list(file)


def info(path: str | Path) -> dict:
    """What made a feature file: its attributes as plain values."""
    with open_file(path) as file:
        missing = [name for name in _SAME if name not in file.attrs]
        if missing:
            raise InputError(path, f"does not say its {missing[0]}", REMEDY)
        attributes = {k: v.item() if isinstance(v, np.generic) else v for k, v in file.attrs.items()}
    wrong = [name for name, kind in _SAME.items() if not isinstance(attributes[name], kind)]
    if wrong:
        raise InputError(path, f"is damaged: its {wrong[0]} is {attributes[wrong[0]]!r:.40}", REMEDY)
    return attributes


def verify(paths: Iterable[str | Path]) -> dict:
    """Check that all feature files exist and come from one model, layer and precision.

    Returns those common attributes. Raises InputError naming the first file that differs.
    """
    common: dict = {}
    for path in paths:
        attributes = {name: value for name, value in info(path).items() if name in _SAME}
        common = common or attributes
        wrong = [name for name in _SAME if attributes[name] != common[name]]
        if wrong:
            problem = f"has {wrong[0]} {attributes[wrong[0]]}, the files before it {common[wrong[0]]}"
            raise InputError(path, problem, "run the features step again for all subjects")
    return common


def open_file(path: str | Path) -> AbstractContextManager[h5py.File]:
    """Open a feature file to read; HDF5's errors come out as InputError, also those within the block."""
    return hdf5.opened(path, "run the features step", REMEDY)


def _tracked(
    path: str | Path, file: h5py.File, clip_id: str, begin: int, end: int | None, most: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the first `most` (None: all) tracked frames in `begin:end`, and their frame numbers.

    No more is read than that takes: a clip may have tens of thousands of frames.
    """
    if clip_id not in file:
        raise InputError(path, f"has no clip {clip_id}", "run the features step again")
    dataset = hdf5.dataset(path, file, clip_id, (None, None), np.float16, REMEDY)
    end = len(dataset) if end is None else end
    if not 0 <= begin < end <= len(dataset):
        problem = f"clip {clip_id} has {len(dataset)} frames, not {begin}:{end}"
        raise InputError(path, problem, "run the trim and features steps again")
    step = end - begin if most is None else max(most, LEAST_READ)
    parts, numbers, left = [], [], end - begin if most is None else most
    for first in range(begin, end, step):
        rows = dataset[first : min(first + step, end)]
        real = np.flatnonzero(~np.isnan(rows[:, 0]))[:left]
        # Mostly all of them are; a copy of 25,088 features takes as long as a third of reading them.
        parts.append(rows if len(real) == len(rows) else rows[real])
        numbers.append(first + real)
        left -= len(real)
        if not left:
            break
    if not any(len(part) for part in parts):
        raise InputError(path, f"clip {clip_id} has no tracked frame in {begin}:{end}", "leave the clip out")
    return (parts[0], numbers[0]) if len(parts) == 1 else (np.concatenate(parts), np.concatenate(numbers))
