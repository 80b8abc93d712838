"""What a rule runs, what it sees of the settings, and what it costs: a step.

The rule of a step says which files it reads and writes; its step says the rest. The function of a step takes
files and settings by name:

- an input by its name in the rule; an input without a name, or called `watched`, is not passed on: the step
is made anew for it;
- an output by its name in the rule with `out_` before it, a single output without a name as `out`;
- `out_folder`: the folder of its outputs;
- settings by the name of their section or by another, `classes=emotions`; anything else by its name among the
  rule's params;
- wildcards, `threads`, `weights_folder`, the workflow's `config`, and `announce` (says a line in the log and
on the terminal) where it asks for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import attrgetter
from typing import Any

from ferflow.settings import Settings
from ferflow.steps import code, passes
from ferflow.steps.passes import Passes
from ferflow.steps.work import Amount, constant

CALL, CODE, LACKING = "call", "code", "lacking"
"""Params of every rule: the step's function (`module:function`), the hash of what it runs, and, of a step
of the report, what its tables and figures lack since jobs failed."""


@dataclass(frozen=True)
class Step:
    """A step: what it runs, what it is given, and what it asks for.

    `call` is its function (`module:function`), `sees` the sections of the settings that it is given, each by
    its own name or by the name before a `=`; behind that a part of a section may stand (`crops=sfew.crops`).

    `memory` (MiB) and `minutes` are what a job asks for at its first attempt, at least: where it has
    networks, which `passes` names, they and its data say how much (`steps.cost`). `gpu`: whether a GPU makes
    it faster. `group`: jobs of one group may share a job of a cluster. `work` says how much work a job is.
    """

    name: str
    call: str
    sees: tuple[str, ...] = ()
    memory: int = 1000
    minutes: int = 5
    gpu: bool = False
    group: str | None = None
    work: Amount = constant
    passes: Passes = passes.none

    def params(self, settings: Settings, /, **given: Any) -> dict[str, Any]:
        """The params of the step's rule: its settings as plain values, `given` besides or in place of them.

        What is given may be functions of the job's wildcards. `watched` is not passed on: where it changes,
        the step is made anew.
        """
        seen = {}
        for one in self.sees:
            name, section = _argument(one)
            if name not in given:
                seen[name] = as_params(attrgetter(section)(settings))
        given = {**seen, **given}
        return {CALL: self.call, CODE: self._code(given), **given}

    def _code(self, given: Mapping[str, Any]) -> Callable[[Any], str]:
        """The hash of what the step runs, which networks among its settings and wildcards have a say in."""
        known = [value for value in given.values() if not callable(value)]
        by_job = [value for value in given.values() if callable(value) and value.__code__.co_argcount == 1]

        def of_job(wildcards: Any) -> str:
            values = [*known, *(value(wildcards) for value in by_job), list(wildcards)]
            return code.digest_of_values(self.call, values)

        return of_job

    def resources(self, asked: Callable | None = None) -> dict[str, int | Callable]:
        """What the step's rule asks for, more at every attempt.

        `asked` gives (MiB, MiB of a GPU, minutes) of a job by its wildcards; None: what stands here.
        """
        # Jobs that share a job of a cluster run in it one after the other: the profile gives it one of these.
        in_turn = {} if self.group is None else {"in_turn": 1}
        # There is one of these for each GPU. To Slurm's plugin `gpu`, `gpus` and `gres` mean something.
        on_card = {"card": 1} if self.gpu else {}
        if asked is None:
            memory, minutes = self.memory, self.minutes
        else:
            memory, minutes = (partial(_part_of, asked, part) for part in (0, 2))
            if self.gpu:
                on_card["gpu_mb"] = partial(_part_of, asked, 1)
        return {"mem_mb": per_attempt(memory), "runtime": per_attempt(minutes), **on_card, **in_turn}


def _part_of(asked: Callable, part: int, wildcards: Any) -> int:
    return asked(wildcards)[part]


@dataclass(frozen=True)
class Table:
    """A table that a report's step writes; with a title the report shows it in its `part`.

    `schema` says what its columns are, and is its name where there is none.
    """

    name: str
    title: str = ""
    part: str = ""
    schema: str = ""


@dataclass(frozen=True)
class Figure:
    """A figure of the report. Its caption is `workflow/report/<caption>.rst`, the first word of its name."""

    name: str
    title: str
    part: str

    @property
    def caption(self) -> str:
        """The name of its caption."""
        return self.name.split("-")[0]


@dataclass(frozen=True)
class Page:
    """A page of the report, `name` with its suffix, among the tables. Without a title it only lies there."""

    name: str
    title: str = ""
    part: str = ""
    caption: str = ""
    kind: str = "page"


@dataclass(frozen=True)
class Folder:
    """A folder, by its path, that a report's step fills."""

    path: str


Output = str | Table | Figure | Page | Folder


@dataclass(frozen=True, kw_only=True)
class ReportStep(Step):
    """A step that makes tables and figures of a report. It has no rule of its own: its files are named here.

    `inputs` and `outputs` are files by the names of its function's arguments, each one or a list. `given`
    are arguments besides its settings. `rests_on` says of what `ferflow verify` makes its tables again;
    nothing: not at all. `target` is a target of its own that makes it; the report has it once the files
    of that target are there.

    `lacks` are rows of runs that failed, by the name of the table's argument: they are added to the table.
    `left_out` says the same in the heading of the step's figures.
    """

    inputs: Mapping[str, str | Sequence[str]]
    outputs: Mapping[str, Output | Sequence[Output]]
    given: Mapping[str, Any] = field(default_factory=dict)
    threads: int = 1
    memory: int = 2000
    minutes: int = 10
    group: str | None = "report"
    rests_on: str = "other files of the bundle"
    target: str = ""
    lacks: Mapping[str, Sequence[Mapping[str, str]]] = field(default_factory=dict)
    left_out: str = ""

    def params(self, settings: Settings, /, **given: Any) -> dict[str, Any]:
        """As of every step, with what its tables and figures lack."""
        rows = {
            name: {"schema": self.outputs[name].schema or self.outputs[name].name, "rows": list(rows)}
            for name, rows in self.lacks.items()
            if rows
        }
        about = {"rows": rows, "left_out": self.left_out}
        return super().params(settings, **given) | ({LACKING: about} if any(about.values()) else {})

    def each_output(self) -> Iterator[Output]:
        """All outputs, one after the other."""
        for value in self.outputs.values():
            yield from [value] if isinstance(value, Output) else value


def _argument(seen: str) -> tuple[str, str]:
    """The argument and the section that an entry of `Step.sees` names."""
    name, _, section = seen.partition("=")
    return name, section or name


def as_params(section: Any) -> Any:
    """A section of the settings, or a mapping of some, as plain values."""
    if isinstance(section, Mapping):
        return {name: as_params(one) for name, one in section.items()}
    return section.model_dump(mode="json") if hasattr(section, "model_dump") else section


def per_attempt(amount: int | Callable) -> Callable:
    """MiB or minutes (or a function of the wildcards that gives them), times the attempt of the job."""

    def of_attempt(wildcards: Any, attempt: int) -> int:
        return (amount(wildcards) if callable(amount) else amount) * attempt

    return of_attempt
