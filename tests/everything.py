"""Everything that is tested, and a table of it: what a release needs (`make test-all`).

The parts stand in `PARTS` with the cores that they keep busy, and run side by side as far as two cores go.
A part that fails does not keep the next from running. The table is written to docs/test-all.md after each
part, so that it is right also where the run is interrupted; `--only` replaces the rows of some parts.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import re
import subprocess
import sys
import threading
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
TABLE = REPOSITORY / "docs/test-all.md"
CORES = 2


@dataclass(frozen=True)
class Part:
    """A command of the shell, and how many cores it keeps busy."""

    command: str
    cores: int


PARTS = {
    # The long files first, so that both processes end together.
    "tests": Part(
        "pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder -m 'not cluster' "
        "tests/workflow tests/faults tests/unit tests/browser",
        2,
    ),
    # Most of the time it waits for Slurm.
    "cluster": Part("pytest -m cluster tests/cluster", 0),
    "faults": Part("python tests/faults/faults.py", 1),
    "killed-trainings": Part("python tests/faults/killed_trainings.py", 1),
    "own-studies": Part("python tests/workflow/own_studies.py", 1),
    "hostile": Part("python tests/faults/hostile.py --processes 1", 1),
    "random-studies": Part("python tests/workflow/random_studies.py", 1),
}


class Table:
    """The table of the parts: outcome, last line, minutes, and the revision at which each was run."""

    def __init__(self, parts: list[str]) -> None:
        self.rows = {name: [name, "not run", "", "", ""] for name in PARTS}
        if parts != list(PARTS) and TABLE.exists():
            for line in TABLE.read_text(encoding="utf-8").splitlines():
                cells = [cell.strip() for cell in line.strip("|").split("|")]
                if cells[0] in self.rows and cells[0] not in parts:
                    self.rows[cells[0]] = cells
        self.revision, self._lock = revision(), threading.Lock()
        self.write()

    def set(self, name: str, outcome: str, last: str = "", minutes: str = "") -> None:
        with self._lock:
            self.rows[name] = [name, outcome, last.replace("|", "/"), minutes, self.revision]
            self.write()

    def write(self) -> None:
        TABLE.write_text(f"{self}\n", encoding="utf-8")

    def __str__(self) -> str:
        return "\n".join(
            [
                "# The last run of `make test-all`",
                "",
                f"{datetime.date.today()}; {machine()}.",
                "",
                "| part | outcome | its last line | minutes | revision |",
                "|---|---|---|--:|---|",
                *(f"| {' | '.join(cells)} |" for cells in self.rows.values()),
            ]
        )


def run(name: str, table: Table) -> bool:
    """Run a part, each line of which is printed behind its name; whether it has passed."""
    table.set(name, "not finished")
    began, last = time.monotonic(), ""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    process = subprocess.Popen(
        PARTS[name].command,
        shell=True,
        cwd=REPOSITORY,
        env=os.environ | {"FERFLOW_TESTS_AS_USER": "1", "PATH": programs},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    for line in process.stdout:
        print(f"{name}: {line}", end="", flush=True)
        last = line.strip(" =\n") or last
    passed = process.wait() == 0
    minutes = (time.monotonic() - began) / 60
    table.set(name, "passed" if passed else "failed", last, f"{minutes:.1f}")
    return passed


def machine() -> str:
    """Processor and cores, as a line."""
    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    name = re.search(r"^model name\s*: (.*)$", text, flags=re.M)
    return f"{name[1] if name else platform.machine()}, {os.cpu_count()} cores"


def revision() -> str:
    """The commit, and whether anything but the table differs from it."""

    def git(*command: str) -> str:
        called = ["git", "-C", str(REPOSITORY), *command]
        return subprocess.run(called, capture_output=True, text=True).stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", f":!{TABLE}")
    return (git("describe", "--always") or "no git") + ("-dirty" if changed else "")


def main() -> int:
    """Run the parts; 0 where none failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS))
    parts = parser.parse_args().only
    subprocess.run([sys.executable, "-m", "ferflow.apps.cli", "weights", "fetch"], cwd=REPOSITORY, check=True)
    table, waiting, running, passed = Table(parts), [n for n in PARTS if n in parts], {}, []
    with ThreadPoolExecutor(len(PARTS)) as pool:
        while waiting or running:
            for name in waiting[:]:
                if sum(PARTS[other].cores for other in running.values()) + PARTS[name].cores <= CORES:
                    waiting.remove(name)
                    running[pool.submit(run, name, table)] = name
            for ended in wait(running, return_when=FIRST_COMPLETED).done:
                del running[ended]
                passed.append(ended.result())
    print(table)
    return int(not all(passed))


if __name__ == "__main__":
    sys.exit(main())
