"""Which jobs of a cluster failed in a run of the workflow, why, and where their logs are."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

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

_STEPS = re.compile(
    r"^Job (\S+) has been submitted with SLURM jobid (\d+) \(log: (.*)\)\.$|^Finished jobid: (\S+)", re.M
)


@dataclass(frozen=True)
class FailedJob:
    """A job (or group of jobs) whose last attempt failed: rule and wildcards, why, and Slurm's log of it."""

    name: str
    why: str
    log: Path

    def __str__(self) -> str:
        return f"job {self.name} failed: {self.why} (log {self.log})"


def failed_jobs(text: str, folder: Path = Path()) -> list[FailedJob]:
    """The jobs that failed for good, from the text of a run's log in `.snakemake/log`.

    Those are the jobs that Slurm was given, whose last attempt neither the run nor Slurm's log of it calls
    done. Jobs of this machine have said their line themselves. Logs are named relative to `folder`, the
    run's.
    """
    last: dict[str, tuple[str, Path]] = {}
    for job, number, log, finished in _STEPS.findall(text):
        if finished:
            last.pop(finished, None)
        else:
            last[job] = number, Path(log)
    return [_read(number, log, text, folder) for number, log in last.values() if not _done(log)]


def _done(log: Path) -> bool:
    """Whether a job's own Snakemake has ended well: a group's jobs are not called finished by their group."""
    return log.is_file() and "(100%) done" in log.read_text("utf-8", "replace")


def _read(number: str, log: Path, text: str, folder: Path) -> FailedJob:
    where = re.search(r"(rule|group)_([^/]+)(?:/([^/]+))?/\d+\.log$", str(log))
    name = str(number)
    if where:
        of_group = " (a group)" if where[1] == "group" else ""
        name = where[2] + (f" {where[3]}" if where[3] else "") + of_group
    status = re.search(rf"SLURM-job '{number}' failed, SLURM status is: '(\w+)'", text)
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
