"""The events that Snakemake logs while it runs, a line of JSON each: writing and reading them.

The Snakefile has those of every run written to `.snakemake/ferflow/events`, whichever profile, display or
`quiet` a run has.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ferflow.errors import InputError
from ferflow.files import write_text

FOLDER = Path(".snakemake/ferflow/events")


@dataclass(frozen=True)
class Failure:
    """How the last attempt of a job failed.

    On a cluster: its number there, Snakemake's message and the cluster's log of it. `group`: with its group.
    """

    number: str | None
    message: str
    log: str | None
    group: bool


@dataclass(frozen=True)
class Job:
    """A job: its rule, wildcards, cores, the memory that it asks for (MB), benchmark file and outputs.

    `start` and `end` of its last attempt are in seconds since the start of the run; `end` is None where it
    did not end well, or has not run.
    """

    rule: str
    wildcards: dict[str, str] = field(default_factory=dict)
    threads: int = 1
    memory: float = 0.0
    benchmark: str | None = None
    outputs: tuple[str, ...] = ()
    start: float = 0.0
    end: float | None = None
    failure: Failure | None = None

    @property
    def seconds(self) -> float:
        """From its start to its end, as the scheduler saw them; 0 where it has no end."""
        return 0.0 if self.end is None else self.end - self.start


@dataclass(frozen=True)
class Run:
    """A run: its file of events, study, cores (None: of a cluster), wall-clock seconds and jobs."""

    path: Path
    study: str
    cores: int | None
    wall: float
    jobs: tuple[Job, ...]

    @property
    def ended(self) -> tuple[Job, ...]:
        """The jobs that ended well."""
        return tuple(job for job in self.jobs if job.end is not None)


# --- writing -----------------------------------------------------------------------------------------


def record(workflow: Any, study: str) -> Path:
    """Have the events of Snakemake's `workflow`, which begins, written to a file; its path."""
    path = FOLDER / f"{workflow.start_time:%Y-%m-%dT%H%M%S.%f}.jsonl"
    cores = workflow.resource_settings.cores if workflow.local_exec else None
    first = {"event": "run", "time": workflow.start_time.timestamp(), "study": study, "cores": cores}
    write_text(path, json.dumps(first) + "\n")
    listen(logging.FileHandler(path, encoding="utf-8"))
    return path


def listen(handler: logging.Handler) -> None:
    """Have `handler` write each event that is logged from now on."""
    from snakemake.logging import logger

    handler.setFormatter(_AsJson())
    handler.addFilter(lambda record: getattr(record, "event", None) in _WRITTEN)
    logger.addHandler(handler)


class _AsJson(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        event = str(record.event)
        return json.dumps({"event": event, "time": record.created, **_WRITTEN[event](record)}, default=str)


def _started(record: Any) -> dict:
    memory = record.resources.get("mem_mb")
    return {
        "job": record.jobid,
        "rule": record.rule_name,
        "wildcards": record.wildcards,
        "threads": record.threads,
        # Snakemake may not know yet what a job asks for.
        "memory": memory if isinstance(memory, int) else 0,
        "benchmark": record.benchmark,
        "outputs": record.output,
    }


def _failed(record: Any) -> dict:
    return _failure([record.jobid], record.aux.get("external_jobid"), record.rule_msg, record.log)


def _group_failed(record: Any) -> dict:
    number = getattr(record, "external_jobid", None)
    return _failure([job["jobid"] for job in record.job_error_info], number, None, record.aux_logs)


def _failure(jobs: list[int], number: str | None, message: str | None, logs: list[str]) -> dict:
    # The cluster's log stands behind those of the rule.
    return {"jobs": jobs, "number": number, "message": message or "", "log": logs[-1] if logs else None}


_WRITTEN = {
    "job_info": _started,
    "job_finished": lambda record: {"job": record.job_id},
    "job_error": _failed,
    "group_error": _group_failed,
}
"""What is kept of which of Snakemake's events."""


# --- reading -----------------------------------------------------------------------------------------


def runs(folder: str | Path) -> Iterator[Run]:
    """The runs of a working folder that ended a job, the newest first. InputError where it has had none."""
    paths = sorted((Path(folder) / FOLDER).glob("*.jsonl"), reverse=True)
    if not paths:
        raise InputError(Path(folder) / FOLDER, "holds no record of a run", "run the workflow there first")
    return (run for run in map(read, paths) if run.ended)


def read(path: str | Path) -> Run:
    """Read the events of a run. InputError for a file of something else."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, f"cannot be read ({error})", f"name a file of {FOLDER}") from None
    first, *events = _events(lines) or [{}]
    if first.get("event") != "run":
        raise InputError(path, "is no record of a run", f"name a file of {FOLDER}")
    begin, last = first["time"], (events or [first])[-1]["time"]
    return Run(Path(path), first["study"], first["cores"], last - begin, tuple(_jobs(events, begin)))


def listed(lines: Iterable[str]) -> list[Job]:
    """The jobs of a dry run, whose events are among `lines`."""
    return list(_jobs(_events(lines)))


def _events(lines: Iterable[str]) -> list[dict]:
    """A run that was killed may have left half a line."""
    found = []
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and "event" in event:
            found.append(event)
    return found


def _jobs(events: Iterable[dict], begin: float = 0.0) -> Iterable[Job]:
    """The jobs, without the targets, which have no outputs and do nothing."""
    jobs: dict[int, Job] = {}
    for event in events:
        now = event["time"] - begin
        if event["event"] == "job_info":
            if event["outputs"]:
                known = {
                    name: event[name] for name in ("rule", "wildcards", "threads", "memory", "benchmark")
                }
                # An attempt more takes the place of the one that failed.
                jobs[event["job"]] = Job(**known, outputs=tuple(event["outputs"]), start=now)
        elif event["event"] == "job_finished":
            if event["job"] in jobs:
                jobs[event["job"]] = replace(jobs[event["job"]], end=now, failure=None)
        else:
            group = event["event"] == "group_error"
            failure = Failure(event["number"], event["message"], event["log"], group)
            for job in event["jobs"]:
                # Snakemake names the jobs of a failed group once more, one by one.
                if job in jobs and not (jobs[job].failure and jobs[job].failure.group):
                    jobs[job] = replace(jobs[job], failure=failure)
    return jobs.values()
