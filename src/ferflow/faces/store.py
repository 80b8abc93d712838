"""The face crops of a subject in one HDF5 file, a group per clip.

`frames` uint8 [T,size,size,3] RGB, lossless, one frame a chunk; `boxes` float32 [T,4]; `tracked` bool [T];
`landmarks` float32 [T,468,3]; `scores` float32 [T]. Boxes and landmarks are in source pixels. A clip that
cannot be read to its end has the frames that came before that, and the attributes `problem` and `remedy`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from importlib.metadata import version
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
import pandas as pd

from ferflow import hdf5
from ferflow.errors import InputError
from ferflow.faces.landmarks import N_LANDMARKS
from ferflow.faces.stream import FaceFrame, FaceStream
from ferflow.faces.video import Clip, content_hash, no_clip, open_clip
from ferflow.files import atomic_write
from ferflow.settings import Faces

BLOCK = 64
"""Frames whose small arrays (boxes, landmarks) are written together."""
ARRAYS = {
    "frames": ((None, None, None, 3), np.uint8),
    "boxes": ((None, 4), np.float32),
    "tracked": ((None,), bool),
    "landmarks": ((None, N_LANDMARKS, 3), np.float32),
    "scores": ((None,), np.float32),
}
"""Name: shape and type."""
NUMBERS = {"n_frames", "n_declared", "n_blank", "n_tracked", "fps", "width", "height"}
"""Attributes of a clip that are numbers."""
REMEDY = "delete it and run the faces step again"


def write_subject(
    rows: pd.DataFrame, path: str | Path, weights_folder: str | Path, settings: Faces, root: str | Path = "."
) -> None:
    """Find the face in each clip of one subject and write the crops to the HDF5 file `path`.

    `rows`: lines of a manifest (schema manifest), of which `clip_id` and `source` are used; a source is
    relative to `root`. Memory does not grow with the length of a clip. The file appears whole or not at all.
    A clip without a face is stored as one that is nowhere tracked, one that cannot be read with the reason:
    whether clips can be used is decided when all of them are known (`datasets.usable`).
    """
    if not len(rows):
        raise InputError(path, "the manifest has no clip of this subject", "check the data set's folder")
    stream = FaceStream(weights_folder, settings)
    with atomic_write(path) as partial, hdf5.create(partial) as file:
        file.attrs["settings"] = settings.model_dump_json()
        file.attrs["landmarks"] = stream.network
        file.attrs["ferflow"] = version("ferflow")
        for row in rows.itertuples(index=False):
            group, source = file.create_group(str(row.clip_id)), Path(root) / row.source
            try:
                write_clip(group, open_clip(source, settings.missing_frames), stream)
            except InputError as error:
                if "frames" not in group:  # it could not even be opened
                    write_clip(group, no_clip(source), stream)
                within = "" if Path(error.where) == source else f"{Path(error.where).name} "
                group.attrs["problem"], group.attrs["remedy"] = within + error.problem, error.remedy
            group.attrs["sha256"] = content_hash(source)


def write_faces(
    clips: Sequence[str],
    clip_ids: Sequence[str],
    out: str | Path,
    settings: Faces,
    weights_folder: str | Path,
) -> None:
    """`write_subject` of the video files `clips`, whose names are `clip_ids`."""
    write_subject(pd.DataFrame({"clip_id": clip_ids, "source": clips}), out, weights_folder, settings)


def write_clip(group: h5py.Group, clip: Clip, stream: FaceStream) -> None:
    """Write the faces of `clip` into `group`.

    Raises InputError, after the frames that came before, for one that cannot be read to its end.
    """
    stream.where = clip.source
    writer = _ClipWriter(group, stream.settings.size)
    try:
        for face in stream.run(clip):
            writer.add(face)
    finally:
        writer.flush()
        most, where = stream.crowd
        crowd = [f"shows {most} faces in frame {where}; one of them is followed"] if most > 1 else []
        group.attrs.update(
            n_frames=writer.n_frames,
            n_declared=clip.info.n_frames,
            n_blank=writer.n_blank,
            n_tracked=writer.n_tracked,
            fps=clip.info.fps,
            width=clip.info.width,
            height=clip.info.height,
            detections=stream.detections,
            recentred=stream.recentred,
            warnings="\n".join([*clip.warnings, *crowd]),
        )


class _ClipWriter:
    """Grows the arrays of one clip, so that no more than a block of frames is in memory."""

    def __init__(self, group: h5py.Group, size: int) -> None:
        self.n_tracked = self.n_blank = 0
        self._n = 0
        self._pending: list[FaceFrame] = []
        # Of face crops, measured in one run: lz4 after bit shuffling takes 0.86 of the size, 0.5 ms to write,
        # 0.2 ms to read; zstd after it 0.79, 1.2 and 0.6 ms; zstd alone 0.93, 0.7 and 0.2 ms.
        self._frames = group.create_dataset(
            "frames",
            (0, size, size, 3),
            np.uint8,
            maxshape=(None, size, size, 3),
            chunks=(1, size, size, 3),
            compression=hdf5plugin.Bitshuffle(cname="lz4"),
            fletcher32=True,
        )
        self._small = {
            name: group.create_dataset(
                name,
                (0, *shape[1:]),
                kind,
                maxshape=shape,
                chunks=(BLOCK, *shape[1:]),
                shuffle=kind is not bool,
                compression=hdf5plugin.Zstd(clevel=1),
                fletcher32=True,
            )
            for name, (shape, kind) in ARRAYS.items()
            if name != "frames"
        }

    @property
    def n_frames(self) -> int:
        """Frames so far."""
        return self._n + len(self._pending)

    def add(self, face: FaceFrame) -> None:
        self._frames.resize(self.n_frames + 1, axis=0)
        self._frames[-1] = face.crop
        self.n_tracked += face.tracked
        self.n_blank += face.blank
        # The source frame and the crop are not kept: a block of them would be tens of megabytes.
        self._pending.append((face.box, face.tracked, face.landmarks, face.score))
        if len(self._pending) == BLOCK:
            self.flush()

    def flush(self) -> None:
        if not self._pending:
            return
        end = self.n_frames
        for dataset, values in zip(self._small.values(), zip(*self._pending, strict=True), strict=True):
            dataset.resize(end, axis=0)
            dataset[self._n : end] = np.stack(values)
        self._n, self._pending = end, []


def clip_ids(path: str | Path) -> list[str]:
    """The clips in a faces file."""
    with _open(path) as file:
        return list(file)


def read(path: str | Path, clip_id: str) -> dict:
    """All of a clip but its frames: `boxes`, `tracked`, `landmarks`, `scores`, and its `facts`."""
    with _open(path) as file:
        group = _group(path, file, clip_id)
        return {name: group[name][:] for name in ARRAYS if name != "frames"} | _facts(group)


def facts(path: str | Path) -> dict[str, dict]:
    """What is known of each clip in a faces file, without its arrays, by its name.

    `n_frames` (decoded), `n_declared`, `n_blank`, `n_tracked`, `fps`, `width`, `height`, `sha256` (of the
    clip's content), `warnings` (list of str), and of a clip that cannot be read its `problem` and `remedy`.
    """
    with _open(path) as file:
        return {clip_id: _facts(_group(path, file, clip_id)) for clip_id in file}


def with_face(path: str | Path) -> list[str]:
    """The clips in a faces file that can be read to their end and show a face."""
    with _open(path) as file:
        readable = [name for name in file if "problem" not in file[name].attrs]
        return [name for name in readable if _group(path, file, name)["tracked"][:].any()]


def read_tracked(path: str | Path, clip_id: str) -> np.ndarray:
    """Whether a face was tracked in each frame of a clip, bool [T]."""
    with _open(path) as file:
        return _group(path, file, clip_id)["tracked"][:]


def _facts(group: h5py.Group) -> dict:
    known = {name: value.item() if hasattr(value, "item") else value for name, value in group.attrs.items()}
    return known | {"warnings": known["warnings"].splitlines()}


def landmark_network(path: str | Path) -> str:
    """Which network found the landmarks of a faces file: a row of `landmarks.REACH`."""
    with _open(path) as file:
        return str(file.attrs.get("landmarks", "wheel"))  # files from before there was a choice lack it


@contextmanager
def open_landmarks(path: str | Path, clip_id: str) -> Iterator[tuple[h5py.Dataset, np.ndarray, np.ndarray]]:
    """The landmarks of a clip as a dataset [T,468,3] to read in parts, with `tracked` and `scores` [T]."""
    with _open(path) as file:
        group = _group(path, file, clip_id)
        yield group["landmarks"], group["tracked"][:], group["scores"][:]


@contextmanager
def open_frames(path: str | Path, clip_id: str) -> Iterator[tuple[h5py.Dataset, np.ndarray]]:
    """The frames of a clip as a dataset [T,size,size,3] to read in parts, with `tracked` [T]."""
    with _open(path) as file:
        group = _group(path, file, clip_id)
        yield group["frames"], group["tracked"][:]


def read_frames(path: str | Path, clip_id: str, begin: int = 0, end: int | None = None) -> np.ndarray:
    """Frames `begin:end` of a clip, RGB uint8 [T,size,size,3]; zeros where no face was tracked."""
    with _open(path) as file:
        return _group(path, file, clip_id)["frames"][begin:end]


def read_place(path: str | Path, clip_id: str, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Box [4] and landmarks [468,3] of frame `number` of a clip, in source pixels; NaN where no face was."""
    with _open(path) as file:
        group = _group(path, file, clip_id)
        return group["boxes"][number], group["landmarks"][number]


def _group(path: str | Path, file: h5py.File, clip_id: str) -> h5py.Group:
    if clip_id not in file:
        raise InputError(path, f"has no clip {clip_id}", f"it has {', '.join(file)}")
    group = file[clip_id]
    if not isinstance(group, h5py.Group):
        raise InputError(path, f"{clip_id} in it is no clip", REMEDY)
    arrays = [hdf5.dataset(path, group, name, *kind, REMEDY) for name, kind in ARRAYS.items()]
    if len({len(array) for array in arrays}) != 1:
        raise InputError(path, f"clip {clip_id} is incomplete", REMEDY)
    for name in NUMBERS & set(group.attrs):
        hdf5.number(path, group, name, REMEDY)
    return group


def _open(path: str | Path) -> AbstractContextManager[h5py.File]:
    return hdf5.opened(path, "run the faces step", REMEDY)
