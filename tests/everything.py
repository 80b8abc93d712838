"""Everything that is tested, part after part, and a table of it: what a release needs (`make test-all`).

All studies run as users run them: each job of Snakemake is a new Python.
A part that fails does not keep the next from running. The table goes to docs/test-all.md.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import re
import subprocess
import sys
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
TABLE = REPOSITORY / "docs/test-all.md"
PARTS = {
    "tests": "pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder -m 'not cluster' {tests}",
    "cluster": "pytest -m cluster tests/cluster",
    "hostile files": "python tests/faults/hostile.py",
    "random studies": "python tests/workflow/random_studies.py",
    "own studies": "ferflow weights fetch && python tests/workflow/own_studies.py",
    "faults": "ferflow weights fetch && python tests/faults/faults.py",
}
"""Name to command."""
TESTS = "tests/workflow tests/faults tests/unit tests/browser"
"""The long ones first, so that both processes end together."""


def run(command: str) -> tuple[int, str, float]:
    """Run a command, which prints as it goes; its exit status, its last line, and minutes."""
    began, last = time.monotonic(), ""
    process = subprocess.Popen(
        command,
        shell=True,
        cwd=REPOSITORY,
        env=os.environ | {"FERFLOW_TESTS_AS_USER": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    for line in process.stdout:
        print(line, end="", flush=True)
        last = line.strip(" =\n") or last
    return process.wait(), last, (time.monotonic() - began) / 60


def machine() -> str:
    """Processor and cores, as a line."""
    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    name = re.search(r"^model name\s*: (.*)$", text, flags=re.M)
    return f"{name[1] if name else platform.machine()}, {os.cpu_count()} cores"


def main() -> int:
    """Run the parts; 0 where none failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", choices=list(PARTS), default=list(PARTS))
    asked = parser.parse_args()
    rows, failed = [], 0
    for part in asked.only:
        print(f"--- {part}", flush=True)
        code, last, minutes = run(PARTS[part].format(tests=TESTS))
        failed += bool(code)
        rows.append(
            f"| {part} | {'failed' if code else 'passed'} | {last.replace('|', '/')} | {minutes:.1f} |"
        )
    commit = ["git", "-C", str(REPOSITORY), "describe", "--always", "--dirty"]
    revision = subprocess.run(commit, capture_output=True, text=True).stdout.strip() or "no git"
    lines = [
        "# The last run of `make test-all`",
        "",
        f"{datetime.date.today()}, revision {revision}; {machine()}.",
        "",
        "| part | outcome | its last line | minutes |",
        "|---|---|---|--:|",
        *rows,
    ]
    print("\n".join(lines))
    if asked.only == list(PARTS):
        TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
