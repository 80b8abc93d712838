"""What a kind of hostile file is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hostile_bytes import Mutation


@dataclass(frozen=True)
class Kind:
    """`write` makes valid files in a folder, of which `file` is then mutated, and `read` is ferflow's reader.

    `read` is given the folder, which is the working folder too. Its line must name `named`; `leaves` may
    appear in the folder.
    """

    name: str
    file: str
    write: Callable[[Path], None]
    read: Callable[[Path], object]
    mutations: tuple[Mutation, ...]
    named: str
    leaves: frozenset[str] = frozenset()


def kind(name: str, file: str, write, read, mutations, named: str | None = None, leaves=()) -> Kind:
    """A Kind whose file's own name must be in the line, unless `named` is something else."""
    return Kind(
        name, file, write, read, mutations, Path(file).name if named is None else named, frozenset(leaves)
    )


class Refused(Exception):
    """A server's answer to a request that it does not take, as one line."""
