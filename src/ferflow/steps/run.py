"""Running a step: its function is called with the files and settings that it asks for."""

from __future__ import annotations

import contextlib
import inspect
import shlex
import sys
import traceback
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from importlib import import_module
from os.path import commonpath
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter

from ferflow import integrity, layout, short_run
from ferflow.errors import FerflowError
from ferflow.runs import machine
from ferflow.settings import KINDS, Settings
from ferflow.steps.step import CALL, CODE, LACKING

OUT = "out"
"""The name of a single output, which is passed on by that name; others have it before their own."""
WATCHED = "watched"
"""The name of inputs that a step is made anew for and does not read by their names."""


def function(address: str) -> Callable:
    """The function `module:name`."""
    module, _, name = address.partition(":")
    return getattr(import_module(module), name)


def call(
    address: str,
    inputs: Mapping[str, Any],
    outputs: Mapping[str, Any],
    params: Mapping[str, Any],
    offered: Mapping[str, Any] | None = None,
) -> Any:
    """Call the step's function; `offered` are arguments that it may do without (wildcards, threads).

    Files are strings, or lists of them; settings are plain values, made again what the function's types say.
    TypeError where the function asks for something that the rule has not, or the other way round.
    """
    made = function(address)
    wanted, hints = inspect.signature(made).parameters, _hints(made)
    # An output is made whether or not the function is told where: all of them lie in its folder.
    written_to = {name if name == OUT else f"{OUT}_{name}": value for name, value in outputs.items()}
    arguments = {name: value for name, value in inputs.items() if name != WATCHED}
    arguments |= {name: value for name, value in written_to.items() if name in wanted}
    arguments |= {name: value for name, value in params.items() if name not in (CALL, CODE, LACKING, WATCHED)}
    if unknown := [name for name in arguments if name not in wanted]:
        raise TypeError(f"{address} does not ask for {', '.join(unknown)}")
    optional = {**(offered or {}), "out_folder": _folder(flat(outputs.values()))}
    arguments |= {name: value for name, value in optional.items() if name in wanted and name not in arguments}
    with _lacking(params.get(LACKING), outputs):
        return made(**{name: _typed(value, hints.get(name)) for name, value in arguments.items()})


@contextlib.contextmanager
def _lacking(about: Mapping[str, Any] | None, outputs: Mapping[str, Any]) -> Iterator[None]:
    """What is drawn within says what it lacks; the tables that are written get the rows of what failed."""
    if about is None:
        yield
        return
    from ferflow import tables
    from ferflow.report import style

    with style.left_out(about["left_out"]):
        yield
    for name, table in about["rows"].items():
        tables.add_failed(outputs[name], table["schema"], table["rows"])


@cache
def _hints(made: Callable) -> dict[str, Any]:
    return typing.get_type_hints(made)


def _typed(value: Any, hint: Any) -> Any:
    """`value` as `hint` says: settings as their classes, None for a file that a rule leaves out."""
    if value == [] and type(None) in typing.get_args(hint):
        return None
    if hint is Settings:
        return _part_of(value)
    if hint is int and isinstance(value, str):  # a wildcard
        return int(value)
    return TypeAdapter(hint).validate_python(value) if _of_settings(hint) else value


def _part_of(sections: Mapping[str, Any]) -> Settings:
    """Settings of which a step is arguments `sections` alone: there are no others in it."""
    kind = next(kind for kind in KINDS.values() if kind.model_fields.keys() >= sections.keys())
    fields = kind.model_fields
    made = {name: TypeAdapter(fields[name].annotation).validate_python(one) for name, one in sections.items()}
    part = kind.model_construct(**made)
    for name in fields.keys() - made.keys():
        del part.__dict__[name]  # its default: the step does not see it
    return part


def _of_settings(hint: Any) -> bool:
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return True
    return any(map(_of_settings, typing.get_args(hint)))


def flat(values: Iterable[Any]) -> Iterator[str]:
    """Files, and lists of files, one after the other."""
    for value in values:
        if isinstance(value, str):
            yield value
        else:
            yield from flat(value)


def _folder(files: Iterable[str]) -> Path | None:
    folders = [str(Path(file).parent) for file in files]
    return Path(commonpath(folders)) if folders else None


def execute(snakemake: Any) -> None:
    """Run the job that Snakemake describes to its script."""
    with job(snakemake) as announce:
        if getattr(getattr(snakemake, "resources", None), "card", 0):
            machine.take_card(announce)  # before torch looks for one
        offered = dict(snakemake.wildcards.items()) | {
            "threads": snakemake.threads,
            "announce": announce,
            "config": snakemake.config,
            "weights_folder": layout.WEIGHTS,
        }
        outputs = _named(snakemake.output) or {OUT: snakemake.output[0]}
        params = dict(snakemake.params.items())
        batches = snakemake.config.get("rehearsal")
        with short_run.of_job(
            batches, snakemake.rule, dict(snakemake.wildcards.items()), list(snakemake.output)
        ):
            call(params[CALL], _named(snakemake.input), outputs, params, offered)


@contextlib.contextmanager
def job(snakemake: Any) -> Iterator[Callable[[str], None]]:
    """Send what the block prints to the rule's log; end with exit code 1 and one line on a FerflowError.

    An input that was cut off or changed in place since its own job wrote it is refused; the line on any input
    that the workflow has made says which command repairs it. Gives the block a function that says a line in
    the log and on the terminal.
    """
    log = Path(snakemake.log[0])
    log.parent.mkdir(parents=True, exist_ok=True)
    terminal = sys.stderr
    with (
        log.open("w", encoding="utf-8", buffering=1) as file,
        contextlib.redirect_stdout(file),
        contextlib.redirect_stderr(file),
    ):

        def announce(line: str) -> None:
            print(line, file=file)
            print(f"ferflow: {line} (rule {snakemake.rule})", file=terminal, flush=True)

        try:
            integrity.forget(snakemake.output)
            integrity.refuse_changed(snakemake.input)
            yield announce
            integrity.note(snakemake.output)
        except FerflowError as error:
            line = f"{error}{_repair(error.where, snakemake.input)}"
            print(f"error: {line}", file=file)
            print(f"ferflow: error: {line} (rule {snakemake.rule}, log {log})", file=terminal)
            sys.exit(1)
        except Exception:
            traceback.print_exc(file=file)
            raise


def _named(files: Any) -> dict[str, Any]:
    """The named files of a rule: paths, or lists of paths."""
    return {name: value if isinstance(value, str) else list(value) for name, value in files.items()}


def _repair(where: Any, inputs: Iterable[str]) -> str:
    """What to type where the file at fault is an input that the workflow makes, else nothing."""
    if Path(where) in map(Path, inputs) and integrity.is_noted(where):
        return f"; to have it made again: `rm {shlex.quote(str(where))}`, then the same command as before"
    return ""
