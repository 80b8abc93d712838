"""A second pass of a run in which jobs failed: the steps of the report that can be made without them.

`python -m ferflow.runs.second_pass JSON` is Snakemake with the arguments of the first pass (`arguments`),
other targets (`targets`) and no rules but some (`rules`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

FAILED = "FERFLOW_FAILED"
"""The variable that names the file of failed jobs (`failed_jobs.Unmade`), in a second pass and its jobs."""


def make(
    folder: Path, arguments: Sequence[str], targets: Sequence[str], rules: Sequence[str], failed: Path
) -> int:
    """Run a second pass in `folder`, where the first one was started; its exit code."""
    called = [sys.executable, "-m", __name__, described(arguments, targets, rules)]
    return subprocess.run(called, cwd=folder, env=os.environ | {FAILED: str(failed)}, check=False).returncode


def described(arguments: Sequence[str], targets: Sequence[str], rules: Sequence[str]) -> str:
    """The argument of a second pass."""
    return json.dumps({"arguments": [*arguments], "targets": [*targets], "rules": [*rules]})


def main(about: str) -> bool:
    """Run Snakemake; whether all went well."""
    from snakemake.cli import args_to_api, parse_args

    wanted = json.loads(about)
    parser, options = parse_args(wanted["arguments"])
    options.targets, options.allowed_rules = wanted["targets"], wanted["rules"]
    # What the first pass was told to make anew has been made.
    options.force = options.forceall = False
    options.forcerun, options.until, options.omit_from = set(), set(), set()
    return args_to_api(options, parser)


if __name__ == "__main__":
    sys.exit(not main(sys.argv[1]))
