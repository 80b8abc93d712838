"""Which jobs of a cluster failed in a run of the workflow, why, and where their logs are."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ferflow.runs.events import Failure, Job, Run

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
