"""What the commands share on a terminal: signs, sizes, bars, progress, arguments and one-line errors."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ferflow.errors import FerflowError

SIGNS = {
    "good": "[green]✓[/green]",
    "absent": "[dim]–[/dim]",
    "warn": "[yellow]![/yellow]",
    "bad": "[red]✗[/red]",
}
"""Rich markup of a finding: in order, not there and not needed, works with a drawback, must be fixed."""


def megabytes(size: float) -> str:
    """Bytes as kB, MB or GB."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"


def bar(share: float, width: int) -> str:
    """A share 0–1 as a bar of `width` characters, in eighths of a character."""
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (" ▏▎▍▌▋▊▉"[rest] if rest else "")).ljust(width)


def with_interval(number: dict | None, scale: float = 100, digits: int = 2) -> str:
    """`68.52 [67.01, 70.02]`: `value`, `low`, `high` of `number`, times `scale`; a dash without a value."""
    if number is None or number["value"] is None:
        return "–"
    text = f"{scale * number['value']:.{digits}f}"
    if number["low"] is not None:
        text += f" [{scale * number['low']:.{digits}f}, {scale * number['high']:.{digits}f}]"
    return text


@contextmanager
def progress_bar(title: str, total: int) -> Iterator[Callable[..., None]]:
    """A passing progress bar on standard error; yields what to call after each step, or with how many."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(title, total=total or None)
        yield lambda n=1: progress.advance(task, n)


def arguments(module: str, description: str | None) -> argparse.ArgumentParser:
    """The parser of `python -m MODULE`, which prints `description` (the module's docstring) as it is."""
    return argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def complain(error: object, program: str = "ferflow") -> None:
    """Print an error as one line on standard error."""
    print(f"{program}: error: {error}", file=sys.stderr)


@contextmanager
def errors_in_one_line(program: str = "ferflow") -> Iterator[None]:
    """End the process with one line on standard error and exit code 1 on an error that the user can fix."""
    try:
        yield
    except FerflowError as error:
        complain(error, program)
        sys.exit(1)
    except OSError as error:
        if error.filename is None:
            raise
        complain(f"{error.filename}: {error.strerror}; check the path and its permissions", program)
        sys.exit(1)
