"""Hostile input: thousands of bad files through ferflow's readers, and a table of what became of them.

Run as `python tests/faults/hostile.py`. Every file is made from a small valid one by a mutation drawn from
the seed, the kind and the file's number, so that `--kind` and `--number` show one of them again.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable

import pandas as pd
from hostile_pool import CLEAR, KINDS, OUTCOMES, VALID, Result, judge


def cases(files: int, kinds: Iterable[str] = KINDS) -> list[tuple[str, int]]:
    """`files` cases (kind, number) or a few more, the same number of each kind, kind after kind."""
    kinds = list(kinds)
    each = -(-files // len(kinds))
    return [(name, number) for name in kinds for number in range(each)]


def table(results: Iterable[Result]) -> str:
    """A row per kind: how many files, and how many of them ended in each way."""
    frame = pd.DataFrame(results)
    frame = pd.concat([frame, frame.assign(kind="all")])
    kinds = frame.groupby("kind", sort=False)
    counts = pd.crosstab(frame["kind"], frame["outcome"]).reindex(
        kinds.groups, columns=OUTCOMES, fill_value=0
    )
    counts.insert(0, "files", kinds.size())
    counts["slowest s"], counts["most MiB"] = kinds["seconds"].max(), kinds["mib"].max()
    return counts.to_string(index_names=False, float_format="%.1f")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--files", type=int, default=2000, help="how many files in all (default: 2000)")
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--kind", action="append", choices=list(KINDS), help="of these kinds alone")
    parser.add_argument("--number", type=int, help="this one file of each kind, with what was said of it")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--lines", action="store_true", help="print what was said of every file")
    options = parser.parse_args()
    chosen = cases(options.files, options.kind or KINDS)
    if options.number is not None:
        chosen = [(name, options.number) for name in options.kind or KINDS]
    began, results = time.monotonic(), []
    for result in judge(chosen, options.seed, options.processes):
        results.append(result)
        if options.lines or options.number is not None or result.outcome not in (CLEAR, VALID):
            print(
                f"{result.kind} {result.number} ({result.mutation}): {result.outcome}: {result.said}",
                flush=True,
            )
    bad = [r for r in results if r.outcome not in (CLEAR, VALID)]
    clear = sum(r.outcome == CLEAR for r in results)
    print(table(results))
    print(
        f"seed {options.seed}: {len(results)} files in {time.monotonic() - began:.0f} s; of {len(results)}, "
        f"{clear} ended in one clear line, {len(results) - clear - len(bad)} were still valid, "
        f"{len(bad)} ended badly"
    )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
