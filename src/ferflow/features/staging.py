"""Features on a disk of the machine itself, unpacked: a training reads them as fast as memory is copied.

The store of features is packed and often lies on a network's disk; unpacking takes a processor core ten
times as long as a GPU takes for a step. A staged file holds of one feature file what trainings are shown,
a dataset float16 [T,F] in one piece for each clip. The system keeps in memory what fits, and gives that back
when anybody needs it. Jobs of one machine that read the same features share them; the last one removes them.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import functools
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple
from pathlib import Path

import numpy as np
from h5py import version

from ferflow import hdf5
from ferflow.errors import FerflowError, InputError
from ferflow.features import store
from ferflow.features.store import Reading
from ferflow.files import atomic_write
from ferflow.readers import Readers, read_at

FORMAT = 1
"""Of staged files; a change of what is in them changes it."""
SPARE = 1.05
"""Free space that is required, as a multiple of the staged features."""
SHARE = 0.5
"""Of the free space, that `auto` takes at most: others write there too."""
IN_MEMORY = ("tmpfs", "ramfs")
"""File systems whose files take the job's memory."""
REMEDY = "run the same command again"


def folder(staging: str | None, nbytes: int) -> Path | None:
    """Where features of `nbytes` are staged by the setting `staging` (a folder, or auto: $TMPDIR).

    None where they are not: `auto` takes no folder that is in memory, and no more than half of what is free
    there. Raises FerflowError for a folder that has too little space or does not exist.
    """
    if staging is None:
        return None
    place = Path(tempfile.gettempdir() if staging == "auto" else staging)
    if staging == "auto":
        fits = not _in_memory(place) and nbytes <= SHARE * shutil.disk_usage(place).free
        return place if fits else None
    if not place.is_dir():
        raise FerflowError(place, "is no folder", "set temporal.staging to one on a disk of this machine")
    return place


def _in_memory(place: Path) -> bool:
    import psutil

    place = place.resolve()
    mounted = {Path(one.mountpoint): one.fstype for one in psutil.disk_partitions(all=True)}
    return next((mounted[at] for at in (place, *place.parents) if at in mounted), "") in IN_MEMORY


def staged(place: Path, files: Mapping[Path, Sequence[Reading]]) -> Staged:
    """The staged files below `place` of `files`: what is read of each feature file. Made when first used."""
    described = [[*_identity(path), [astuple(one)[1:] for one in files[path]]] for path in sorted(files)]
    content = json.dumps([FORMAT, version.hdf5_version, described], default=int)
    digest = hashlib.sha256(content.encode()).hexdigest()[:32]
    return _staged(place / f"ferflow-features-{os.getuid()}-{digest}", os.getpid())


def _identity(path: Path) -> tuple[str, int, int]:
    """A feature file as long as nobody writes it anew: its place, size and time."""
    try:
        found = path.stat()
    except OSError:
        raise InputError(path, "does not exist", "run the features step") from None
    return str(path.resolve()), found.st_size, found.st_mtime_ns


@functools.cache
def _staged(at: Path, of_process: int) -> Staged:
    _remove_left(at.parent)
    made = Staged(at)
    atexit.register(made.close)
    return made


class Staged:
    """A folder of staged files, as long as this process needs it."""

    def __init__(self, at: Path) -> None:
        self.at = at
        self.places: dict[tuple[Path, str], tuple[Path, int, tuple[int, ...]]] = {}
        """Feature file and clip: staged file, offset there, shape."""
        self._lock: int | None = _locked(at)
        self._process = os.getpid()

    def add(self, files: Mapping[Path, Sequence[Reading]], width: int, readers: Readers | None) -> None:
        """Stage those of `files` that are not, by several `readers` at once (None: in this process).

        Raises FerflowError, before anything is written, where the disk has too little space.
        """
        known = {path for path, _ in self.places}
        wanted = {path: self.at / f"{path.parent.name}-{path.name}" for path in files if path not in known}
        with (self.at / "making").open("w") as making:
            fcntl.flock(making, fcntl.LOCK_EX)  # another job may be making the same: then they are there
            absent = {path: target for path, target in wanted.items() if not target.exists()}
            need = SPARE * 2 * width * sum(one.most for path in absent for one in files[path])
            free = shutil.disk_usage(self.at).free
            if need > free:
                problem = f"staging the features needs {need / 1e9:.1f} GB there, it has {free / 1e9:.1f}"
                remedy = "free some, or set temporal.staging to another folder or null"
                raise FerflowError(self.at.parent, problem, remedy)
            _write_all({absent[path]: files[path] for path in absent}, readers)
        for path, target in wanted.items():
            with hdf5.opened(target, REMEDY, REMEDY) as file:
                for one in files[path]:
                    rows = hdf5.dataset(target, file, one.clip_id, (None, width), np.float16, REMEDY)
                    if (offset := rows.id.get_offset()) is None:
                        raise InputError(target, f"is damaged: {one.clip_id} is not in one piece", REMEDY)
                    self.places[path, one.clip_id] = target, offset, rows.shape

    def fill(self, out: np.ndarray, path: Path, clip_id: str) -> int:
        """Copy a clip's features to the front of the larger `out` float16 [T,F]; their number."""
        target, offset, (n, _) = self.places[path, clip_id]
        try:
            file = os.open(target, os.O_RDONLY)
            try:
                read_at(file, out[:n], offset)
            finally:
                os.close(file)
        except OSError as error:
            raise InputError(target, f"cannot be read ({error})", REMEDY) from None
        return n

    def close(self) -> None:
        """Remove the folder, unless another job uses it."""
        # A fork has the same lock, and would not be refused.
        if self._lock is not None and os.getpid() == self._process:
            _remove_unused(self.at, self._lock)
            os.close(self._lock)
            self._lock = None


def _write_all(files: Mapping[Path, Sequence[Reading]], readers: Readers | None) -> None:
    if readers is None:
        for path, readings in files.items():
            write(path, readings)
        return
    with ThreadPoolExecutor(readers.n) as threads:
        jobs = [threads.submit(readers.call, write, *one) for one in files.items()]
        try:
            for job in jobs:
                job.result()
        finally:
            for job in jobs:
                job.cancel()


def write(path: Path, readings: Sequence[Reading]) -> None:
    """Write what `readings` say to a staged file. Raises as `store.read`."""
    with atomic_write(path) as partial, hdf5.create(partial) as file:
        for one in readings:
            file.create_dataset(one.clip_id, data=store.read_less(one))


def _locked(at: Path) -> int:
    """Open the lock of the folder `at`, which is made, as one of those who use it."""
    while True:
        try:
            at.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(at / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except FileNotFoundError:  # removed in between
            continue
        except PermissionError:
            raise FerflowError(at, "cannot be written", "set temporal.staging to another folder") from None
        if at.lstat().st_uid != os.getuid():
            os.close(lock)
            raise FerflowError(at, "belongs to another user", "set temporal.staging to another folder")
        fcntl.flock(lock, fcntl.LOCK_SH)
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(lock), (at / "lock").stat()):
                return lock
        os.close(lock)  # whoever used it last has removed it meanwhile


def _remove_unused(at: Path, lock: int) -> None:
    """Remove the folder `at` if nobody else holds its `lock`, which is open; the system frees the dead's."""
    with contextlib.suppress(OSError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(at, ignore_errors=True)


def _remove_left(place: Path) -> None:
    """Remove what jobs that were killed have left below `place`."""
    for at in place.glob(f"ferflow-features-{os.getuid()}-*"):
        try:
            lock = os.open(at / "lock", os.O_RDWR)
        except OSError:
            continue
        _remove_unused(at, lock)
        os.close(lock)
