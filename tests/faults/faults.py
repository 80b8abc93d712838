"""Faults: the tiny study is killed, starved, damaged and misled, and must end with the same predictions.

Run as `python tests/faults/faults.py`. After each fault the study is called again. It completes with the
predictions of an undisturbed run, or names the damaged file and the command that repairs it; then that
command is run, and the study called again. Whatever else happens counts as lost.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import pandas as pd
from faults_kinds import FAULTS, MOUNTED, kills, mounting
from faults_study import LOST, OUTCOMES, Ended, reference

WEIGHTS = Path(__file__).resolve().parents[2] / "data/weights"


def tried(
    finished: Path, scratch: Path, seed: int, n_kills: int, times: float, only: Sequence[str]
) -> Iterator[Ended]:
    """Every fault, as often as it is to be tried: `times` its usual number, at least once."""
    if "kills" in only:
        yield from kills(finished, scratch, Random(f"{seed} kills"), n_kills)
    why_not = mounting(scratch)
    for fault, count in FAULTS.items():
        if fault.__name__ not in only:
            continue
        if fault in MOUNTED and why_not:
            print(f"skipped: {fault.__name__.replace('_', ' ')}: {why_not}", flush=True)
            continue
        for number in range(max(1, round(count * times))):
            yield fault(finished, scratch, Random(f"{seed} {fault.__name__} {number}"))
            for left in scratch.iterdir():
                shutil.rmtree(left)


def table(ended: list[Ended]) -> str:
    """A row per kind of fault."""
    faults, outcomes = [one.fault for one in ended], [one.outcome for one in ended]
    counts = pd.crosstab(
        faults, outcomes, rownames=["fault"], colnames=[""], margins=True, margins_name="all"
    )
    return counts.reindex(columns=["all", *OUTCOMES], fill_value=0).to_string()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--times", type=float, default=1.0, help="of the usual number of the other faults")
    names = ["kills", *(fault.__name__ for fault in FAULTS)]
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="folder of the pretrained files")
    parser.add_argument("--finished", type=Path, help="folder of an undisturbed run, instead of a new one")
    options = parser.parse_args()
    began, ended = time.monotonic(), []
    with tempfile.TemporaryDirectory(prefix="ferflow-faults-") as name:
        scratch = Path(name) / "scratch"
        scratch.mkdir()
        finished = options.finished or reference(Path(name) / "undisturbed", options.weights)
        print(f"undisturbed run: {time.monotonic() - began:.0f} s", flush=True)
        plan = (options.seed, options.kills, options.times, options.only)
        for one in tried(finished.resolve(), scratch, *plan):
            ended.append(one)
            print(f"{one.fault}: {one.outcome} ({one.seconds:.0f} s): {one.said}", flush=True)
    lost = sum(one.outcome == LOST for one in ended)
    if ended:
        print(table(ended))
    print(
        f"seed {options.seed}: {len(ended)} faults tried in {time.monotonic() - began:.0f} s; "
        + ", ".join(f"{sum(one.outcome == o for one in ended)} {o}" for o in OUTCOMES)
    )
    return 1 if lost or not ended else 0


if __name__ == "__main__":
    sys.exit(main())
