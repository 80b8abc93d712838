"""A plan: of every rule its jobs, processor hours, storage and memory, before any of them runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from ferflow.planning.rates import Rate, Rates
from ferflow.planning.sizes import of_job
from ferflow.runs.events import Job
from ferflow.settings import Settings
from ferflow.steps.work import CONSTANT, IMAGE, STEPPED, VERSION, Sizes, Work

SHORT = 4.0
"""Seconds that a job without any record counts: tables and figures, which have no benchmark file."""
MEASURABLE = (*STEPPED, VERSION)
"""Work that a network does, of which one step or pass can be measured."""
LOOSE = "was mostly its start: too high for more data; --measure"


@dataclass
class Row:
    """A rule: its jobs, how each grows, processor and GPU seconds, bytes, memory measured and requested (MB).

    `longest`: seconds of its longest job. `remark` says where a cost is of something else, or is not known.
    """

    rule: str
    per: str
    by_subject: bool = False
    jobs: int = 0
    seconds: float = 0.0
    trained: float = 0.0
    gpu: float = 0.0
    longest: float = 0.0
    bytes: float = 0.0
    memory: float = 0.0
    requested: float = 0.0
    remark: str = ""

    @property
    def grows(self) -> str:
        """How the rule grows with the data."""
        if self.per == CONSTANT:
            return "a job a subject" if self.by_subject else CONSTANT
        return f"a job a subject, per {self.per}" if self.by_subject else f"per {self.per}"


def plan(
    jobs: Iterable[Job],
    settings: Settings,
    size: Sizes,
    rates: Rates,
    times: int = 1,
    step: Callable[[str, str], tuple[float, str] | None] | None = None,
) -> list[Row]:
    """The rows of a plan, the most work first.

    `times` multiplies the data: as many subjects more, each with clips as now. The images that a network for
    single images learns from stay as many. `step` measures a training step where no rate of that network is
    known: given a rule and a name, seconds a clip and the device, or None.
    """
    rows: dict[str, Row] = {}
    unknown: dict[str, int] = defaultdict(int)
    for job in jobs:
        work = of_job(job.rule, job.wildcards, settings, size)
        row = rows.setdefault(job.rule, Row(job.rule, work.per, "subject" in job.wildcards))
        copies, work = _multiplied(job, work, times)
        rate, device = rates.of(job.rule, work), "cpu"
        unsure = rate is None or rate.loose or rate.of.startswith("as with")
        if unsure and step is not None and work.per in MEASURABLE:
            rate, device = _of_step(rate, step(job.rule, _name(job)))
        row.jobs += copies
        row.requested = max(row.requested, job.memory)
        if rate is None:
            unknown[job.rule] += copies
            rate = Rate(SHORT if work.per == CONSTANT else 0.0)
        if rate.of or rate.loose:
            row.remark = rate.of or LOOSE
        seconds = rate.seconds(work.amount)
        row.seconds += copies * seconds
        row.trained += copies * seconds if work.per in STEPPED else 0.0
        row.gpu += copies * seconds if device == "cuda" else 0.0
        row.longest = max(row.longest, seconds)
        row.bytes += copies * rate.bytes(work.amount)
        row.memory = max(row.memory, rate.memory)
    for rule, n in unknown.items():
        known = rows[rule].per == CONSTANT
        rows[rule].remark = (
            f"never run: {SHORT:g} s a job assumed" if known else f"{n} jobs never run: not counted"
        )
    return sorted(rows.values(), key=lambda row: -row.seconds)


def _name(job: Job) -> str:
    return next(
        (job.wildcards[name] for name in ("head", "network", "run", "model") if name in job.wildcards), ""
    )


def _multiplied(job: Job, work: Work, times: int) -> tuple[int, Work]:
    if "subject" in job.wildcards:
        return times, work
    if work.per in (CONSTANT, IMAGE):
        return 1, work
    return 1, Work(work.per, work.amount * times, work.variant)


def _of_step(rate: Rate | None, found: tuple[float, str] | None) -> tuple[Rate | None, str]:
    """A measured step in place of a missing rate; the rest of the rate stays as it is."""
    if found is None:
        return rate, "cpu"
    seconds, device = found
    return replace(rate or Rate(), each=seconds, of="a step measured now", loose=False), device
