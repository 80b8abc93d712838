"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import Any

from ferflow.errors import FerflowError, InputError

FULL = 64 * 1024
"""Bytes left on a disk under which a write that failed has failed for want of space."""

CLOCKS = 60.0
"""Seconds by which the clocks of a file system and of the processes may differ."""


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to; rename it to `path` when the block ends well.

    The temporary name keeps the suffix, since writers choose their format by it. On any error it is
    removed and `path` stays as it was; what a killed process of this machine left is removed too. A full
    disk or a folder that cannot be written to raises FerflowError.
    """
    path = Path(path)
    partial = _partial(path, str(os.getpid()))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_orphans(path)
        yield partial
        partial.replace(path)
    except (OSError, RuntimeError) as error:
        if _disk_is_full(error, path.parent):
            raise FerflowError(path, "the disk is full", "free some space and run again") from error
        if getattr(error, "errno", None) in (errno.EACCES, errno.EROFS, errno.EPERM):
            raise FerflowError(path, "cannot be written", "check the folder's permissions") from error
        raise
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def _partial(path: Path, process: str) -> Path:
    # The host's name, since a cluster's nodes share folders and number their processes alike.
    return path.with_name(f".{path.stem}.{socket.gethostname()}-{process}.part{path.suffix}")


def _remove_orphans(path: Path) -> None:
    """Remove what processes of this machine that are no more have left half-written of `path`."""
    begin, end = _partial(path, "*").name.split("*")
    for orphan in path.parent.glob(f".{escape(path.stem)}.*.part{escape(path.suffix)}"):
        process = orphan.name.removeprefix(begin).removesuffix(end)
        if process.isdigit() and not _writes(int(process), orphan):
            orphan.unlink(missing_ok=True)


def _writes(process: int, partial: Path) -> bool:
    """Whether `process` can be the one that writes `partial`: it lives, and began before the file did."""
    import psutil

    try:
        # A killed process is a zombie until its parent asks for it, and its number may be another's by now.
        found = psutil.Process(process)
        began = found.create_time() <= partial.stat().st_mtime + CLOCKS
        return began and found.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, FileNotFoundError):
        return False


def _disk_is_full(error: OSError | RuntimeError, folder: Path) -> bool:
    """Whether `error` came of a full disk; HDF5 only spells the reason out, and torch gives none."""
    if getattr(error, "errno", None) == errno.ENOSPC:
        return True
    spelled = "No space left" in str(error) or f"errno = {errno.ENOSPC}" in str(error)
    return spelled or (folder.exists() and shutil.disk_usage(folder).free < FULL)


def write_text(path: str | Path, text: str) -> None:
    """Write `text` (UTF-8) to `path`, whole or not at all."""
    with atomic_write(path) as partial:
        partial.write_text(text, encoding="utf-8")


def read_json(path: str | Path) -> Any:
    """The content of the JSON file at `path`. ValueError, in one line, where it is none.

    Raises FileNotFoundError and other OSErrors as they come.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def read_record(path: str | Path, entries: Mapping[str, type], remedy: str) -> dict[str, Any]:
    """The JSON object at `path`, which has at least `entries` (name: type; float takes whole numbers too).

    Raises InputError, with `remedy`, for a missing or damaged file and for one without such an entry.
    """
    try:
        content = read_json(path)
        if not isinstance(content, dict):
            raise ValueError("no object")
        for name, kind in entries.items():
            if name not in content:
                raise ValueError(f"without {name}")
            value = content[name]
            fits = isinstance(value, int | float if kind is float else kind) and not isinstance(value, bool)
            if not fits or (kind is float and not math.isfinite(value)):
                raise ValueError(f"{name} is {value!r:.40}, no {kind.__name__}")
    except FileNotFoundError:
        raise InputError(path, "does not exist", remedy) from None
    except (OSError, ValueError, OverflowError) as error:
        raise InputError(path, f"cannot be used ({error})", remedy) from None
    return content


def sha256(path: str | Path) -> str:
    """SHA-256 of a file's bytes as 64 hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
