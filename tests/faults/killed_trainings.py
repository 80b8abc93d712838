"""Kill trainings on clips with SIGKILL in the middle of a random epoch, and start them again.

Run as `python tests/faults/killed_trainings.py [--kills 5]`. A fold, an inner fold of nested
cross-validation, a search of a head's settings, and a fold of a network on frames are killed so often each.
What they write must be the bytes of an undisturbed job, and no epoch before the last checkpoint may be
trained again.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random

TESTS = Path(__file__).resolve().parents[1]
EPOCH = re.compile(r": epoch \d+/")
JOB = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from ferflow.training import checkpoints
checkpoints.EVERY, checkpoints.WRITING = 1e-9, 0  # a checkpoint of every epoch, short as it is
import {module}
from ferflow.settings import ClipSettings
settings = ClipSettings.model_validate_json(sys.argv[2])
folder, out, run = map(Path, sys.argv[3:])
{module}.{call}
"""
HEADS = "test_resume", "{job}(training_study.TinyStudy(folder), settings, out, run)"
JOBS = {
    "fold": (HEADS[0], HEADS[1].format(job="fold")),
    "nested inner fold": (HEADS[0], HEADS[1].format(job="inner")),
    "search": (HEADS[0], HEADS[1].format(job="search")),
    "fold on frames": ("test_clip_training", "fold(folder, settings, out, run=run)"),
}


def start(job: str, settings: str, study: Path, out: Path, run: Path) -> subprocess.Popen:
    """Start `job` as a process of its own, whose log is its stderr."""
    module, call = JOBS[job]
    code = JOB.format(module=module, call=call.replace("training_study", f"{module}.training_study"))
    arguments = [str(TESTS / "unit"), settings, *map(str, (study, out, run))]
    return subprocess.Popen([sys.executable, "-c", code, *arguments], stderr=subprocess.PIPE, text=True)


def epochs(process: subprocess.Popen, kill_after: int | None = None) -> int:
    """Wait for the end of `process`, killed once it has said so many epochs; how many it has said."""
    assert process.stderr is not None
    n = 0
    for line in process.stderr:
        n += bool(EPOCH.search(line))
        if n == kill_after:
            os.kill(process.pid, signal.SIGKILL)
    process.wait()
    if process.returncode not in (0, -signal.SIGKILL):
        raise SystemExit(f"the job ended with {process.returncode}")
    return n


def contents(folder: Path) -> dict[str, bytes]:
    """Name and bytes of every file in `folder`."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=5, help="of each kind of job")
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--only", nargs="+", choices=JOBS, default=list(JOBS))
    options = parser.parse_args()
    sys.path.insert(0, str(TESTS / "unit"))
    import test_clip_training
    import test_resume
    import training_study

    from ferflow.settings import load

    total = equal = 0
    for job in options.only:
        random = Random(f"{options.seed} {job}")
        with tempfile.TemporaryDirectory(prefix="ferflow-kills-") as name:
            folder = Path(name)
            if job == "fold on frames":
                study, changes = test_clip_training.write(folder / "study"), test_clip_training.SMALL
            else:
                study, changes = training_study.write(folder / "study").folder, test_resume.SETTINGS
            (folder / "study.yaml").write_text(json.dumps(changes))
            settings = load(TESTS.parent / "params.yaml", folder / "study.yaml").model_dump_json()
            whole = epochs(start(job, settings, study, folder / "whole", folder / "run-whole"))
            for number in range(options.kills):
                out, run = folder / f"out-{number}", folder / f"run-{number}"
                after = random.randrange(1, whole)
                epochs(start(job, settings, study, out, run), kill_after=after)
                again = epochs(start(job, settings, study, out, run))
                same = contents(out) == contents(folder / "whole")
                total, equal = total + 1, equal + same
                line = f"{job}: killed after epoch {after} of {whole}, then {again} more"
                print(f"{line}: {'equal' if same else 'NOT EQUAL'}", flush=True)
                # The line of an epoch comes before its checkpoint: one epoch may be trained twice.
                if again not in (whole - after, whole - after + 1):
                    raise SystemExit("epochs were trained again, or not at all")
    print(f"{total} kills, {equal} equal")
    return int(equal < total)


if __name__ == "__main__":
    raise SystemExit(main())
