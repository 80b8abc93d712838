"""The kinds of a study's jobs, and what a rehearsal found of each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ferflow import short_run
from ferflow.rehearsal import outputs
from ferflow.runs.events import Job
from ferflow.settings import Settings
from ferflow.short_run import Measured
from ferflow.steps import sizes
from ferflow.steps.computing import STEPS
from ferflow.steps.work import STEPPED, Sizes, Work

ALIKE = ("subject", *short_run.REPEATED)
"""Wildcards in which jobs of one kind differ."""
GIVEN = ("weights", "published_weights")
"""Rules whose files a rehearsal puts there itself."""
OK, TOO_LARGE, LOW = "ok", "not run: too large for this machine", "asked too low"

Key = tuple[str, str]


@dataclass
class Kind:
    """Jobs that differ in whose data they see alone: a row of a rehearsal's table.

    `jobs` are those of the real study, `ran` and `lacking` those of the rehearsal. Memory in MiB: the most
    that a job of it had, and the least that the real study's jobs ask for. `step` are seconds of a training
    step of `items`, `hours` and `allowed` those of the longest job of the real study.
    """

    rule: str
    of: str
    jobs: int = 0
    ran: int = 0
    memory: float = 0.0
    asked: float = 0.0
    step: float | None = None
    items: int = 0
    hours: float | None = None
    allowed: float | None = None
    lacking: list[str] = field(default_factory=list)
    state: str = ""

    @property
    def name(self) -> str:
        return f"{self.rule} {self.of}".strip()

    @property
    def fine(self) -> bool:
        """Whether nothing is wrong with it: it ran, or says what memory it wants."""
        return self.state in (OK, TOO_LARGE)


def key(job: Job) -> Key:
    """The rule of a job, and those of its wildcards that say what it trains or reads."""
    return job.rule, " ".join(value for name, value in job.wildcards.items() if name not in ALIKE)


def table(
    real: Sequence[Job],
    rehearsed: Sequence[Job],
    folder: Path,
    settings: Settings,
    size: Sizes,
    small: Sizes,
    memory: float,
    shown: Mapping[str, str],
    failed: Mapping[str, str],
) -> list[Kind]:
    """A row for each kind of the jobs `real` of the study with `settings` and of `size`.

    `rehearsed` are the jobs that the rehearsal in `folder` was to run, on data of size `small` and a machine
    of so much `memory` (MiB); `failed` says of outputs why their jobs failed.
    """
    rows: dict[Key, Kind] = {}
    works: dict[Key, Work] = {}
    for job in real:
        row = rows.setdefault(key(job), Kind(*key(job)))
        row.jobs += 1
        row.asked = min(row.asked or job.memory, job.memory)
        if job.minutes:
            row.allowed = min(row.allowed or job.minutes / 60, job.minutes / 60)
        work = sizes.of_job(job.rule, job.wildcards, settings, size)
        works[key(job)] = max(works.get(key(job), work), work, key=lambda work: work.amount)
    by_kind: dict[Key, list[Job]] = {}
    for job in rehearsed:
        by_kind.setdefault(key(job), []).append(job)
    for place, row in rows.items():
        jobs = by_kind.get(place, [])
        found = [one for one in (short_run.measured(folder, job.outputs) for job in jobs) if one]
        own = [sizes.of_job(one.rule, one.wildcards, settings, small).amount for one in found]
        _measure(row, found, own, works[place])
        row.ran = len(found)
        row.state = _state(row, jobs, found, folder, memory, shown, failed)
    return list(rows.values())


def _measure(row: Kind, found: Sequence[Measured], amounts: Sequence[float], work: Work) -> None:
    """What `found`, jobs of so much work each, say of the longest job of the real study, of `work`."""
    row.memory = max((one.memory for one in found), default=0.0)
    whole = [one for one in found if one.whole] or list(found)
    steps = [(seconds / items, seconds, items) for one in whole for items, seconds in one.steps if items]
    if steps:
        each, row.step, row.items = min(steps)
        row.hours = each * work.amount / 3600 if work.per in STEPPED else None
    elif found:
        row.hours = _seconds(amounts, [min(one.seconds, one.cpu) for one in found], work.amount) / 3600


def _seconds(amounts: Sequence[float], seconds: Sequence[float], amount: float) -> float:
    """Seconds of a job of so much work: its start, and more for each unit, by jobs of other amounts."""
    least, most = min(amounts), max(amounts)
    if most <= least:
        return max(seconds) * (max(1.0, amount / most) if most else 1.0)
    short, long = (max(s for a, s in zip(amounts, seconds, strict=True) if a == end) for end in (least, most))
    each = max(0.0, long - short) / (most - least)
    return short + each * max(0.0, amount - least)


def _state(
    row: Kind,
    jobs: Sequence[Job],
    found: Sequence[Measured],
    folder: Path,
    memory: float,
    shown: Mapping[str, str],
    failed: Mapping[str, str],
) -> str:
    paths = [path for job in jobs for path in job.outputs]
    if row.rule in GIVEN:
        row.lacking = outputs.lacking(folder, paths, shown)
        return "missing" if row.lacking else OK
    if row.asked > memory:
        return TOO_LARGE
    if not jobs:
        return "not run: the rehearsal has no such job"
    reasons = [failed[path] for path in paths if path in failed]
    if reasons:
        return f"failed: {reasons[0]}"
    row.lacking = outputs.lacking(folder, paths, shown)
    if row.lacking:
        missing = all(one.endswith("is missing") for one in row.lacking)
        return f"{'missing' if missing else 'invalid'}: {len(row.lacking)} of {len(paths)} files"
    if not found:
        return "not measured: its files are of an earlier run"
    low = ["memory"] * (row.memory > row.asked) + ["time"] * (
        None not in (row.hours, row.allowed) and row.hours > row.allowed
    )
    return f"{LOW}: {' and '.join(low)}" if low else OK


def by_rule(rows: Iterable[Kind]) -> list[Kind]:
    """Rows for a terminal: the report's steps, and kinds of one rule that are fine, as one each."""
    gathered: dict[str, Kind] = {}
    for row in rows:
        if not row.fine:
            gathered[row.name] = row
            continue
        name = row.rule if row.rule in STEPS else "tables and figures"
        whole = gathered.setdefault(f"{name} {row.state}", Kind(name, "", state=row.state))
        _gather(whole, row)
    return list(gathered.values())


def _gather(whole: Kind, row: Kind) -> None:
    number = int(re.match(r"(\d+) kinds", whole.of)[1]) + 1 if whole.of else 1
    whole.of = f"{number} kinds"
    whole.jobs, whole.ran = whole.jobs + row.jobs, whole.ran + row.ran
    share = row.memory / row.asked if row.asked else 0.0
    if not whole.asked or share >= whole.memory / whole.asked:
        whole.memory, whole.asked = row.memory, row.asked
    if row.hours is not None and row.hours >= (whole.hours or 0.0):
        whole.hours, whole.allowed, whole.step, whole.items = row.hours, row.allowed, row.step, row.items
