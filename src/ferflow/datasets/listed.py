"""Any other clips: a table that the user writes."""

from __future__ import annotations

import difflib
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path, PurePath
from sys import intern

import pandas as pd

from ferflow import classes, tables
from ferflow.datasets.manifest import ListedClip, refuse_repeats
from ferflow.errors import InputError
from ferflow.faces.video import IMAGE_SUFFIXES

NAME = r"(?!\.+$)[A-Za-z0-9._+-]+"
"""Of a clip or a subject: files are called so."""

LONGEST = 4000
"""Characters of a path: about what Linux takes."""
MANY = 16
"""Listed files of one folder from which on the folder is listed."""
NOTHING: dict[str, str] = {}
"""Further columns of a table that has none."""


def inside(root: Path, source: str, table: str | Path) -> Path:
    """The path of `source`, which `table` lists, in the folder `root`; InputError where it leads out of it.

    What the names say counts, not where symbolic links lead: large data sets are often linked from elsewhere.
    """
    path = PurePath(source)
    if path.is_absolute() or ".." in path.parts or "\0" in source or len(source) > LONGEST:
        problem = f"lists {source!r:.200}, which is not inside {root}"
        raise InputError(table, problem, "give paths inside the folder")
    return root / path


def find(table: str | Path, root: str | Path, emotions: tuple[str, ...]) -> list[ListedClip]:
    """List the clips of a user's table (schema `clips`); `source` is relative to `root`.

    `sex`, `split` and `fold` may be left out; further columns go along as text. A class may be written in
    another case than the study's, but in one way throughout. Raises InputError, naming the lines, for a wrong
    column, a name that cannot be a file's, a clip listed twice, one name in two spellings, a subject of two
    sexes, a class that the study does not have, a folder or file that is not there, no clip, and single
    images alone.
    """
    frame = tables.read(table, "clips")
    if frame.empty:
        raise InputError(table, "lists no clip", "write a line for each")
    if not Path(root).is_dir():
        raise InputError(root, "is no folder", f"name the folder (root) in which the sources of {table} lie")
    frame = frame.apply(lambda column: column.str.strip())
    _refuse_columns(table, frame.columns)
    for column in ("clip_id", "subject_id"):
        _refuse_names(table, frame[column])
    refuse_repeats(table, frame)
    for column in ("subject_id", "emotion"):
        _refuse_spellings(table, frame[column])
    if "sex" in frame:
        _refuse_two(table, frame, "sex")
    further = [column for column in frame.columns if column not in tables.schema("clips").names]
    cells = {column: frame[column].tolist() for column in frame}
    places = _Places(Path(root), table, cells["source"])
    known: dict[str, str] = {}
    clips = []
    for place, written in enumerate(cells["emotion"]):
        number = place + tables.FIRST_LINE
        source, there = places.find(cells["source"][place])
        if not there:
            problem = f"does not exist, but {table} lists it (line {number})"
            raise InputError(source, problem, "correct the path or the table")
        if written not in known:
            known[written] = _class(table, number, written, emotions)
        clips.append(
            ListedClip(
                cells["clip_id"][place],
                intern(cells["subject_id"][place]),
                intern(cells["sex"][place]) if "sex" in cells else "",
                known[written],
                source,
                cells["split"][place] if "split" in cells else "",
                cells["fold"][place] if "fold" in cells else "",
                {column: cells[column][place] for column in further} if further else NOTHING,
            )
        )
    if clips and all(clip.source.suffix.lower() in IMAGE_SUFFIXES for clip in clips):
        problem = f"lists {len(clips)} single images and no clip: nothing moves in them"
        raise InputError(table, problem, "list videos, or folders with the frames of a clip")
    return clips


class _Places:
    """Where `sources` lie in `root`, and whether they are there: by a listing of each folder that has MANY.

    A question for each of some hundred thousand files takes a network's file system minutes.
    """

    def __init__(self, root: Path, table: str | Path, sources: Iterable[str]) -> None:
        self.root, self.table = root, table
        self._folders: dict[str, tuple[Path, set[str]]] = {}
        self._counts = Counter(source.rpartition("/")[0] for source in sources)

    def find(self, source: str) -> tuple[Path, bool]:
        """The path of a source, and whether something is there; InputError as `inside`."""
        folder, _, name = source.rpartition("/")
        if name in ("", ".", "..") or "\0" in name or len(source) > LONGEST:
            path = inside(self.root, source, self.table)
            return path, path.exists()
        if folder not in self._folders:
            parent = inside(self.root, source, self.table).parent
            self._folders[folder] = parent, _files_in(parent) if self._counts[folder] >= MANY else set()
        parent, names = self._folders[folder]
        path = parent / name
        return path, name in names or path.exists()


def _files_in(folder: Path) -> set[str]:
    """The names in a folder but for links, which may lead nowhere; none where it cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries if not entry.is_symlink()}
    except OSError:
        return set()


def _refuse_columns(table: str | Path, columns: Iterable[str]) -> None:
    """Columns that the manifest fills in itself, and one without a name (pandas calls it Unnamed)."""
    filled_in = set(tables.schema("manifest").names) - set(tables.schema("clips").names)
    for column in columns:
        if column in filled_in:
            problem = f"has the column {column}, a name that the manifest uses itself"
            raise InputError(table, problem, "rename it or leave it out")
        if not column.strip() or column.startswith("Unnamed: "):
            remedy = "name it, or take out the comma at the end"
            raise InputError(table, "has a column without a name", remedy)


def _refuse_names(table: str | Path, names: pd.Series) -> None:
    wrong = ~names.str.fullmatch(NAME)
    if wrong.any():
        number = int(wrong.to_numpy().argmax())
        problem = f"{names.name}, line {number + tables.FIRST_LINE}: {names.iloc[number]!r} is no name"
        raise InputError(table, problem, "use letters, digits and . _ + - alone: files are called after it")


def _refuse_spellings(table: str | Path, names: pd.Series) -> None:
    """One name written in two ways, in upper and lower case or with more spaces."""
    seen: dict[str, tuple[str, int]] = {}
    for place, name in names.drop_duplicates().items():
        number = place + tables.FIRST_LINE
        first, line = seen.setdefault(" ".join(classes.key(name).split()), (name, number))
        if first != name:
            problem = f"{names.name}: {name!r} (line {number}) and {first!r} (line {line}) differ in spelling"
            raise InputError(table, problem, "write one name in one way")


def _refuse_two(table: str | Path, frame: pd.DataFrame, column: str) -> None:
    """A subject with two values of `column`."""
    seen: dict[str, tuple[str, int]] = {}
    for place, subject, value in frame[["subject_id", column]].drop_duplicates().itertuples():
        number = place + tables.FIRST_LINE
        first, line = seen.setdefault(subject, (value, number))
        if first != value:
            values = f"{first or 'nothing'} (line {line}) and {value or 'nothing'} (line {number})"
            problem = f"subject {subject} has two values of {column}: {values}"
            raise InputError(table, problem, "correct one of them, or give them different names")


def _class(table: str | Path, line: int, written: str, emotions: tuple[str, ...]) -> str:
    """The study's name of a class that may be written in another case, or in another common word."""
    emotion = classes.match(written, emotions)
    if emotion is None:
        near = difflib.get_close_matches(written, emotions, 1)
        hint = f"did you mean {near[0]}?" if near else f"they are {', '.join(emotions)}"
        problem = f"emotion, line {line}: {written!r} is no class of the study"
        raise InputError(table, problem, f"{hint}; `emotions` lists them")
    return emotion
