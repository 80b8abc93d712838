"""A plan: of every rule its jobs, processor hours, storage and memory, before any of them runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from ferflow import shards
from ferflow.planning.rates import Rate, Rates
from ferflow.runs.events import Job
from ferflow.settings import Settings
from ferflow.steps.computing import STEPS
from ferflow.steps.cost import Costs
from ferflow.steps.sizes import of_job
from ferflow.steps.work import CONSTANT, IMAGE, STEPPED, VERSION, Sizes, Work

SHORT = 4.0
"""Seconds that a job without any record counts: tables and figures, which have no benchmark file."""
MEASURABLE = (*STEPPED, VERSION)
"""Work that a network does, of which one step or pass can be measured."""
LOOSE = "was mostly its start: too high for more data"


@dataclass
class Row:
    """A rule: its jobs, how each grows, processor and GPU seconds, bytes, memory measured and requested (MB).

    `longest`: seconds of its longest job. `gpu_memory` is what a job takes of a GPU (MB). `remark` says where
    a cost is of something else; `assumed`: it is not known.
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
    gpu_memory: float = 0.0
    remark: str = ""
    assumed: bool = False

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
    costs: Costs | None = None,
) -> list[Row]:
    """The rows of a plan, the most work first.

    `times` multiplies the data: as many subjects more, each with clips as now, several in a job where they
    are many (`dataset.subjects_per_job`). The images that a network for
    single images learns from stay as many. `step` measures a training step where no rate of that network is
    known: given a rule and a name, seconds a clip and the device, or None. `costs` are stated rates, for what
    is neither known nor measured, and for all that a GPU of theirs would do.
    """
    rows: dict[str, Row] = {}
    joined = _joined(settings, len(size.subjects), times)
    for job in jobs:
        work = of_job(job.rule, job.wildcards, settings, size)
        row = rows.setdefault(job.rule, Row(job.rule, work.per, "subject" in job.wildcards))
        copies, work = _multiplied(job, work, times, joined)
        rate, device = rates.of(job.rule, work), "cpu"
        unsure = rate is None or rate.loose or rate.of.startswith("as with")
        known = costs is not None and job.rule in STEPS
        if known and costs.machine.is_gpu and step is None and STEPS[job.rule].gpu:
            rate, device = _stated(rate, costs, job, work), "cuda"
        elif unsure and step is not None and work.per in MEASURABLE:
            rate, device = _of_step(rate, step(job.rule, _name(job)), costs, job, work)
        if rate is None and known:
            rate = _stated(rate, costs, job, work)
        row.jobs += copies
        row.requested = max(row.requested, job.memory)
        row.gpu_memory = max(row.gpu_memory, job.gpu_mb)
        if rate is None:
            row.assumed = True
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
    for row in rows.values():
        row.jobs = math.ceil(row.jobs)
        if row.assumed:
            known = row.per == CONSTANT
            row.remark = f"never run: {SHORT:g} s a job assumed" if known else "never run: not counted"
    return sorted(rows.values(), key=lambda row: -row.seconds)


def _stated(rate: Rate | None, costs: Costs, job: Job, work: Work) -> Rate:
    """A job's time by stated rates, in place of that of `rate`."""
    seconds = costs.seconds(job.rule, work, costs.passes(job.rule, job.wildcards))
    stored = costs.stored(job.rule, work)
    rate = rate or Rate(bytes_each=stored)
    return replace(rate, start=seconds, each=0.0, of=f"stated rates, {costs.machine.name}", loose=False)


def _name(job: Job) -> str:
    return next(
        (job.wildcards[name] for name in ("head", "network", "run", "model") if name in job.wildcards), ""
    )


def _joined(settings: Settings, subjects: int, times: int) -> float:
    """By how much more subjects there are in a job of `times` as many; rendered ones have a job each."""
    if settings.kind != "clips" or settings.data()[1] or settings.dataset.subjects_per_job:
        return 1.0
    return shards.size(times * subjects) / shards.size(subjects)


def _multiplied(job: Job, work: Work, times: int, joined: float) -> tuple[float, Work]:
    if "subject" in job.wildcards:
        return times / joined, Work(work.per, work.amount * joined, work.variant)
    if work.per in (CONSTANT, IMAGE):
        return 1, work
    return 1, Work(work.per, work.amount * times, work.variant)


def _of_step(
    rate: Rate | None, found: tuple[float, str] | None, costs: Costs | None, job: Job, work: Work
) -> tuple[Rate | None, str]:
    """A measured step in place of a missing rate; the rest of the rate stays as it is, or is stated."""
    if found is None:
        return rate, "cpu"
    seconds, device = found
    if rate is None and costs is not None:
        start, each = costs.besides(job.rule, work, costs.passes(job.rule, job.wildcards))
        rate = Rate(start, bytes_each=costs.stored(job.rule, work))
        seconds += each
    return replace(rate or Rate(), each=seconds, of="a step measured now", loose=False), device
