"""Two tables, cell by cell: as CSV, and as the Markdown, LaTeX and HTML that are written from it."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from ferflow.errors import InputError

CLOSE = 1e-9
"""Relative difference up to which two numbers are the same but for rounding on another machine."""
_HTML_CELL = re.compile(r"(?=<t[dhr][ >])")


@dataclass(frozen=True)
class Difference:
    """A cell that is not the same: where it stands, what is there, and what follows from the predictions."""

    where: str
    there: str
    follows: str

    @property
    def rounding(self) -> bool:
        """Whether both are numbers that agree to CLOSE."""
        try:
            a, b = float(self.there), float(self.follows)
        except ValueError:
            return False
        return math.isclose(a, b, rel_tol=CLOSE, abs_tol=CLOSE * CLOSE)

    def __str__(self) -> str:
        return f"{self.where}: {_short(self.there)} there, {_short(self.follows)} follows"


def _short(text: str) -> str:
    text = " ".join(text.split())
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


def differences(there: Path, follows: Path) -> tuple[list[Difference], int]:
    """The cells in which the file `there` is not `follows`, and how many cells were compared.

    Raises InputError for a file that is not text.
    """
    a, b = _cells(there), _cells(follows)
    heads = b[0] if there.suffix == ".csv" and a and b else []
    found = []
    for line, (left, right) in enumerate(zip_longest(a, b, fillvalue=[]), 1):
        for place, (x, y) in enumerate(zip_longest(left, right, fillvalue="")):
            if x != y:
                column = heads[place] if place < len(heads) else place + 1
                found.append(Difference(f"line {line}, {'column' if heads else 'cell'} {column}", x, y))
    return found, sum(map(len, b))


def _cells(path: Path) -> list[list[str]]:
    """The cells of each line of a text file, by the separators of its kind."""
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".csv":
            return list(csv.reader(io.StringIO(text)))
        if path.suffix == ".json":
            return [[name, value] for name, value in _flat(json.loads(text))]
    except (OSError, ValueError, csv.Error, RecursionError) as error:
        raise InputError(path, f"is not a readable table ({error})", "take the bundle again") from None
    split = {".md": "|", ".tex": " & "}.get(path.suffix)
    if split is None:
        return [_HTML_CELL.split(line) for line in text.split("\n")]
    return [line.split(split) for line in text.split("\n")]


def _flat(value: object, where: str = "") -> list[tuple[str, str]]:
    """The leaves of a JSON value with their places."""
    if isinstance(value, dict):
        return [leaf for key, one in value.items() for leaf in _flat(one, f"{where}.{key}".lstrip("."))]
    if isinstance(value, list):
        return [leaf for n, one in enumerate(value) for leaf in _flat(one, f"{where}[{n}]")]
    return [(where, json.dumps(value))]
