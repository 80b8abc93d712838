"""CSV tables with a JSON schema each, checked when read and when written.

A schema in `ferflow/schemas/` describes one row: `properties` in the order of the columns, `required`, and
`additionalProperties`. Columns that differ from study to study, a score for each of its classes say, are
`patternProperties`: `p_(.+)`, whose `x-after` is the column behind which they stand. Columns are checked as a
whole, since tables of AUs have tens of thousands of rows.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files as resources
from pathlib import Path

import numpy as np
import pandas as pd

from ferflow.errors import InputError
from ferflow.files import whole

UNREADABLE = (ValueError, OSError, EOFError, OverflowError, zlib.error)
"""What pandas raises of a file that is no CSV: its own errors are ValueErrors, as is a wrong encoding."""


FIRST_LINE = 2
"""The line of a table's first row; the header is line 1."""
RAGGED = re.compile(r"Expected (\d+) fields in line (\d+), saw (\d+)")
"""What pandas says of a row that is longer than the first one."""
OTHER_MARKS = {";": "semicolons", "\t": "tabs"}
"""What spreadsheets put between columns in place of a comma."""
GREATEST = 2**53
"""Whole numbers beyond it are not kept exactly."""


@cache
def schema(name: str) -> dict:
    """The row schema `name`, e.g. `manifest`, `aus`, `trim`, `predictions`."""
    return json.loads((resources("ferflow") / "schemas" / f"{name}.json").read_text(encoding="utf-8"))


def read(path: str | Path, name: str) -> pd.DataFrame:
    """Read the CSV at `path` and check it against schema `name`.

    Raises InputError naming the column, the line and the rule that is broken.
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
    _check_columns(path, list(text.columns), schema(name))
    return pd.DataFrame({c: _parse(path, text[c], _rule(schema(name), c)) for c in text.columns})


def write(frame: pd.DataFrame, path: str | Path, name: str) -> None:
    """Check `frame` against schema `name` and write it to `path`, columns in the schema's order."""
    made = _checked(frame.reset_index(drop=True), path, name)
    with whole(path) as partial:
        made.to_csv(partial, index=False, lineterminator="\n")


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
                _check_columns(path, list(text.columns), schema(name))
                yield pd.DataFrame({c: _parse(path, text[c], _rule(schema(name), c)) for c in text.columns})
    except FileNotFoundError:
        raise InputError(path, "does not exist", "run the step that makes it, or correct the path") from None
    except UNREADABLE as error:
        raise _unreadable(path, error) from None


def _unreadable(path: str | Path, error: Exception) -> InputError:
    ragged = RAGGED.search(str(error))
    if ragged:
        problem = f"line {ragged[2]} has {ragged[3]} cells, the lines before it {ragged[1]}"
        return InputError(path, problem, "put a cell that holds a comma in quotes")
    return InputError(path, f"is not a readable CSV table ({error})", "write it as UTF-8 CSV")


def write_slices(frames: Iterable[pd.DataFrame], path: str | Path, name: str) -> None:
    """Check each of `frames` against schema `name` and write them to `path`, one behind the other."""
    with whole(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        for number, frame in enumerate(frames):
            made = _checked(frame, path, name)
            made.to_csv(file, index=False, lineterminator="\n", header=number == 0)


def _checked(frame: pd.DataFrame, path: str | Path, name: str) -> pd.DataFrame:
    _check_columns(path, list(frame.columns), schema(name))
    frame = frame[in_order(frame.columns, name)]
    for column in frame.columns:
        _check_values(path, frame[column], _rule(schema(name), column))
    return frame


def in_order(columns: Iterable[str], name: str) -> list[str]:
    """`columns` in the order of schema `name`; those that it does not list keep theirs."""
    row, rest = schema(name), list(columns)
    found = []
    for column in row["properties"]:
        found += [column] if column in rest else []
        for pattern, rule in row.get("patternProperties", {}).items():
            if rule["x-after"] == column:
                found += [c for c in rest if _named(row, c) == pattern]
    return found + [c for c in rest if c not in found]


def rule(name: str, column: str) -> dict:
    """What schema `name` says of `column`; a column by pattern is titled by what the pattern leaves open."""
    row = schema(name)
    pattern = _named(row, column)
    if pattern is None:
        return _rule(row, column)
    return {"title": re.fullmatch(pattern, column)[1], **row["patternProperties"][pattern]}


def _refuse_ragged(path: str | Path, text: pd.DataFrame) -> None:
    """Refuse rows that are longer than the header: pandas takes their first cells for an index."""
    if not isinstance(text.index, pd.RangeIndex):
        problem = f"has rows of more than {text.shape[1]} cells, as many as its header"
        raise InputError(path, problem, "copy it again, or make it again")


def _named(row: dict, column: str) -> str | None:
    """The pattern that names `column`, which the schema does not list itself; None where none does."""
    if column in row["properties"]:
        return None
    patterns = row.get("patternProperties", {})
    return next((pattern for pattern in patterns if re.fullmatch(pattern, column)), None)


def _rule(row: dict, column: str) -> dict:
    pattern = _named(row, column)
    if pattern is not None:
        return row["patternProperties"][pattern]
    return row["properties"].get(column, row.get("additionalProperties") or {})


def _types(rule: dict) -> list[str]:
    kind = rule.get("type", "string")
    return kind if isinstance(kind, list) else [kind]


def _check_columns(path: str | Path, columns: list[str], row: dict) -> None:
    missing = [c for c in row["required"] if c not in columns]
    if missing:
        other = next((name for mark, name in OTHER_MARKS.items() if mark in "".join(columns)), None)
        if len(columns) == 1 and other:
            raise InputError(path, f"separates its columns by {other}", "separate them by commas")
        raise InputError(path, f"lacks the column {', '.join(missing)}", f"it has {', '.join(columns)}")
    if row.get("additionalProperties", False) is False:
        extra = [c for c in columns if c not in row["properties"] and _named(row, c) is None]
        if extra:
            known = ", ".join([*row["properties"], *row.get("patternProperties", {})])
            raise InputError(path, f"has the unknown column {', '.join(extra)}", f"the columns are {known}")


def _parse(path: Path, column: pd.Series, rule: dict) -> pd.Series:
    kinds = _types(rule)
    empty = column == ""
    if empty.any() and "null" not in kinds and "string" not in kinds:
        raise InputError(path, f"column {column.name}, line {_line(empty)}: is empty", "fill it in")
    if "boolean" in kinds:
        lowered = column.str.lower()
        _refuse(path, column, ~lowered.isin(["true", "false", "1", "0"]) & ~empty, "is not true or false")
        return lowered.isin(["true", "1"])
    if "integer" in kinds or "number" in kinds:
        numbers = pd.to_numeric(column.mask(empty), errors="coerce")
        _refuse(path, column, ~np.isfinite(numbers) & ~empty, "is not a number")
        if "integer" in kinds and not empty.any():
            if numbers.dtype != np.int64:  # that holds it exactly
                bad = (numbers % 1 != 0) | (numbers.abs() > GREATEST)
                _refuse(path, column, bad, "is not a whole number")
            numbers = numbers.astype(np.int64)
        column = numbers
    _check_values(path, column, rule)
    return column


def _check_values(path: str | Path, column: pd.Series, rule: dict) -> None:
    kinds = _types(rule)
    present = column.notna()
    if "null" not in kinds:
        _refuse(path, column, ~present, "is empty")
    if "enum" in rule:
        allowed = ", ".join(str(v) or "empty" for v in rule["enum"])
        _refuse(path, column, present & ~column.isin(rule["enum"]), f"is not one of {allowed}")
    if "pattern" in rule:
        matches = column.astype(str).str.fullmatch(rule["pattern"])
        _refuse(path, column, present & ~matches, f"does not match {rule['pattern']}")
    if "minimum" in rule:
        _refuse(path, column, present & (column < rule["minimum"]), f"is below {rule['minimum']}")
    if "maximum" in rule:
        _refuse(path, column, present & (column > rule["maximum"]), f"is above {rule['maximum']}")


def _refuse(path: str | Path, column: pd.Series, bad: pd.Series, problem: str) -> None:
    if bad.any():
        value = column[bad].iloc[0]
        raise InputError(
            path, f"column {column.name}, line {_line(bad)}: {value!r} {problem}", "correct the table"
        )


def _line(bad: pd.Series) -> int:
    """The first bad row's line in the file; the header is line 1."""
    # What is read, whole or in slices, counts its rows on; a frame that is written may have any index.
    first = bad.index.start if isinstance(bad.index, pd.RangeIndex) and bad.index.step == 1 else 0
    return first + int(np.flatnonzero(bad.to_numpy())[0]) + FIRST_LINE
