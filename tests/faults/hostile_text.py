"""Mutations of tables, JSON and YAML."""

from __future__ import annotations

import copy
import csv
import io
import json
from collections.abc import Callable
from random import Random

from hostile_bytes import ANY, Mutation

BAD_CELLS = (
    *("", " ", "nan", "NaN", "inf", "-inf", "1e999", "-1", "1e30", "9" * 30, "9" * 5000, "0x10", "1,5", "½"),
    *("None", "null", "true", "[]", "{}", "../../../etc/passwd", "/etc/passwd", "..", ".", "a/b", "a\\b"),
    *("\x1b[2J", "a\x00b", "\u202eabc", "x" * 200_000, "=1+1", '"', "a\nb", "\ufffd", "1 2", "#N/A"),
    *("𝟙", "٣", "-0", "1e-400", "1_000", "١e9", "1000000000", "99999999999", "2147483648", "1e18"),
)
"""Cells as nobody should write them."""
BAD_VALUES = (
    *(None, True, -1, 0, 10**12, 10**400, 1e308, float("nan"), float("inf"), -1.5, "", "x", "x" * 100_000),
    *([], {}, [[]], [None], {"a": None}, "../../etc/passwd", "\x00", [1, "a", None], {"test": "F001"}),
)
"""Values of wrong types and ranges, for JSON and YAML."""


def _rows(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))


def _csv(rows: list[list[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode("utf-8", "surrogatepass")


def _table(change: Callable[[list[list[str]], Random], object]) -> Mutation:
    """A mutation of the rows of a table, the header among them."""

    def mutation(data: bytes, rng: Random) -> bytes:
        rows = _rows(data)
        change(rows, rng)
        return _csv(rows)

    mutation.__name__ = change.__name__.strip("_")
    return mutation


def _without_a_column(rows, rng):
    column = rng.randrange(len(rows[0]))
    for row in rows:
        del row[column]


def _renamed_column(rows, rng):
    rows[0][rng.randrange(len(rows[0]))] = rng.choice(("x", "", "Frame ", "clip id", "p_bored", "\x00"))


def _a_column_twice(rows, rng):
    column = rng.randrange(len(rows[0]))
    for row in rows:
        row.append(row[column])


def _an_unknown_column(rows, rng):
    for number, row in enumerate(rows):
        row.append("extra" if number == 0 else "1")


def _a_bad_cell(rows, rng):
    rows[rng.randrange(1, len(rows))][rng.randrange(len(rows[0]))] = rng.choice(BAD_CELLS)


def _a_bad_column(rows, rng):
    column, value = rng.randrange(len(rows[0])), rng.choice(BAD_CELLS)
    for row in rows[1:]:
        row[column] = value


def _a_row_twice(rows, rng):
    rows.append(list(rows[rng.randrange(1, len(rows))]))


def _a_short_row(rows, rng):
    row = rows[rng.randrange(1, len(rows))]
    del row[rng.randrange(len(row)) :]


def _a_long_row(rows, rng):
    rows[rng.randrange(1, len(rows))].extend(["1"] * rng.choice((1, 3, 1000)))


def _the_header_alone(rows, rng):
    del rows[1:]


def _no_header(rows, rng):
    del rows[0]


def _cells_swapped(rows, rng):
    a, b = (rng.randrange(len(rows[0])) for _ in range(2))
    for row in rows[1:]:
        row[a], row[b] = row[b], row[a]


def wrong_encoding(data: bytes, rng: Random) -> bytes:
    text = data.decode("utf-8-sig")
    kind = rng.choice(("utf-16", "utf-32", "utf-16-le", "latin-1", "cp037", "utf-7"))
    return text.replace("a", "ä", 3).encode(kind, "replace")


def half_a_letter(data: bytes, rng: Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + rng.choice((b"\xc3", b"\xf0\x9f", b"\xed\xa0\x80", b"\xfe\xff")) + data[at:]


def open_quote(data: bytes, rng: Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + b'"' + data[at:]


def other_separator(data: bytes, rng: Random) -> bytes:
    return data.replace(b",", rng.choice((b";", b"\t", b"|", b" ")))


def lone_returns(data: bytes, rng: Random) -> bytes:
    return data.replace(b"\n", rng.choice((b"\r", b"\x0b", b"\x1e", b"")))


TABLE: tuple[Mutation, ...] = (
    *ANY,
    *(wrong_encoding, half_a_letter, open_quote, other_separator, lone_returns),
    *map(
        _table,
        (
            *(_without_a_column, _without_a_column, _renamed_column, _a_column_twice, _an_unknown_column),
            *([_a_bad_cell] * 10 + [_a_bad_column] * 6),
            *(_a_row_twice, _a_short_row, _a_long_row, _the_header_alone, _no_header, _cells_swapped),
        ),
    ),
)


def places(value: object, path: tuple = ()) -> list[tuple]:
    """The paths of all values inside `value`, itself left out."""
    if isinstance(value, dict):
        inside = list(value.items())
    elif isinstance(value, list):
        inside = list(enumerate(value))
    else:
        return []
    found = []
    for key, part in inside:
        found += [(*path, key), *places(part, (*path, key))]
    return found


def with_value(content: object, path: tuple, value: object) -> object:
    """A copy of `content` with `value` at `path`."""
    changed = here = copy.deepcopy(content)
    for key in path[:-1]:
        here = here[key]
    here[path[-1]] = value
    return changed


def without(content: object, path: tuple) -> object:
    """A copy of `content` without what is at `path`."""
    changed = here = copy.deepcopy(content)
    for key in path[:-1]:
        here = here[key]
    del here[path[-1]]
    return changed


def broken(content: object, rng: Random) -> object:
    """`content` with a value of a wrong type somewhere, or without one, or as something else altogether."""
    found = places(content)
    how = rng.random()
    if how < 0.1 or not found:
        return rng.choice(BAD_VALUES)
    path = rng.choice(found)
    return without(content, path) if how < 0.25 else with_value(content, path, rng.choice(BAD_VALUES))


def wrong_value(data: bytes, rng: Random) -> bytes:
    return json.dumps(broken(json.loads(data), rng)).encode()


def deeply_nested(data: bytes, rng: Random) -> bytes:
    depth = rng.choice((200, 5_000, 200_000))
    begin, end = rng.choice((("[", "]"), ('{"a":', "}")))
    return (begin * depth + "1" + end * (depth if rng.random() < 0.7 else 0)).encode()


def nested_inside(data: bytes, rng: Random) -> bytes:
    content = json.loads(data)
    text = json.dumps(with_value(content, rng.choice(places(content)), "HERE"))
    return text.replace('"HERE"', "[" * 50_000 + "]" * 50_000, 1).encode()


def endless_number(data: bytes, rng: Random) -> bytes:
    content = json.loads(data)
    text = json.dumps(with_value(content, rng.choice(places(content)), "HERE"))
    return text.replace(
        '"HERE"', rng.choice(("9" * 10_000, "1e99999", "-" * 5, "NaN", "00", "1.")), 1
    ).encode()


JSON: tuple[Mutation, ...] = (
    *ANY,
    *(wrong_encoding, half_a_letter),
    *([wrong_value] * 18 + [deeply_nested] * 3 + [nested_inside] * 3 + [endless_number] * 4),
)
