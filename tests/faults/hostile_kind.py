"""What a kind of hostile file is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hostile_bytes import Mutation


@dataclass(frozen=True)
class Kind:
    """`write` makes valid files in a folder, of which `file` is then mutated, and `read` is ferflow's reader.

    `read` takes the folder, which is the working folder too. Its line must hold `named`, by default the
    file's own name.
    """

    name: str
    file: str
    write: Callable[[Path], None]
    read: Callable[[Path], object]
    mutations: tuple[Mutation, ...]
    named: str = ""

    @property
    def must_be_named(self) -> str:
        return self.named or Path(self.file).name


class Refused(Exception):
    """A server's answer to a request that it does not take, as one line."""
