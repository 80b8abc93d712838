"""How the tests run the tiny study."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
TINY = Path(__file__).with_name("tiny.yaml")
RESULTS = Path("results/tiny")


def command(folder: Path, *more: str) -> list[str]:
    return [
        str(Path(sys.executable).with_name("snakemake")),
        "--snakefile", str(REPOSITORY / "Snakefile"),
        "--directory", str(folder),
        "--profile", str(REPOSITORY / "workflow/profiles/default"),
        "--logger", "rich",
        "--cores", "2",
        "--configfile", str(TINY),
        *more,
    ]  # fmt: skip


def run(folder: Path, *more: str) -> subprocess.CompletedProcess:
    return subprocess.run(command(folder, *more), capture_output=True, text=True, timeout=900)
