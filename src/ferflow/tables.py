"""CSV tables, each declared in `ferflow.schemas` and checked when it is read and when it is written.

A row has the declared columns in their order; columns that differ from study to study, a score for each of
its classes say, are declared by a pattern. A row of a run that failed names the run, says why in its note,
and has no numbers: people see it, and what computes with tables does not. Columns are checked as a whole,
since tables of AUs have tens of thousands of rows.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ferflow.errors import InputError
from ferflow.files import atomic_write
from ferflow.schemas import Column, Table, schema
from ferflow.schemas.shared import FAILED, NOT_RUN

__all__ = ["add_failed", "column_order", "from_rows", "read", "schema", "slices", "write", "write_slices"]

UNREADABLE = (ValueError, OSError, EOFError, OverflowError, zlib.error)
"""What pandas raises of a file that is no CSV: its own errors are ValueErrors, as is a wrong encoding."""


FIRST_LINE = 2
"""The line of a table's first row; the header is line 1."""
RAGGED = re.compile(r"Expected (\d+) fields in line (\d+), saw (\d+)")
"""What pandas says of a row that is longer than the first one."""
SLICE = 20_000
"""Rows that are in memory at a time of a table of hundreds of thousands."""
OTHER_MARKS = {";": "semicolons", "\t": "tabs"}
"""What spreadsheets put between columns in place of a comma."""
GREATEST = 2**53
"""Whole numbers beyond it are not kept exactly."""


def read(path: str | Path, name: str, failed: bool = False) -> pd.DataFrame:
    """Read the CSV at `path` and check it against the table `name` of `ferflow.schemas`.

    The rows of runs that failed, which are not checked, are left out but where `failed` asks for them. Raises
    InputError naming the column, the line and the rule that is broken.
    """
    path = Path(path)
    try:
        # Everything is read as text first, so that an identifier such as 007 stays what it is.
        text = pd.read_csv(path, dtype=str, keep_default_na=False, skipinitialspace=True, encoding="utf-8")
        _refuse_ragged(path, text)
    except FileNotFoundError:
        raise InputError(path, "does not exist", "run the step that makes it, or correct the path") from None
    except UNREADABLE as error:
        raise _unreadable(path, error) from None
    table = schema(name)
    of_failed = _of_failed(text, table)
    if not of_failed.any():
        return _parsed(path, text, table)
    parsed = _parsed(path, text[~of_failed].reset_index(drop=True), table).set_axis(text.index[~of_failed])
    if not failed:
        return parsed.reset_index(drop=True)
    kinds = {c: table.column(c).type for c in text}
    nothing = {"integer": pd.array([pd.NA] * of_failed.sum(), "Int64"), "number": np.nan, "boolean": None}
    empty = {c: nothing[kind] for c, kind in kinds.items() if kind in nothing}
    parsed = parsed.astype({c: "Int64" for c, kind in kinds.items() if kind == "integer"})
    return pd.concat([parsed, text[of_failed].assign(**empty)]).sort_index()[list(text)]


def _of_failed(text: pd.DataFrame, table: Table) -> pd.Series:
    """Which rows, as text, are of runs that failed: their note says so, and numbers are empty."""
    if "note" not in text:
        return pd.Series(False, index=text.index)
    noted = text["note"].str.match(f"{FAILED}|{NOT_RUN}.* failed")
    columns = [table.column(name) for name in text]
    needed = [column.name for column in columns if column.type != "string" and not column.empty]
    return noted & (text[needed] == "").any(axis=1) if noted.any() else noted


def add_failed(path: str | Path, name: str, rows: Iterable[Mapping[str, str]]) -> None:
    """Add rows of runs that failed to the table `name` at `path`, each with its `note`.

    A row stands behind the last one with the same text in its first column, where there is one.
    """
    text = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    made, first = text.to_dict("records"), text.columns[0]
    for row in rows:
        same = [place for place, other in enumerate(made) if row.get(first) == other[first]]
        made.insert(same[-1] + 1 if same else len(made), row)
    columns = column_order(dict.fromkeys([*text, "note"]), name)
    with atomic_write(path) as partial:
        pd.DataFrame(made).reindex(columns=columns).fillna("").to_csv(
            partial, index=False, lineterminator="\n"
        )


def write(frame: pd.DataFrame, path: str | Path, name: str) -> None:
    """Check `frame` against the table `name` and write it to `path`, columns in the declared order."""
    made = _checked(frame.reset_index(drop=True), path, name)
    with atomic_write(path) as partial:
        made.to_csv(partial, index=False, lineterminator="\n")


def from_rows(rows: pd.DataFrame | Sequence[Mapping[str, object]], name: str) -> pd.DataFrame:
    """`rows` as the table `name`: its columns in their order, those that no row has empty.

    Whole numbers of which some may be missing are Int64, numbers that are all missing NaN.
    """
    table = schema(name)
    frame = pd.DataFrame(rows).reindex(columns=table.names)
    columns = [table.column(name) for name in table.names]
    kinds = {c.name: "Int64" for c in columns if c.type == "integer" and c.empty}
    kinds |= {c.name: float for c in columns if c.type == "number" and frame[c.name].dtype == object}
    return frame.astype(kinds)


def slices(path: str | Path, name: str, rows: int) -> Iterator[pd.DataFrame]:
    """The CSV at `path` as `read` gives it, `rows` rows at a time: for tables of hundreds of thousands.

    Raises InputError as `read`, when it comes to the slice where the fault is.
    """
    path = Path(path)
    try:
        with pd.read_csv(
            path, dtype=str, keep_default_na=False, skipinitialspace=True, encoding="utf-8", chunksize=rows
        ) as texts:
            for text in texts:
                _refuse_ragged(path, text)
                yield _parsed(path, text, schema(name))
    except FileNotFoundError:
        raise InputError(path, "does not exist", "run the step that makes it, or correct the path") from None
    except UNREADABLE as error:
        raise _unreadable(path, error) from None


def rows_of(path: str | Path, name: str, column: str, values: Iterable[str]) -> pd.DataFrame:
    """The rows of the CSV at `path` whose `column` is one of `values`, read in slices; raises as `read`."""
    wanted = set(values)
    parts = [rows[rows[column].isin(wanted)] for rows in slices(path, name, SLICE)]
    return pd.concat(parts, ignore_index=True)


def _unreadable(path: str | Path, error: Exception) -> InputError:
    ragged = RAGGED.search(str(error))
    if ragged:
        problem = f"line {ragged[2]} has {ragged[3]} cells, the lines before it {ragged[1]}"
        return InputError(path, problem, "put a cell that holds a comma in quotes")
    return InputError(path, f"is not a readable CSV table ({error})", "write it as UTF-8 CSV")


def write_slices(frames: Iterable[pd.DataFrame], path: str | Path, name: str) -> None:
    """Check each of `frames` against the table `name` and write them to `path`, one behind the other."""
    with atomic_write(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        for number, frame in enumerate(frames):
            made = _checked(frame, path, name)
            made.to_csv(file, index=False, lineterminator="\n", header=number == 0)


def _checked(frame: pd.DataFrame, path: str | Path, name: str) -> pd.DataFrame:
    table = schema(name)
    _check_columns(path, list(frame.columns), table)
    frame = frame[column_order(frame.columns, name)]
    for column in frame.columns:
        _check_values(path, frame[column], table.column(column))
    return frame


def _parsed(path: Path, text: pd.DataFrame, table: Table) -> pd.DataFrame:
    _check_columns(path, list(text.columns), table)
    return pd.DataFrame({c: _parse(path, text[c], table.column(c)) for c in text.columns})


def column_order(columns: Iterable[str], name: str) -> list[str]:
    """`columns` in the order of the table `name`; those that it does not declare keep theirs, at the end."""
    declared = list(schema(name).columns)
    places = {column: schema(name).find(column) for column in columns}
    known = [column for column, place in places.items() if place]
    further = [column for column, place in places.items() if not place]
    return sorted(known, key=lambda column: declared.index(places[column])) + further


def _refuse_ragged(path: str | Path, text: pd.DataFrame) -> None:
    """Refuse rows that are longer than the header: pandas takes their first cells for an index."""
    if not isinstance(text.index, pd.RangeIndex):
        problem = f"has rows of more than {text.shape[1]} cells, as many as its header"
        raise InputError(path, problem, "copy it again, or make it again")


def _check_columns(path: str | Path, columns: list[str], table: Table) -> None:
    missing = [c for c in table.required if c not in columns]
    if missing:
        other = next((name for mark, name in OTHER_MARKS.items() if mark in "".join(columns)), None)
        if len(columns) == 1 and other:
            raise InputError(path, f"separates its columns by {other}", "separate them by commas")
        raise InputError(path, f"lacks the column {', '.join(missing)}", f"it has {', '.join(columns)}")
    extra = [c for c in columns if not table.find(c)]
    if extra and not table.further:
        known = ", ".join([*table.names, *table.patterns])
        raise InputError(path, f"has the unknown column {', '.join(extra)}", f"the columns are {known}")


def _parse(path: Path, cells: pd.Series, column: Column) -> pd.Series:
    empty = cells == ""
    if empty.any() and not column.empty and column.type != "string":
        raise InputError(path, f"column {cells.name}, line {_line(empty)}: is empty", "fill it in")
    if column.type == "boolean":
        lowered = cells.str.lower()
        _refuse(path, cells, ~lowered.isin(["true", "false", "1", "0"]) & ~empty, "is not true or false")
        return lowered.isin(["true", "1"])
    if column.is_number:
        numbers = pd.to_numeric(cells.mask(empty), errors="coerce")
        _refuse(path, cells, ~np.isfinite(numbers) & ~empty, "is not a number")
        if column.type == "integer" and not empty.any():
            if numbers.dtype != np.int64:  # that holds it exactly
                bad = (numbers % 1 != 0) | (numbers.abs() > GREATEST)
                _refuse(path, cells, bad, "is not a whole number")
            numbers = numbers.astype(np.int64)
        cells = numbers
    _check_values(path, cells, column)
    return cells


def _check_values(path: str | Path, cells: pd.Series, column: Column) -> None:
    present = cells.notna()
    if not column.empty:
        _refuse(path, cells, ~present, "is empty")
    if column.values:
        allowed = ", ".join(value or "empty" for value in column.values)
        _refuse(path, cells, present & ~cells.isin(column.values), f"is not one of {allowed}")
    if column.pattern:
        matches = cells.astype(str).str.fullmatch(column.pattern)
        _refuse(path, cells, present & ~matches, f"does not match {column.pattern}")
    if column.low is not None:
        _refuse(path, cells, present & (cells < column.low), f"is below {column.low}")
    if column.high is not None:
        _refuse(path, cells, present & (cells > column.high), f"is above {column.high}")


def _refuse(path: str | Path, cells: pd.Series, bad: pd.Series, problem: str) -> None:
    if bad.any():
        value = cells[bad].iloc[0]
        raise InputError(
            path, f"column {cells.name}, line {_line(bad)}: {value!r} {problem}", "correct the table"
        )


def _line(bad: pd.Series) -> int:
    """The first bad row's line in the file; the header is line 1."""
    # What is read, whole or in slices, counts its rows on; a frame that is written may have any index.
    first = bad.index.start if isinstance(bad.index, pd.RangeIndex) and bad.index.step == 1 else 0
    return first + int(np.flatnonzero(bad.to_numpy())[0]) + FIRST_LINE
