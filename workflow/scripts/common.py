"""What every script of the workflow shares: its log, and one clear line for an error that can be mended."""

from __future__ import annotations

import contextlib
import sys
import traceback
from pathlib import Path


@contextlib.contextmanager
def job(snakemake):
    """Send what the block prints to the rule's log; end with exit code 1 and one line on a FerflowError.

    Gives the block a function that says a line in the log and on the terminal.
    """
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
            yield say
        except FerflowError as error:
            print(f"error: {error}", file=file)
            print(f"ferflow: error: {error} (rule {snakemake.rule}, log {log})", file=terminal)
            sys.exit(1)
        except Exception:
            traceback.print_exc(file=file)
            raise
