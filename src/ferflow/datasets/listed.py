"""Any other clips: a table that the user writes."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path, PurePath

import pandas as pd

from ferflow import classes, tables
from ferflow.datasets.manifest import ListedClip, refuse_repeats
from ferflow.errors import InputError
from ferflow.faces.video import IMAGE_SUFFIXES

NAME = r"(?!\.+$)[A-Za-z0-9._+-]+"
"""Of a clip or a subject: files are called so."""

LONGEST = 4000
"""Characters of a path: about what Linux takes."""


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
    clips = []
    for number, row in enumerate(frame.to_dict("records"), tables.FIRST_LINE):
        source = inside(Path(root), row["source"], table)
        if not source.exists():
            problem = f"does not exist, but {table} lists it (line {number})"
            raise InputError(source, problem, "correct the path or the table")
        clips.append(
            ListedClip(
                row["clip_id"],
                row["subject_id"],
                row.get("sex", ""),
                _class(table, number, row["emotion"], emotions),
                source,
                row.get("split", ""),
                row.get("fold", ""),
                {column: row[column] for column in further},
            )
        )
    if clips and all(clip.source.suffix.lower() in IMAGE_SUFFIXES for clip in clips):
        problem = f"lists {len(clips)} single images and no clip: nothing moves in them"
        raise InputError(table, problem, "list videos, or folders with the frames of a clip")
    return clips


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
    for number, name in enumerate(names, tables.FIRST_LINE):
        first, line = seen.setdefault(" ".join(classes.key(name).split()), (name, number))
        if first != name:
            problem = f"{names.name}: {name!r} (line {number}) and {first!r} (line {line}) differ in spelling"
            raise InputError(table, problem, "write one name in one way")


def _refuse_two(table: str | Path, frame: pd.DataFrame, column: str) -> None:
    """A subject with two values of `column`."""
    seen: dict[str, tuple[str, int]] = {}
    for number, (subject, value) in enumerate(
        zip(frame["subject_id"], frame[column], strict=True), tables.FIRST_LINE
    ):
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
