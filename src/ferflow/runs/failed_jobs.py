"""Which jobs of a cluster failed in a run of the workflow, why, and where their logs are."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from ferflow.runs.events import Job, Run

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


@dataclass(frozen=True)
class FailedJob:
    """A job (or group of jobs) whose last attempt failed: rule and wildcards, why, and Slurm's log of it."""

    name: str
    why: str
    log: Path

    def __str__(self) -> str:
        return f"job {self.name} failed: {self.why} (log {self.log})"


def failed_jobs(run: Run, folder: Path = Path()) -> list[FailedJob]:
    """The jobs that failed for good, of those that Slurm was given.

    Jobs of this machine have said their line themselves. Logs are named relative to `folder`, the run's.
    """
    failed = {
        job.failure.number: job
        for job in run.jobs
        if job.failure is not None and job.failure.number is not None and job.failure.log is not None
    }
    return [_read(job, folder) for job in failed.values()]


def _read(job: Job, folder: Path) -> FailedJob:
    log = Path(job.failure.log)
    name = " ".join(filter(None, (job.rule, "_".join(job.wildcards.values()))))
    if job.failure.group:
        name = log.parent.name.removeprefix("group_") + " (a group)"
    status = re.search(r"SLURM status is: '(\w+)'", job.failure.message)
    said = log.read_text("utf-8", "replace") if log.is_file() else ""
    why = f"Slurm says {status[1]}" if status else "it did not end well"
    for pattern, meaning in REASONS:
        found = re.search(pattern, said, re.M | re.I) or (status and re.search(pattern, status[1], re.I))
        if found:
            why = meaning.format(*(_megabytes(value) for value in found.groups()))
            break
    return FailedJob(name, why, Path(os.path.relpath(log, folder.resolve())))


def _megabytes(value: str) -> str:
    return str(int(value) // 10**6) if value.isdecimal() else value
