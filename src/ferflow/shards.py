"""Files that hold one subject, or several consecutive ones (a shard), and are named after them.

A shard's name is that of its subject; of several, the first and the last in the order of names with MARK
between them: `S0001~S0050.h5`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from pathlib import Path

MARK = "~"
"""No name of a subject has it (`datasets.listed.NAME`)."""
JOBS = 1000
"""Shards of a study at most, where it does not say how many subjects a shard has."""
ROUND = (1, 2, 5)
"""Sizes of shards are these times a power of ten, so that a few more subjects seldom change them."""


def size(subjects: int) -> int:
    """How many subjects a shard has, so that there are at most JOBS shards; 1 up to JOBS subjects."""
    power = 1
    while True:
        for digit in ROUND:
            if subjects <= digit * power * JOBS:
                return digit * power
        power *= 10


def named(subjects: Sequence[str], each: int) -> dict[str, list[str]]:
    """The shards of the sorted `subjects`, `each` in one, by their names."""
    parts = [list(subjects[first : first + each]) for first in range(0, len(subjects), each)]
    return {part[0] if len(part) == 1 else f"{part[0]}{MARK}{part[-1]}": part for part in parts}


def ends(name: str) -> tuple[str, str]:
    """The first and the last subject of the shard `name`."""
    first, mark, last = name.partition(MARK)
    return (first, last) if mark else (first, first)


class BySubject:
    """Finds the file that holds a subject among files that are named after theirs."""

    def __init__(self, paths: Iterable[str | Path]) -> None:
        """`paths`: files `<shard>.<suffix>`, whose shards do not overlap."""
        self._files = sorted((*ends(path.stem), path) for path in map(Path, paths))
        self._firsts = [first for first, _, _ in self._files]

    def get(self, subject: str) -> Path | None:
        """The file of `subject`; None where no shard reaches over it."""
        place = bisect_right(self._firsts, subject) - 1
        return self._files[place][2] if place >= 0 and subject <= self._files[place][1] else None

    def __contains__(self, subject: str) -> bool:
        return self.get(subject) is not None

    def __getitem__(self, subject: str) -> Path:
        """The file of `subject`; KeyError without one."""
        path = self.get(subject)
        if path is None:
            raise KeyError(subject)
        return path

    def values(self) -> list[Path]:
        """All files, in the order of their subjects."""
        return [path for _, _, path in self._files]

    def of(self, subjects: Iterable[str]) -> list[Path]:
        """The files that hold `subjects`, each once, in the order of the subjects."""
        return list(dict.fromkeys(self[subject] for subject in subjects))
