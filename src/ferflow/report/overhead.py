"""How much of a run of the workflow was work: the times of its jobs against the wall clock times the cores.

Read from what Snakemake leaves in the working folder: the log of the run (`.snakemake/log`), which says when
a job was started and ended, to the second, and the benchmark files, which say how long a job's script took,
its own start and the loading of its modules with it.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from statistics import median

from ferflow.errors import InputError
from ferflow.files import write_text

LOGS = ".snakemake/log"
TARGET = "all"
"""A rule that only asks for files; it is listed as a job and does nothing."""
ROUNDING = 2.0
"""Seconds by which a job's benchmark may exceed what the log, in whole seconds, leaves for it."""
_STAMP = re.compile(r"\[(\w{3} \w{3} +\d+ [\d:]{8} \d{4})\]")
_RULE = re.compile(r"(?:local)?(?:rule|checkpoint) (\w+):")
_FIELD = re.compile(r" {4}(jobid|benchmark|threads): (.+)")
_FINISHED = re.compile(r"Finished jobid: (\d+)")
_RESULTS = re.compile(r"results/([^/\s,]+)/")
_FAILED = re.compile(r"Error in rule \w+")
_CORES = re.compile(r"Provided cores: (\d+)")
_ELAPSED = re.compile(r"Elapsed time: (?:(\d+) days?, )?(\d+):(\d+):([\d.]+)")


@dataclass(frozen=True)
class Job:
    """A job: `start` and `end` in seconds since the run's first, its cores, its benchmark file."""

    rule: str
    start: float
    end: float
    cores: int = 1
    benchmark: str | None = None

    @property
    def span(self) -> float:
        """Core-seconds from its start to its end, as the scheduler saw them."""
        return (self.end - self.start) * self.cores


@dataclass(frozen=True)
class Run:
    """What a log says: wall-clock seconds, the cores there were, and the jobs that ended."""

    log: Path
    wall: float
    cores: int
    jobs: tuple[Job, ...]
    failed: int
    studies: frozenset[str] = frozenset()
    """Whose results it wrote to."""


def logs(folder: str | Path) -> list[Path]:
    """The logs of a working folder, the oldest first. InputError where there are none."""
    found = sorted((Path(folder) / LOGS).glob("*.snakemake.log"))
    if not found:
        raise InputError(Path(folder) / LOGS, "holds no log of a run", "run the workflow there first")
    return found


def newest(folder: str | Path, study: str | None = None) -> Run:
    """The newest run of a working folder that ended a job, of `study` where one is named.

    InputError where there is none.
    """
    for log in reversed(logs(folder)):
        try:
            run = read(log)
        except InputError:
            continue  # a report or a dry run, or one that was stopped at once
        if study is None or study in run.studies:
            return run
    whose = "" if study is None else f" of study {study}"
    raise InputError(
        Path(folder) / LOGS, f"holds no run{whose} that ended a job", "run the workflow there first"
    )


def read(log: str | Path) -> Run:
    """Read a log. InputError for a file that is no log of a run on this machine, or of one without a job."""
    try:
        lines = Path(log).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(log, f"cannot be read ({error})", "name a log of .snakemake/log") from None
    cores, elapsed, first, now = None, None, None, None
    open_jobs: dict[int, Job] = {}
    ended: list[Job] = []
    rule, failed, failing = None, 0, False
    fields: dict[str, str] = {}
    studies: set[str] = set()

    def begin() -> None:
        nonlocal rule
        if rule is not None and "jobid" in fields and now is not None:
            n = int(fields.get("threads", 1))
            open_jobs[int(fields["jobid"])] = Job(rule, started, started, n, fields.get("benchmark"))
        rule = None

    started = 0.0
    for line in lines:
        if stamp := _STAMP.fullmatch(line):
            begin()
            now = datetime.strptime(stamp[1], "%a %b %d %H:%M:%S %Y")
            first = first or now
        elif found := _RULE.fullmatch(line):
            rule, fields, failing = found[1], {}, False
            started = 0.0 if now is None else (now - first).total_seconds()
        elif _FAILED.match(line):
            failing = True
        elif found := _FIELD.match(line):
            if failing and found[1] == "jobid":
                failed += open_jobs.pop(int(found[2]), None) is not None
                failing = False
            fields.setdefault(found[1], found[2])
        elif line.startswith("    output: "):
            studies.update(_RESULTS.findall(line))
        elif found := _FINISHED.match(line):
            job = open_jobs.pop(int(found[1]), None)
            if job is not None:
                ended.append(replace(job, end=(now - first).total_seconds()))
        elif found := _CORES.match(line):
            cores = int(found[1])
        elif found := _ELAPSED.match(line):
            days, hours, minutes, seconds = found.groups()
            elapsed = ((int(days or 0) * 24 + int(hours)) * 60 + int(minutes)) * 60 + float(seconds)
    jobs = tuple(job for job in ended if job.rule != TARGET)
    if not jobs or now is None:
        raise InputError(log, "names no job that ended", "name the log of a run that did something")
    if cores is None:
        raise InputError(log, "does not say its number of cores", "name the log of a run on one machine")
    wall = elapsed if elapsed is not None else (now - first).total_seconds()
    return Run(Path(log), wall, cores, jobs, failed, frozenset(studies))


def measured(folder: str | Path, jobs: Iterable[Job]) -> list[float | None]:
    """Seconds of each job's script by its benchmark file; None where there is none, or not of that job."""
    found: list[float | None] = []
    for job in jobs:
        seconds = None if job.benchmark is None else _seconds(Path(folder) / job.benchmark)
        # A later run writes over the file.
        fits = seconds is not None and seconds <= job.end - job.start + ROUNDING
        found.append(seconds if fits else None)
    return found


def _seconds(path: Path) -> float | None:
    """Column `s` of a benchmark file; the mean of its lines."""
    try:
        head, *rows = path.read_text(encoding="utf-8").splitlines()
        column = head.split("\t").index("s")
        values = [float(row.split("\t")[column]) for row in rows if row]
        return sum(values) / len(values)
    except (OSError, ValueError, IndexError, ZeroDivisionError):
        return None


def alone(jobs: Sequence[Job], cores: int) -> dict[str, float]:
    """Core-seconds that lay idle while some job ran, by the rule of what ran; the largest first.

    Where several ran, each takes its part.
    """
    moments = sorted({moment for job in jobs for moment in (job.start, job.end)})
    idle: dict[str, float] = defaultdict(float)
    for begin, end in pairwise(moments):
        running = [job for job in jobs if job.start <= begin and job.end >= end]
        free = max(0, cores - sum(job.cores for job in running)) * (end - begin)
        for job in running:
            idle[job.rule] += free / len(running)
    return dict(sorted(((r, s) for r, s in idle.items() if s > 0), key=lambda item: -item[1]))


def summary(folder: str | Path, run: Run) -> dict[str, object]:
    """The shares of wall time x cores, as JSON values.

    `jobs`: from the start to the end of every job. `work`: what the jobs' scripts took; a job without a
    benchmark counts with its span less what lies around those that have one (median). `starts`: the
    difference of the two. `idle`: no job had the core, of which `alone` says beside which rules.
    """
    seconds = measured(folder, run.jobs)
    known = [(job, s) for job, s in zip(run.jobs, seconds, strict=True) if s is not None]
    start = median(max(0.0, job.end - job.start - s) for job, s in known) if known else 0.0
    span = work = 0.0
    by_rule: dict[str, list[float]] = defaultdict(list)
    for job, s in zip(run.jobs, seconds, strict=True):
        took = max(0.0, job.end - job.start - start) if s is None else s
        # The log's seconds are whole ones, so a short job's script may seem to outlast it.
        span += max(job.span, 0.0)
        work += took * job.cores
        by_rule[job.rule].append(took * job.cores)
    capacity = run.wall * run.cores
    rules = sorted(by_rule.items(), key=lambda item: -sum(item[1]))
    return {
        "log": run.log.name,
        "wall": run.wall,
        "cores": run.cores,
        "jobs": len(run.jobs),
        "jobs_measured": len(known),
        "jobs_failed": run.failed,
        "start_of_a_job": start,
        "share_jobs": span / capacity,
        "share_work": work / capacity,
        "share_starts": (span - work) / capacity,
        "share_idle": 1 - span / capacity,
        "alone": {rule: s / capacity for rule, s in alone(run.jobs, run.cores).items()},
        "rules": {rule: {"jobs": len(each), "seconds": sum(each)} for rule, each in rules},
    }


def of_folder(
    folder: str | Path, log: str | Path | None = None, study: str | None = None
) -> dict[str, object]:
    """`summary` of the newest run of a working folder (of `study`), or of the run with that log."""
    return summary(folder, newest(folder, study) if log is None else read(log))


def lines(found: dict, most: int = 5) -> list[str]:
    """The summary in words."""
    said = [
        f"{found['jobs']} jobs in {found['wall'] / 60:.1f} min on {found['cores']} cores ({found['log']})"
        + (f"; {found['jobs_failed']} more failed" if found["jobs_failed"] else ""),
        f"sum of job times / (wall time x cores): {found['share_jobs']:.1%}",
        f"  their scripts by the {found['jobs_measured']} benchmark files: {found['share_work']:.1%}",
        f"  around the scripts, {found['start_of_a_job']:.1f} s a job (median): {found['share_starts']:.1%}",
        f"cores without a job: {found['share_idle']:.1%}",
    ]
    beside = [f"{rule} {share:.1%}" for rule, share in list(found["alone"].items())[:most]]
    if beside:
        said.append(f"  of which beside {', '.join(beside)}")
    rules = list(found["rules"].items())[:most]
    longest = ", ".join(f"{rule} {one['seconds'] / 60:.1f} ({one['jobs']})" for rule, one in rules)
    said.append(f"most work, core-minutes (jobs): {longest}")
    return said


def write(path: str | Path, found: dict) -> None:
    """Write a summary as JSON."""
    write_text(path, json.dumps(found, indent=2) + "\n")
