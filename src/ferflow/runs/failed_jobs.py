"""Which jobs failed in a run of the workflow, why, and what cannot be made without them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ferflow.errors import InputError
from ferflow.files import write_text
from ferflow.runs.events import Failure, Job, Run
from ferflow.schemas.shared import FAILED, NOT_RUN

REASONS = (
    (r"StepId=\S+ exceeded memory limit \((\d+) > (\d+)\)", "it exceeded its memory ({0} of {1} MB)"),
    (r"oom.?kill|out.of.memory|Exceeded job memory", "it exceeded its memory"),
    (r"DUE TO TIME LIMIT", "it ran out of time"),
    (r"DUE TO NODE FAILURE|NODE_FAIL", "its node failed"),
    (r"DUE TO PREEMPTION|PREEMPTED", "it was preempted"),
    (r"^ferflow: error: (.*?)(?: \(rule .*\))?$", "{0}"),
    (r"CANCELLED", "it was cancelled"),
)
"""What Slurm or a job writes into a job's log, and what it means; the first that fits."""
LOGGED = (
    (r"^error: (.*)$", "{0}"),
    (r"OutOfMemoryError|CUDA out of memory|\bMemoryError\b", "it exceeded its memory"),
    (r"^([A-Za-z_][\w.]*(?:Error|Exception)\b.*)$", "{0}"),
)
"""What a job of this machine writes into its rule's log, and what it means; the first that fits."""
KILLED = "it ended without a word (killed, as the system does to what takes too much memory?)"


def failed_jobs(run: Run, folder: Path = Path()) -> list[str]:
    """A line for each job (or group) that Slurm was given and that failed for good: which, why, Slurm's log.

    Jobs of this machine have said their line themselves. Logs are named relative to `folder`, the run's.
    """
    failed = {
        job.failure.number: _line(job.failure, job, folder)
        for job in run.jobs
        if job.failure is not None and job.failure.number and job.failure.log
    }
    return list(failed.values())


@dataclass(frozen=True, eq=False)
class FailedJob:
    """A job that failed for good: its name (rule and wildcards), why, its outputs, and those that need them.

    `needing`: outputs of the jobs that hang on it and were not run for that reason.
    """

    name: str
    reason: str
    outputs: Sequence[str]
    needing: Sequence[str] = ()


class Unmade:
    """The files that cannot be made as long as some jobs fail."""

    def __init__(self, jobs: Iterable[FailedJob] = ()) -> None:
        self.jobs = tuple(jobs)
        self._failed = {path: job for job in self.jobs for path in job.outputs}
        self._needing = {path: job for job in self.jobs for path in job.needing}

    def __bool__(self) -> bool:
        return bool(self.jobs)

    def __contains__(self, path: str) -> bool:
        return path in self._failed or path in self._needing

    def note(self, paths: Iterable[str]) -> str:
        """Why something that needs all of `paths` is missing, as tables say it; "" where all can be made.

        `failed: ` with the reason where one of them is the output of a job that failed, else `not run: `.
        """
        paths = list(paths)
        if own := list(dict.fromkeys(self._failed[path] for path in paths if path in self._failed)):
            more = f" and {len(own) - 1} more" if len(own) > 1 else ""
            return f"{FAILED}{own[0].reason} ({own[0].name}{more})"
        before = dict.fromkeys(self._needing[path].name for path in paths if path in self._needing)
        return f"{NOT_RUN}{', '.join(before)} failed" if before else ""

    def write(self, path: str | Path) -> None:
        """Write the jobs as JSON."""
        text = json.dumps([asdict(job) for job in self.jobs], indent=1, ensure_ascii=False)
        write_text(path, text + "\n")

    @classmethod
    def read(cls, path: str | Path) -> Unmade:
        """What `write` wrote; without such a file nothing failed. InputError for a file of something else."""
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
            return cls(FailedJob(**job) for job in content)
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError, TypeError) as error:
            raise InputError(path, f"is no list of failed jobs ({error})", "delete it") from None


def failures(run: Run, folder: Path = Path()) -> Iterator[tuple[Job, str]]:
    """Each job that failed for good in a run, and why, in one line."""
    for job in run.jobs:
        if job.failure is not None:
            why = _why(job.failure, Path(job.failure.log)) if job.failure.log and job.failure.number else ""
            yield job, " ".join((why or _logged(job, folder)).split())


def job_name(job: Job) -> str:
    """Its rule and wildcards: `fold lstm 3`."""
    return " ".join([job.rule, *job.wildcards.values()])


def _logged(job: Job, folder: Path) -> str:
    """Why a job of this machine failed, by its rule's log."""
    path = job.failure.log and folder / job.failure.log
    text = path.read_text("utf-8", "replace") if path and path.is_file() else ""
    for pattern, meaning in LOGGED:
        if lines := re.findall(pattern, text, re.M):
            return meaning.format(lines[-1])
    return KILLED


def _line(failure: Failure, job: Job, folder: Path) -> str:
    log = Path(failure.log)
    name = f"{job.rule} {'_'.join(job.wildcards.values())}".rstrip()
    if failure.group:
        name = f"{log.parent.name.removeprefix('group_')} (a group)"
    return f"job {name} failed: {_why(failure, log)} (log {os.path.relpath(log, folder.resolve())})"


def _why(failure: Failure, log: Path) -> str:
    status = re.search(r"SLURM status is: '(\w+)'", failure.message)
    text = log.read_text("utf-8", "replace") if log.is_file() else ""
    for pattern, meaning in REASONS:
        found = re.search(pattern, text, re.M | re.I) or (status and re.search(pattern, status[1], re.I))
        if found:
            return meaning.format(*(_megabytes(value) for value in found.groups()))
    return f"Slurm says {status[1]}" if status else "it did not end well"


def _megabytes(value: str) -> str:
    return str(int(value) // 10**6) if value.isdecimal() else value
