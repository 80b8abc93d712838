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

    Jobs without a log of Slurm's are left out: they have said their line themselves. A second attempt that
    succeeded takes the first one's failure back. Logs are named relative to `folder`, the run's.
    """
    last: dict[str, tuple[str, str]] = {}
    for block in re.split(r"^\[", text, flags=re.M):
        for jobid in re.findall(r"^Finished jobid: (\S+)", block, re.M):
            last.pop(jobid, None)
        for part in re.split(r"^(?=Error in rule )", block, flags=re.M):
            message = re.search(r"^ +message: (.*)$", part, re.M)
            logs = re.search(r"^ +log: (.*?)(?: \(check log file\(s\).*)?$", part, re.M)
            slurm = logs and logs[1].split(", ")[-1]
            if (
                message is None
                or slurm is None
                or not re.search(r"/(?:rule|group)_[^/]+/(?:[^/]+/)?\d+\.log$", slurm)
            ):
                continue
            jobid = re.search(r"^ +jobid: (\S+)", part, re.M)
            last[str(Path(slurm).parent) if jobid is None else jobid[1]] = (message[1], slurm)
    return [_read(message, Path(log), folder) for message, log in last.values()]


def _read(message: str, log: Path, folder: Path) -> FailedJob:
    where = re.search(r"(rule|group)_([^/]+)(?:/([^/]+))?/\d+\.log$", str(log))
    name = where[2] + (f" {where[3]}" if where[3] else "") + (" (a group)" if where[1] == "group" else "")
    status = re.search(r"SLURM status is: '(\w+)'", message)
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
