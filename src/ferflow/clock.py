"""Files dated in the future, as a copy from a machine whose clock is ahead leaves them.

Whatever is made of such a file is older than it, so that Snakemake takes it for outdated and refuses it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from ferflow.errors import InputError

STEP = 1_000_000
"""Nanoseconds between two files that are dated anew, so that they keep their order."""


def clamp_future_mtimes(places: Iterable[str | Path]) -> int:
    """Date files of the future now, and return how many there were; of a folder in `places` all in it.

    They keep their order among themselves. Raises InputError for one whose time may not be set.
    """
    now = time.time_ns()
    ahead = sorted(set(_ahead(map(Path, places), now)))
    for number, (_, path) in enumerate(ahead, start=1):
        dated = now - (len(ahead) - number) * STEP
        try:
            os.utime(path, ns=(dated, dated))
        except OSError as error:
            remedy = f"set its time (`touch`) or this machine's clock ({error.strerror})"
            raise InputError(path, "is dated in the future", remedy) from None
    return len(ahead)


def _ahead(places: Iterable[Path], now: int) -> Iterator[tuple[int, Path]]:
    """(time, path) of what is dated after `now`; both in nanoseconds since 1970."""
    for place in places:
        for path in place.rglob("*") if place.is_dir() else [place]:
            try:
                dated = path.stat().st_mtime_ns
            except OSError:
                continue  # another process has just taken it away
            if dated > now and path.is_file():
                yield dated, path
