"""What the workflow's jobs have written, so that a file which was cut off or changed in place is found.

A table that lost its last rows is a table still, and nothing in it says so. When a job ends, a note of each
of its files is kept: the place on the disk (device and inode), the size and the hash. Whoever reads the file
compares. A file that was put in its place as a whole, by a copy, by DVC or by an editor, lies elsewhere on
the disk, and nothing is said of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from ferflow import layout
from ferflow.errors import InputError
from ferflow.files import sha256, write_text

CHECKED_WITHIN = (".h5",)
"""Endings of files with checksums of their own (`ferflow.hdf5`), maybe large ones: their size counts."""


def note(paths: Iterable[str | Path]) -> None:
    """Keep what each of `paths` is now. Folders and files that are not there are passed over."""
    for path in map(Path, paths):
        if path.is_file():
            write_text(_note_of(path), json.dumps(_facts(path)) + "\n")


def forget(paths: Iterable[str | Path]) -> None:
    """Drop the notes of `paths`, which are about to be written anew."""
    for path in paths:
        _note_of(path).unlink(missing_ok=True)


def is_noted(path: str | Path) -> bool:
    """Whether a job of the workflow has written `path`, so that it can be made again."""
    return _note_of(path).is_file()


def refuse_changed(paths: Iterable[str | Path]) -> None:
    """Raise InputError for the first of `paths` that has changed in place since it was noted."""
    for path in map(Path, paths):
        noted = _noted(path)
        if noted is None or not path.is_file() or _place(path) != (noted["device"], noted["inode"]):
            continue
        if _facts(path) != noted:
            problem = "was cut off or changed in place after the job that wrote it had ended"
            raise InputError(path, problem, "make it again")


def _note_of(path: str | Path) -> Path:
    digest = hashlib.sha256(str(Path(path)).encode()).hexdigest()
    return Path(layout.INTEGRITY_NOTES.format(digest=digest[:32]))


def _noted(path: Path) -> dict | None:
    try:
        noted = json.loads(_note_of(path).read_text(encoding="utf-8"))
        return noted if {"device", "inode", "size", "sha256"} <= set(noted) else None
    except (OSError, ValueError, TypeError):
        return None  # no note is no reason to refuse a file


def _place(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def _facts(path: Path) -> dict:
    device, inode = _place(path)
    digest = "" if path.suffix in CHECKED_WITHIN else sha256(path)
    return {
        "path": str(path),
        "device": device,
        "inode": inode,
        "size": path.stat().st_size,
        "sha256": digest,
    }
