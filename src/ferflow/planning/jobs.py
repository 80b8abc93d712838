"""The jobs of a study, as Snakemake's own dry run lists them, and those of earlier runs, from their logs."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ferflow.errors import FerflowError
from ferflow.report import overhead

_RULE = re.compile(r"(?:local)?(?:rule|checkpoint) (\w+):")
_FIELD = re.compile(r" {4}(jobid|benchmark|threads|wildcards|resources|output): (.+)")
_FINISHED = re.compile(r"Finished jobid: (\d+)")
_RESULTS = re.compile(r"results/([^/\s,]+)/")


@dataclass(frozen=True)
class Job:
    """A job: its rule, wildcards, cores, the memory that it asks for (MB), benchmark file and outputs."""

    rule: str
    wildcards: dict[str, str] = field(default_factory=dict)
    threads: int = 1
    memory: float = 0.0
    gpu: bool = False
    benchmark: str | None = None
    outputs: tuple[str, ...] = ()


def parse(lines: Iterable[str]) -> Iterator[tuple[int, Job]]:
    """Jobs with their numbers in the words of a dry run or a log, in their order."""
    rule, fields = None, {}
    for line in [*lines, "end"]:
        if found := _RULE.fullmatch(line):
            if rule is not None:
                yield from _job(rule, fields)
            rule, fields = found[1], {}
        elif rule is not None and (found := _FIELD.match(line)):
            fields.setdefault(found[1], found[2])
        elif rule is not None and not line.startswith("    "):
            yield from _job(rule, fields)
            rule = None


def _job(rule: str, fields: dict[str, str]) -> Iterator[tuple[int, Job]]:
    if rule == overhead.TARGET or rule.startswith("all_") or "jobid" not in fields:
        return
    resources = dict(one.split("=", 1) for one in fields.get("resources", "").split(", ") if "=" in one)
    asked = resources.get("mem_mb", "0")
    yield (
        int(fields["jobid"]),
        Job(
            rule,
            dict(one.split("=", 1) for one in fields.get("wildcards", "").split(", ") if "=" in one),
            int(fields.get("threads", 1)),
            float(asked) if asked.isdigit() else 0.0,
            resources.get("gpu", "0") not in ("0", "") or "gres" in resources,
            fields.get("benchmark"),
            tuple(one.split(" (")[0] for one in fields.get("output", "").split(", ") if one),
        ),
    )


def planned(folder: Path, overlays: Sequence[Path], everything: bool, snakefile: Path) -> list[Job]:
    """The jobs that Snakemake would run in `folder`; with `everything` also those that are done.

    Raises FerflowError with Snakemake's own line where the study cannot be run.
    """
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(snakefile), "--directory", str(folder)]
    command += ["--profile", "none", "--dry-run", "--cores", "1", "--nolock", "--nocolor"]
    command += ["--configfile", *map(str, overlays)] if overlays else []
    done = subprocess.run([*command, *(["--forceall"] if everything else [])], capture_output=True, text=True)
    said = done.stdout + done.stderr
    if done.returncode != 0:
        lines = [line for line in said.splitlines() if "error" in line.lower()]
        reason = lines[0].removeprefix("ferflow: error: ") if lines else "no reason given"
        raise FerflowError(folder, f"the study cannot be run there ({reason})", "mend that first")
    return [job for _, job in parse(said.splitlines())]


@dataclass(frozen=True)
class Past:
    """A job that ended: `study` whose results its run wrote to, seconds from start to end by the log."""

    job: Job
    study: str | None
    span: float


def past(folder: Path) -> list[Past]:
    """The newest run of every job that the logs of `folder` tell of. InputError where there are no logs."""
    found: dict[tuple, Past] = {}
    for log in overhead.logs(folder):
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        listed = dict(parse(lines))
        ended = {int(one[1]) for line in lines if (one := _FINISHED.match(line))}
        studies = [name for job in listed.values() for path in job.outputs for name in _RESULTS.findall(path)]
        study = max(set(studies), key=studies.count) if studies else None
        spans = _spans(log)
        for number in sorted(ended & set(listed)):
            job = listed[number]
            # Where outputs are the study's own, another study's are another job.
            key = (
                job.rule,
                tuple(sorted(job.wildcards.items())),
                _RESULTS.findall(" ".join(job.outputs))[:1],
            )
            found.pop(str(key), None)  # the newest comes last
            found[str(key)] = Past(job, study, spans.get(job.rule, 0.0))
    return _without_overwritten(found.values())


def _spans(log: Path) -> dict[str, float]:
    """Mean seconds of a job of each rule; none where the log is of no run."""
    try:
        run = overhead.read(log)
    except FerflowError:
        return {}
    sums: dict[str, list[float]] = {}
    for job in run.jobs:
        sums.setdefault(job.rule, []).append(job.end - job.start)
    return {rule: sum(each) / len(each) for rule, each in sums.items()}


def _without_overwritten(jobs: Iterable[Past]) -> list[Past]:
    """A benchmark file belongs to the last job that wrote it."""
    jobs = list(jobs)
    last = {one.job.benchmark: place for place, one in enumerate(jobs) if one.job.benchmark}
    return [
        one
        if one.job.benchmark is None or last[one.job.benchmark] == place
        else replace(one, job=replace(one.job, benchmark=None))
        for place, one in enumerate(jobs)
    ]
