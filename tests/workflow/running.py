"""How the tests run the tiny studies."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
TINY = Path(__file__).with_name("tiny.yaml")
RESULTS = Path("results/tiny")
IMAGES = Path(__file__).with_name("tiny_images.yaml")
IMAGE_RESULTS = Path("results/tiny-images")
DATACENTRIC = Path(__file__).with_name("tiny_datacentric.yaml")


def command(folder: Path, *more: str, study: Path = TINY) -> list[str]:
    return [
        str(Path(sys.executable).with_name("snakemake")),
        "--snakefile", str(REPOSITORY / "Snakefile"),
        "--directory", str(folder),
        "--configfile", str(study),
        "--profile", str(REPOSITORY / "workflow/profiles/default"),
        "--logger", "rich",
        "--cores", "2",
        *more,
    ]  # fmt: skip


def run(folder: Path, *more: str, study: Path = TINY) -> subprocess.CompletedProcess:
    return subprocess.run(command(folder, *more, study=study), capture_output=True, text=True, timeout=1800)


def start(folder: Path, *more: str, study: Path = TINY) -> subprocess.Popen:
    """The study in a session of its own, to be interrupted."""
    return subprocess.Popen(
        command(folder, *more, study=study),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        # A shell that runs the tests in its background has them ignore Ctrl-C, and so what they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
