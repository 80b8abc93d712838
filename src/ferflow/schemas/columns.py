"""What a table is: columns in their order, each with its type, its bounds and how a reader sees it.

Nothing here needs pandas; `ferflow.tables` reads, writes and checks by it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

PERCENT = "percent"
"""The format of shares (0–1) that readers see in percent, with one decimal."""
POINTS = "+.1f"
"""The format of differences in percentage points."""
UNITS = {PERCENT: " (%)", POINTS: " (points)"}
"""What the title of an interval's ends says of their format."""


@dataclass(frozen=True)
class Column:
    """A column, or, where `name` begins with `^`, all columns whose names match it: `^p_(.+)$`.

    `type` is one of JSON's: string, integer, number, boolean. A cell lies between `low` and `high`, is one of
    `values`, and matches `pattern` as a whole. `empty` allows empty cells, `optional` that the column is
    missing.

    Readers see `title` in the heading (of columns by pattern what its group leaves open), numbers in `format`
    (Python's, or PERCENT), `missing` where a cell is empty, and names with the labels of the column `labels`.
    `about` says what the title does not.
    """

    name: str
    type: str
    title: str
    low: float | None = None
    high: float | None = None
    values: Sequence[str] | None = None
    pattern: str | None = None
    empty: bool = False
    optional: bool = False
    format: str | None = None
    missing: str | None = None
    labels: str | None = None
    about: str | None = None

    @property
    def by_pattern(self) -> bool:
        """Whether it stands for all columns of matching names."""
        return self.name.startswith("^")

    @property
    def is_number(self) -> bool:
        """Whether it holds whole or other numbers."""
        return self.type in ("integer", "number")

    def but(self, **changes: Any) -> Column:
        """The same column with other fields, its title say."""
        return replace(self, **changes)

    def named(self, name: str) -> Column:
        """The column `name` that this one describes, by pattern or as one of the further ones."""
        found = re.fullmatch(self.name, name) if self.by_pattern else None
        return replace(self, name=name, title=found[1] if found else _title(name))

    def json_schema(self) -> dict[str, Any]:
        """What JSON Schema says of a cell; what only readers need is under `x-`."""
        schema = {
            "type": [self.type, "null"] if self.empty else self.type,
            "title": None if self.by_pattern else self.title or None,
            "description": self.about,
            "enum": self.values and list(self.values),
            "pattern": self.pattern and f"^(?:{self.pattern})$",  # there, a part that matches suffices
            "minimum": self.low,
            "maximum": self.high,
            "x-format": self.format,
            "x-missing": self.missing,
            "x-as": self.labels,
        }
        return {key: value for key, value in schema.items() if value is not None}


@dataclass(frozen=True)
class Table:
    """A table: what a row is, its columns in their order, and what further ones may hold (None: none)."""

    about: str
    columns: Sequence[Column]
    further: Column | None = None

    @property
    def names(self) -> list[str]:
        """The columns in their order, without those by pattern."""
        return [column.name for column in self.columns if not column.by_pattern]

    @property
    def patterns(self) -> list[str]:
        """The patterns that name further columns."""
        return [column.name for column in self.columns if column.by_pattern]

    @property
    def required(self) -> list[str]:
        """The columns that no such table lacks."""
        return [c.name for c in self.columns if not c.by_pattern and not c.optional]

    def of_type(self, kind: str) -> list[str]:
        """The columns of one of JSON's types, e.g. `integer`."""
        return [c.name for c in self.columns if c.type == kind and not c.by_pattern]

    def find(self, name: str) -> Column | None:
        """The column that describes `name`: the one so called, or one by pattern. None: there is neither."""
        listed = next((c for c in self.columns if c.name == name), None)
        return listed or next((c for c in self.columns if c.by_pattern and re.fullmatch(c.name, name)), None)

    def column(self, name: str) -> Column:
        """What the table says of column `name`; of one that it does not know, that it is text."""
        found = self.find(name) or self.further or Column("", "string", "")
        return found if found.name == name else found.named(name)

    def json_schema(self, title: str) -> dict[str, Any]:
        """A JSON schema of one row, for programs that read the tables."""
        row: dict[str, Any] = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": title,
            "description": self.about,
            "type": "object",
            "properties": {c.name: c.json_schema() for c in self.columns if not c.by_pattern},
            "required": self.required,
            "additionalProperties": self.further.json_schema() if self.further else False,
        }
        if self.patterns:
            after = {c.name: before.name for before, c in zip(self.columns, self.columns[1:], strict=False)}
            row["patternProperties"] = {
                c.name: c.json_schema() | {"x-after": after[c.name]} for c in self.columns if c.by_pattern
            }
        return row


def table(about: str, *columns: Column | Sequence, further: Column | None = None) -> Table:
    """Declare a table: what a row is, and its columns in their order, alone or in groups."""
    flat = tuple(_flat(columns))
    if len({column.name for column in flat}) < len(flat):
        raise ValueError(f"a column is declared twice in the table: {about}")
    return Table(about, flat, further)


def _flat(columns: Sequence) -> Iterator[Column]:
    for one in columns:
        yield from (one,) if isinstance(one, Column) else _flat(one)


def text(name: str, title: str = "", **more: Any) -> Column:
    """A column of text. `more` are further fields of Column; without `title` it is the name."""
    return Column(name, "string", title or _title(name), **more)


def choice(name: str, values: Sequence[str], title: str = "", **more: Any) -> Column:
    """A column that holds one of `values`."""
    return text(name, title, values=values, **more)


def whole(name: str, title: str = "", **more: Any) -> Column:
    """A column of whole numbers."""
    return Column(name, "integer", title or _title(name), **more)


def count(name: str, title: str = "", low: int = 0, **more: Any) -> Column:
    """A column of whole numbers from `low` on."""
    return whole(name, title, low=low, **more)


def real(name: str, title: str = "", **more: Any) -> Column:
    """A column of numbers."""
    return Column(name, "number", title or _title(name), **more)


def share(name: str, title: str = "", **more: Any) -> Column:
    """A column of numbers from 0 to 1."""
    return real(name, title, **{"low": 0, "high": 1} | more)


def percent(name: str, title: str = "", **more: Any) -> Column:
    """A column of numbers from 0 to 1 that readers see in percent."""
    return share(name, title, format=PERCENT, **more)


def points(name: str, title: str = "difference (points)", **more: Any) -> Column:
    """A column of differences in percentage points."""
    return real(name, title, format=POINTS, **more)


def flag(name: str, title: str = "", **more: Any) -> Column:
    """A column of true and false."""
    return Column(name, "boolean", title or _title(name), **more)


def with_interval(
    column: Column, prefix: str = "", of: str = "", empty: bool = True
) -> tuple[Column, Column, Column]:
    """`column` and the ends of its interval, `low` and `high` behind `prefix`, in its bounds and format.

    `of` says in their titles what they belong to.
    """
    tail = (f", {of}" if of else "") + UNITS.get(column.format or "", "")
    low, high = (
        column.but(name=prefix + end, title=end + tail, empty=empty, about=None) for end in ("low", "high")
    )
    return column, low, high


def _title(name: str) -> str:
    return name.replace("_", " ")
