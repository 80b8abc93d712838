"""How much of a run of the workflow was work: the times of its jobs against the wall clock times the cores.

Read from the events of the run, which say when a job was started and ended, and from the benchmark files,
which say how long a job's script took, its own start and the loading of its modules with it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median

from ferflow.errors import InputError
from ferflow.files import write_text
from ferflow.runs import events
from ferflow.runs.events import Job, Run


def newest(folder: str | Path, study: str | None = None) -> Run:
    """The newest run of a working folder on this machine that ended a job, of `study` where one is named.

    InputError where there is none.
    """
    for run in events.runs(folder):
        if run.cores is not None and study in (None, run.study):
            return run
    whose = "" if study is None else f" of study {study}"
    what = f"holds no run{whose} that ended a job"
    raise InputError(Path(folder) / events.FOLDER, what, "run the workflow there first")


def measured(folder: str | Path, jobs: Iterable[Job]) -> list[float | None]:
    """Seconds of each job's script by its benchmark file; None where there is none, or not of that job."""
    found: list[float | None] = []
    for job in jobs:
        seconds = None if job.benchmark is None else events.benchmark(Path(folder) / job.benchmark)[1]
        # A later run writes over the file.
        fits = seconds is not None and seconds <= job.seconds
        found.append(seconds if fits else None)
    return found


def alone(jobs: Sequence[Job], cores: int) -> dict[str, float]:
    """Core-seconds that lay idle while some job ran, by the rule of what ran; the largest first.

    Where several ran, each takes its part.
    """
    moments = sorted({moment for job in jobs for moment in (job.start, job.end)})
    idle: dict[str, float] = defaultdict(float)
    for begin, end in pairwise(moments):
        running = [job for job in jobs if job.start <= begin and job.end >= end]
        free = max(0, cores - sum(job.threads for job in running)) * (end - begin)
        for job in running:
            idle[job.rule] += free / len(running)
    return dict(sorted(((r, s) for r, s in idle.items() if s > 0), key=lambda item: -item[1]))


def summary(folder: str | Path, run: Run) -> dict[str, object]:
    """The shares of wall time x cores, as JSON values.

    `jobs`: from the start to the end of every job. `work`: what the jobs' scripts took; a job without a
    benchmark counts with its span less what lies around those that have one (median). `starts`: the
    difference of the two. `idle`: no job had the core, of which `alone` says beside which rules.
    Raises InputError for a run that ended no job, or that was not on this machine.
    """
    jobs = run.ended
    if not jobs or run.cores is None:
        what = "does not say its number of cores" if jobs else "names no job that ended"
        raise InputError(run.path, what, "name the record of a run on one machine that did something")
    seconds = measured(folder, jobs)
    around = [job.seconds - s for job, s in zip(jobs, seconds, strict=True) if s is not None]
    start = median(around) if around else 0.0
    work = 0.0
    by_rule: dict[str, list[float]] = defaultdict(list)
    for job, s in zip(jobs, seconds, strict=True):
        took = max(0.0, job.seconds - start) if s is None else s
        work += took * job.threads
        by_rule[job.rule].append(took * job.threads)
    span = sum(job.seconds * job.threads for job in jobs)
    capacity = run.wall * run.cores
    rules = sorted(by_rule.items(), key=lambda item: -sum(item[1]))
    return {
        "log": run.path.name,
        "wall": run.wall,
        "cores": run.cores,
        "jobs": len(jobs),
        "jobs_measured": len(around),
        "jobs_failed": sum(job.failure is not None for job in run.jobs),
        "start_of_a_job": start,
        "share_jobs": span / capacity,
        "share_work": work / capacity,
        "share_starts": (span - work) / capacity,
        "share_idle": 1 - span / capacity,
        "alone": {rule: s / capacity for rule, s in alone(jobs, run.cores).items()},
        "rules": {rule: {"jobs": len(each), "seconds": sum(each)} for rule, each in rules},
    }


def of_folder(
    folder: str | Path, log: str | Path | None = None, study: str | None = None
) -> dict[str, object]:
    """`summary` of the newest run of a working folder (of `study`), or of the run with the events `log`."""
    return summary(folder, newest(folder, study) if log is None else events.read(log))


def lines(found: dict, most: int = 5) -> list[str]:
    """The summary in words."""
    words = [
        f"{found['jobs']} jobs in {found['wall'] / 60:.1f} min on {found['cores']} cores ({found['log']})"
        + (f"; {found['jobs_failed']} more failed" if found["jobs_failed"] else ""),
        f"sum of job times / (wall time x cores): {found['share_jobs']:.1%}",
        f"  their scripts by the {found['jobs_measured']} benchmark files: {found['share_work']:.1%}",
        f"  around the scripts, {found['start_of_a_job']:.1f} s a job (median): {found['share_starts']:.1%}",
        f"cores without a job: {found['share_idle']:.1%}",
    ]
    others = [f"{rule} {share:.1%}" for rule, share in list(found["alone"].items())[:most]]
    if others:
        words.append(f"  of which beside {', '.join(others)}")
    rules = list(found["rules"].items())[:most]
    longest = ", ".join(f"{rule} {one['seconds'] / 60:.1f} ({one['jobs']})" for rule, one in rules)
    words.append(f"most work, core-minutes (jobs): {longest}")
    return words


def write(path: str | Path, found: dict) -> None:
    """Write a summary as JSON."""
    write_text(path, json.dumps(found, indent=2) + "\n")
