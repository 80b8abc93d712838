"""All tables of ferflow, declared by room: which columns each has, and what may stand in them."""

from __future__ import annotations

from ferflow.errors import InputError
from ferflow.schemas import data, evaluation, faces, humans, papers, quality, training
from ferflow.schemas.columns import Column, Table

__all__ = ["TABLES", "Column", "Table", "schema"]

ROOMS = (data, faces, training, evaluation, humans, quality, papers)
"""The modules that declare tables, in the order of the data."""

TABLES = {name: table for room in ROOMS for name, table in vars(room).items() if isinstance(table, Table)}
"""A table is called what its module calls it, e.g. `manifest`, `aus`, `trim`, `predictions`."""


def schema(name: str) -> Table:
    """The table `name`. Raises InputError where there is none."""
    if name not in TABLES:
        raise InputError(name, "is no table of ferflow", "`ferflow schema` lists them")
    return TABLES[name]
