"""Time ways to do the same thing in turns, so that other work on the machine disturbs all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

CLOCKS = {"wall": False, "own": True}
"""The clocks, and whether it is the process's own time."""


@dataclass
class Taken:
    """Seconds of each round: by the wall clock, and of this process on a processor (all of its threads)."""

    wall: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)

    def clock(self, own: bool) -> list[float]:
        return self.own if own else self.wall


def timed(work: Callable[[], object], taken: Taken) -> None:
    """Do `work` once and add what it took to `taken`."""
    wall, own = time.perf_counter(), time.process_time()
    work()
    taken.own.append(time.process_time() - own)
    taken.wall.append(time.perf_counter() - wall)


def in_turns(ways: Mapping[str, Callable[[], object]], rounds: int, warm_up: bool = True) -> dict[str, Taken]:
    """Every way once unmeasured (`warm_up`), then `rounds` times each, one after the other."""
    if rounds < 1:
        raise ValueError(f"{rounds} rounds measure nothing")
    for work in ways.values() if warm_up else ():
        work()
    taken = {name: Taken() for name in ways}
    for _ in range(rounds):
        for name, work in ways.items():
            timed(work, taken[name])
    return taken


def rate(amount: float, taken: Taken, own: bool = False) -> float:
    """`amount` over the median of the seconds."""
    return amount / statistics.median(taken.clock(own))


def times_as_fast(
    one: Taken, other: Taken, amounts: tuple[float, float] = (1, 1), own: bool = False
) -> float:
    """The speed of `one` over that of `other`: the median of the ratios of the rounds.

    `amounts` is what a round of each does.
    """
    pairs = zip(one.clock(own), other.clock(own), strict=True)
    return amounts[0] / amounts[1] * statistics.median(b / a for a, b in pairs)
