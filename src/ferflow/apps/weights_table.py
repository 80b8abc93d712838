"""The list of pretrained files as a person reads it."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from ferflow import weights
from ferflow.apps.terminal import SIGNS, megabytes


def show(folder: Path, console: Console | None = None) -> None:
    """Print every pretrained file: whether `folder` has it, and where it comes from."""
    console = console or Console()
    console.print(f"Pretrained files in {folder}", style="bold", highlight=False)
    for weight in weights.WEIGHTS.values():
        found = weights.state(weight.name, folder)
        sign = SIGNS["good" if found == "present" else "bad" if found.startswith("wrong") else "absent"]
        console.print(f"{sign} [bold]{weight.name}[/bold]  {found}, {megabytes(weight.size)}, {weight.group}")
        note = {64: "", 0: "not published; checked by size, and by its layers when loaded"}
        note = note.get(len(weight.sha256), " (as far as published)")
        for label, text in (
            ("for", weight.purpose),
            ("source", str(weight.source)),
            ("SHA-256", weight.sha256 + note),
            ("licence", weight.licence),
        ):
            console.print(f"    {label:8}{text}", highlight=False, markup=False, soft_wrap=True)
