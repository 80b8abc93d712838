"""The events that Snakemake logs while it runs, a line of JSON each: writing and reading them.

The Snakefile has those of every run written to `.snakemake/ferflow/events`, whichever profile, display or
`quiet` a run has.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
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
    """A job: its rule, wildcards, cores, what it asks for, benchmark file and outputs.

    It asks for `memory` (MiB), `minutes` (its `runtime`), and `gpu_mb` (MiB of a GPU; 0 where it trains on
    none, or that is not known). `start` and `end` of its last attempt are in seconds since the start of the
    run; `end` is None where it did not end well, or has not run.
    """

    rule: str
    wildcards: dict[str, str] = field(default_factory=dict)
    threads: int = 1
    memory: float = 0.0
    benchmark: str | None = None
    outputs: Sequence[str] = ()
    start: float = 0.0
    end: float | None = None
    failure: Failure | None = None
    minutes: float = 0.0
    gpu_mb: float = 0.0

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


def _job(record: Any) -> dict:
    # Snakemake may not know yet what a job asks for.
    asked = {name: one for name, one in record.resources.items() if isinstance(one, int)}
    return {
        "rule": record.rule_name,
        "wildcards": record.wildcards,
        "threads": record.threads,
        "memory": asked.get("mem_mb", 0),
        "minutes": asked.get("runtime", 0),
        "gpu_mb": asked.get("gpu_mb", 0),
        "benchmark": record.benchmark,
        "outputs": record.output,
    }


def _failure(number: str | None, message: str | None, logs: list[str], group: bool) -> dict:
    # The cluster's log stands behind those of the rule.
    return {"number": number, "message": message or "", "log": logs[-1] if logs else None, "group": group}


_WRITTEN: dict[str, Callable[[Any], dict]] = {
    "job_info": lambda record: {"jobs": [record.jobid], "job": _job(record)},
    "job_finished": lambda record: {"jobs": [record.job_id]},
    "job_error": lambda record: {
        "jobs": [record.jobid],
        "failure": _failure(record.aux.get("external_jobid"), record.rule_msg, record.log, False),
    },
    "group_error": lambda record: {
        "jobs": [job["jobid"] for job in record.job_error_info],
        "failure": _failure(getattr(record, "external_jobid", None), None, record.aux_logs, True),
    },
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
    mend = f"name a file of {FOLDER}"
    try:
        text = Path(path).read_text(encoding="utf-8")
        # A run that was killed may have left half a line.
        first, *events = map(json.loads, text[: text.rfind("\n") + 1].splitlines())
        begin, last = first["time"], (events or [first])[-1]["time"]
        return Run(Path(path), first["study"], first["cores"], last - begin, jobs(events, begin))
    except OSError as error:
        raise InputError(path, f"cannot be read ({error})", mend) from None
    except (ValueError, TypeError, KeyError):
        raise InputError(path, "is no record of a run", mend) from None


def jobs(events: Iterable[dict], begin: float = 0.0) -> tuple[Job, ...]:
    """The jobs that events tell of, without the targets, which do nothing; `begin`: when their run began."""
    found: dict[int, Job] = {}
    for event in events:
        now = event["time"] - begin
        for number in event["jobs"]:
            if event["event"] == "job_info":  # an attempt more takes the place of one that failed
                found[number] = Job(**event["job"], start=now)
            elif event["event"] == "job_finished":
                found[number] = replace(found[number], end=now, failure=None)
            # Snakemake names the jobs of a failed group once more, one by one.
            elif not (found[number].failure and found[number].failure.group):
                found[number] = replace(found[number], failure=Failure(**event["failure"]))
    return tuple(job for job in found.values() if job.outputs)


def benchmark(path: Path) -> tuple[float | None, float | None, float | None]:
    """Processor seconds, wall-clock seconds and greatest memory (MB) of a benchmark file; None if unknown."""
    try:
        head, row, *_ = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return None, None, None
    values = dict(zip(head.split("\t"), row.split("\t"), strict=False))

    def number(name: str) -> float | None:
        try:
            return float(values.get(name, ""))
        except ValueError:
            return None

    cpu, wall = number("cpu_time"), number("s")
    # Snakemake samples; a job that ended before its first sample has no processor time.
    return cpu or wall, wall, number("max_rss")
