"""Kill trainings on clips with SIGKILL in the middle of a random epoch, and start them again.

Run as `python tests/faults/killed_trainings.py [--kills 5]`. A fold, an inner fold of nested
cross-validation, a search of a head's settings, and a fold of a network on frames are killed so often each.
What they write must be the bytes of an undisturbed job, and no epoch before the last checkpoint may be
trained again.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

TESTS = Path(__file__).resolve().parents[1]
EPOCH_SECONDS = 0.1
"""That an epoch takes, about: a kill comes anywhere within it."""
EPOCH = re.compile(r": epoch \d+/")
JOBS = {
    "fold": ("test_resume", "fold"),
    "nested inner fold": ("test_resume", "inner"),
    "search": ("test_resume", "search"),
    "fold on frames": ("test_clip_training", "fold"),
}
"""The job of each name: a function of a module of `tests/unit`."""


def epochs(job: Callable[[], object], kill_after: int | None = None, delay: float = 0) -> int:
    """Run `job` in a fork, killed `delay` seconds after its log named so many epochs; how many it named."""
    reading, writing = os.pipe()
    if not (child := os.fork()):
        os.dup2(writing, sys.stderr.fileno())
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        os.close(reading)
        os.close(writing)
        try:
            job()
        except BaseException as error:
            print(f"failed: {error!r}", file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    os.close(writing)
    n, last = 0, ""
    with os.fdopen(reading, encoding="utf-8") as lines:
        for line in lines:
            last = line
            n += bool(EPOCH.search(line))
            if n == kill_after:
                time.sleep(delay)
                os.kill(child, signal.SIGKILL)
                kill_after = None
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status not in (0, -signal.SIGKILL):
        raise SystemExit(last)
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
    import training_study

    from ferflow.settings import load
    from ferflow.training import checkpoints, fit  # noqa: F401  a fork has loaded it

    checkpoints.EVERY, checkpoints.WRITING = 1e-9, 0  # a checkpoint of every epoch, short as it is
    total = equal = 0
    for name in options.only:
        random, (module, function) = Random(f"{options.seed} {name}"), JOBS[name]
        module = importlib.import_module(module)
        work = getattr(module, function)
        with tempfile.TemporaryDirectory(prefix="ferflow-kills-") as place:
            folder = Path(place)
            frames = name == "fold on frames"
            study = module.write(folder / "study") if frames else training_study.write(folder / "study")
            changes = module.SMALL if frames else module.SETTINGS
            (folder / "study.yaml").write_text(json.dumps(changes))
            settings = load(TESTS.parent / "params.yaml", folder / "study.yaml")

            def job(out: Path, run: Path, work=work, study=study, settings=settings) -> Callable[[], object]:
                return lambda: work(study, settings, out, run=run)

            whole = epochs(job(folder / "whole", folder / "run-whole"))
            for number in range(options.kills):
                out, run = folder / f"out-{number}", folder / f"run-{number}"
                after = random.randrange(1, whole)
                named = epochs(job(out, run), after, random.random() * EPOCH_SECONDS)
                again = epochs(job(out, run))
                same = contents(out) == contents(folder / "whole")
                total, equal = total + 1, equal + same
                line = f"{name}: killed after epoch {named} of {whole}, then {again} more"
                print(f"{line}: {'equal' if same else 'NOT EQUAL'}", flush=True)
                # The line of an epoch comes before its checkpoint: one epoch may be trained twice.
                if named < whole and again not in (whole - named, whole - named + 1):
                    raise SystemExit("epochs were trained again, or not at all")
    print(f"{total} kills, {equal} equal")
    return int(equal < total)


if __name__ == "__main__":
    raise SystemExit(main())
