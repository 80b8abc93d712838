"""The tiny study in folders of their own: run, disturbed, called again, compared with an undisturbed run."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))
from running import RESULTS, run, start

ITSELF, NAMED, LOST = OUTCOMES = "by itself", "after the named command", "lost"
PREDICTIONS = RESULTS / "predictions.csv"
MOST_REPAIRS = 4
"""Commands that one fault may need: a file that is made again can bring to light that another is damaged."""
_COMMAND = re.compile(r"`((?:rm|ferflow weights fetch) [^`]+)`")


@dataclass(frozen=True)
class Ended:
    """How one fault ended, and what was said of it."""

    fault: str
    outcome: str
    said: str
    seconds: float


def reference(folder: Path, weights: Path) -> Path:
    """An undisturbed run in `folder`, with the pretrained files of the folder `weights`."""
    shutil.copytree(weights, folder / "data/weights", ignore=shutil.ignore_patterns("*.whl"))
    done = run(folder)
    if done.returncode != 0:
        sys.exit(f"the undisturbed run failed:\n{done.stdout}{done.stderr}")
    return folder


def copy(finished: Path, folder: Path, *without: str) -> Path:
    """A copy of a finished run, file times included, but for what matches the patterns `without`."""
    shutil.copytree(finished, folder, symlinks=True, dirs_exist_ok=True)
    renote(folder)
    for pattern in without:
        for path in folder.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return folder


def renote(folder: Path) -> None:
    """Note the files of a copied run as its own jobs would have: a copy lies elsewhere on the disk."""
    import json

    from ferflow import integrity

    here = Path.cwd()
    notes = [json.loads(file.read_text()) for file in folder.glob(".snakemake/ferflow-integrity/*.json")]
    os.chdir(folder)
    try:
        integrity.note(note["path"] for note in notes)
    finally:
        os.chdir(here)


def complaint(done: subprocess.CompletedProcess) -> str:
    """The first line of ferflow on standard error; the end of all that was said where there is none."""
    lines = [line for line in done.stderr.splitlines() if line.startswith("ferflow: error:")]
    return lines[0] if lines else " / ".join((done.stdout + done.stderr).strip().splitlines()[-6:])


def settle(fault: str, folder: Path, expected: bytes, note: str = "", made: Path | None = None) -> Ended:
    """Call the study until it is complete, with the commands that it names in between, and compare.

    With `made`, that file of it alone is asked for and compared, instead of the predictions.
    """
    began, said, outcome = time.monotonic(), [note] if note else [], LOST
    for commands in range(MOST_REPAIRS + 1):
        done = run(folder, *([str(made)] if made else []))
        if done.returncode == 0:
            same = (folder / (made or PREDICTIONS)).read_bytes() == expected
            outcome = (NAMED if commands else ITSELF) if same else LOST
            said += [] if same else [f"{made or 'the predictions'}: not as before"]
            break
        said.append(complaint(done))
        named = _COMMAND.search(said[-1])
        if "Traceback" in said[-1] or named is None:
            break
        subprocess.run(_runnable(named[1]), shell=True, cwd=folder, check=False, capture_output=True)
    halves = [str(path.relative_to(folder)) for path in folder.rglob(".*.part*")]
    if halves:
        outcome, said = LOST, [*said, f"half-written: {halves}"]
    return Ended(fault, outcome, " | ".join(said), time.monotonic() - began)


def _runnable(command: str) -> str:
    """The command as it is typed, with this environment's `ferflow`."""
    return re.sub(r"^ferflow ", f"{sys.executable} -m ferflow.apps.cli ", command)


def session(leader: int) -> list[int]:
    """The processes of the session that `leader` began, itself left out."""
    found = []
    for process in psutil.pids():
        with suppress(OSError):  # it has just ended
            if os.getsid(process) == leader != process:
                found.append(process)
    return found


def jobs(leader: int) -> list[int]:
    """The jobs of a run: each is a fork of the process that is Snakemake."""
    try:
        return [process.pid for process in psutil.Process(leader).children()]
    except psutil.NoSuchProcess:
        return []


def killed(folder: Path, rng: Random, wait: tuple[float, float]) -> tuple[str, int | None]:
    """Start the study, and kill it or one of its jobs after a random time. What was killed, and the exit code
    of a run that had ended by itself before that (else None)."""
    process = start(folder)
    whole_run = rng.random() < 0.5
    end = time.monotonic() + rng.uniform(*wait)
    try:
        while time.monotonic() < end or not (jobs(process.pid) or whole_run):
            if process.poll() is not None:
                return "nothing", process.returncode
            time.sleep(0.02)
        if whole_run:
            os.killpg(process.pid, signal.SIGKILL)
            return "all of Snakemake", None
        victim = rng.choice(jobs(process.pid) or [process.pid])
        os.kill(victim, signal.SIGKILL)
        process.wait(timeout=600)  # it says which job failed, and ends what else is running
        return "a job" if victim != process.pid else "Snakemake alone", None
    except ProcessLookupError:
        return "nothing", process.wait(timeout=600)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        _wait_for(process.pid)


def _wait_for(leader: int) -> None:
    """Until the killed session has gone: a job of it could still be writing."""
    end = time.monotonic() + 60
    while session(leader) and time.monotonic() < end:
        for process in session(leader):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.05)
