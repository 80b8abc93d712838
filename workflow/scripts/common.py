"""What every script of the workflow shares: its log, and one clear line for an error that can be mended."""

from __future__ import annotations

import contextlib
import shlex
import sys
import traceback
from pathlib import Path


def _repair(where, inputs):
    """What to type where the file at fault is an input that the workflow makes, else nothing."""
    from ferflow import written

    if Path(where) in map(Path, inputs) and written.is_noted(where):
        return f"; to have it made again: `rm {shlex.quote(str(where))}`, then the same command as before"
    return ""


@contextlib.contextmanager
def job(snakemake):
    """Send what the block prints to the rule's log; end with exit code 1 and one line on a FerflowError.

    An input that was cut off or changed in place since its own job wrote it is refused; the line on any input
    that the workflow has made says which command repairs it.

    Gives the block a function that says a line in the log and on the terminal.
    """
    from ferflow import written
    from ferflow.errors import FerflowError

    log = Path(snakemake.log[0])
    log.parent.mkdir(parents=True, exist_ok=True)
    terminal = sys.stderr
    with (
        log.open("w", encoding="utf-8", buffering=1) as file,
        contextlib.redirect_stdout(file),
        contextlib.redirect_stderr(file),
    ):

        def say(line: str) -> None:
            print(line, file=file)
            print(f"ferflow: {line} (rule {snakemake.rule})", file=terminal, flush=True)

        try:
            written.forget(snakemake.output)
            written.refuse_changed(snakemake.input)
            yield say
            written.note(snakemake.output)
        except FerflowError as error:
            line = f"{error}{_repair(error.where, snakemake.input)}"
            print(f"error: {line}", file=file)
            print(f"ferflow: error: {line} (rule {snakemake.rule}, log {log})", file=terminal)
            sys.exit(1)
        except Exception:
            traceback.print_exc(file=file)
            raise
