"""What a unit of each rule's work took in earlier runs, by their benchmark files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ferflow import layout
from ferflow import settings as study_settings
from ferflow.errors import FerflowError, InputError
from ferflow.planning import jobs
from ferflow.runs import events
from ferflow.runs.events import Job
from ferflow.steps import sizes
from ferflow.steps import work as works
from ferflow.steps.work import CONSTANT, STEPPED, Work

GROWING = (works.FRAME, works.VERSION, works.CLIP)
"""Whose outputs grow with the data; a network's file does not."""


@dataclass(frozen=True)
class Measured:
    """A past job: its work, processor and wall-clock seconds, peak memory (MB), bytes written."""

    rule: str
    work: Work
    cpu: float
    wall: float
    memory: float
    written: float


@dataclass(frozen=True)
class Rate:
    """Of jobs of one kind: seconds that each takes anyway, seconds and bytes a unit; `memory` in MB.

    `bytes_each` are those of a job whatever its work. `jobs` is how many it rests on, `of` what it was
    measured on where that is something else than asked. `loose`: those jobs were mostly their start, so that
    what a unit takes is lost in its spread.
    """

    start: float = 0.0
    each: float = 0.0
    bytes_unit: float = 0.0
    bytes_each: float = 0.0
    memory: float = 0.0
    jobs: int = 0
    of: str = ""
    loose: bool = False

    def seconds(self, amount: float) -> float:
        """Processor seconds of a job of so many units."""
        return self.start + self.each * amount

    def bytes(self, amount: float) -> float:
        """Bytes that such a job leaves."""
        return self.bytes_each + self.bytes_unit * amount


def measured(folder: Path) -> list[Measured]:
    """The jobs that the runs and benchmark files of `folder` tell of, with the settings kept beside results.

    Raises InputError where no run has been recorded there.
    """
    known: dict[str, tuple] = {}
    found = []
    for study, job in jobs.past(folder):
        if study not in known:
            known[study] = _of_study(folder, study)
        about = known[study]
        if about is not None:
            found.append(_measured(folder, job, *about))
    if not found:
        what = "holds no run whose results keep their settings"
        raise InputError(folder, what, "run a study there first, `make demo` say")
    return found


def _of_study(folder: Path, study: str) -> tuple | None:
    path = folder / layout.SETTINGS.format(study=study)
    if not path.is_file():
        return None
    try:
        settings = study_settings.load(path)
        return settings, sizes.of_study(settings, folder)
    except FerflowError:
        return None  # of another version, or its data are gone


def _measured(folder: Path, job: Job, settings, size) -> Measured:
    cpu, wall, memory = events.benchmark(folder / job.benchmark) if job.benchmark else (None, None, None)
    wall = job.seconds if wall is None else wall
    written = sum(_size(folder / path) for path in job.outputs)
    work = sizes.of_job(job.rule, job.wildcards, settings, size)
    return Measured(job.rule, work, wall if cpu is None else cpu, wall, memory or 0.0, written)


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(one.stat().st_size for one in path.rglob("*") if one.is_file())
    return path.stat().st_size if path.is_file() else 0


class Rates:
    """The rates of all kinds of jobs in `jobs`."""

    def __init__(self, jobs: Iterable[Measured]) -> None:
        self._by_rule: dict[tuple[str, str], list[Measured]] = defaultdict(list)
        self._by_variant: dict[tuple[str, str], list[Measured]] = defaultdict(list)
        self._of_rule: dict[str, list[Measured]] = defaultdict(list)
        for job in jobs:
            self._by_rule[job.rule, job.work.variant].append(job)
            self._of_rule[job.rule].append(job)
            if job.work.per in STEPPED and job.work.variant:
                self._by_variant[job.work.per, job.work.variant].append(job)
        self._starts: dict[str, float] = {}
        for job in (job for same in self._of_rule.values() for job in same):
            sort = _sort(job.work.per)
            self._starts[sort] = min(job.cpu, self._starts.get(sort, job.cpu))

    def of(self, rule: str, work: Work) -> Rate | None:
        """The rate of jobs like this: of the same rule and variant, else of the variant, else of the rule.

        None where nothing like it was ever run.
        """
        same = self._by_rule.get((rule, work.variant))
        if same:
            return self._rate(same)
        alike = self._by_variant.get((work.per, work.variant))
        if alike:
            return self._rate(alike, f"as {alike[0].rule}")
        others = [job for job in self._of_rule.get(rule, []) if job.work.per == work.per]
        if others:
            names: Mapping[str, None] = dict.fromkeys(job.work.variant for job in others)
            return self._rate(others, f"as with {', '.join(names)}")
        return None

    def _rate(self, same: list[Measured], of: str = "") -> Rate:
        """A start that all share, and the rest by the unit.

        The start is the least time that any job of its sort took, trainings and others apart: the loading of
        libraries is most of it.
        """
        n, amount = len(same), sum(job.work.amount for job in same)
        cpu, memory = sum(job.cpu for job in same), max(job.memory for job in same)
        written = sum(job.written for job in same)
        per = same[0].work.per
        if per == CONSTANT or amount == 0:
            return Rate(cpu / n, 0.0, 0.0, written / n, memory, n, of)
        start = min(self._starts[_sort(per)], *(job.cpu for job in same))
        each = (cpu - n * start) / amount
        if per in GROWING:
            return Rate(start, each, written / amount, 0.0, memory, n, of)
        return Rate(start, each, 0.0, written / n, memory, n, of, loose=each * amount < n * start)


def _sort(per: str) -> str:
    """What jobs of which kinds of work load the same libraries: trainings each apart, the others together."""
    return per if per in STEPPED else ""
