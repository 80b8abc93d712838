"""How the tests run the tiny studies: in forks of one process, or each job in a new Python, as users do."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # also where a script beside this one imports it

import preloaded

REPOSITORY = Path(__file__).parents[2]
TINY = Path(__file__).with_name("tiny.yaml")
RESULTS = Path("results/tiny")
IMAGES = Path(__file__).with_name("tiny_images.yaml")
IMAGE_RESULTS = Path("results/tiny-images")
PROFILE = REPOSITORY / "workflow/profiles/default"


def arguments(folder: Path, *more: str, study: Path = TINY, profile: Path | str = PROFILE) -> list[str]:
    """Snakemake's arguments for a study in `folder`."""
    return [
        "--snakefile", str(REPOSITORY / "Snakefile"),
        "--directory", str(folder),
        "--configfile", str(study),
        "--profile", str(profile),
        "--cores", "2",
        *more,
    ]  # fmt: skip


def run(folder: Path, *more: str, study: Path = TINY) -> subprocess.CompletedProcess:
    """The study, its jobs in forks of one process."""
    return preloaded.snakemake(*arguments(folder, *more, study=study), folder=folder)


def start(folder: Path, *more: str, study: Path = TINY) -> preloaded.Started:
    """The same in a session of its own, to be interrupted."""
    return preloaded.start(*arguments(folder, *more, study=study), folder=folder)


def planned(folder: Path, *more: str, study: Path = TINY) -> dict[str, int]:
    """How many jobs of each rule a dry run names."""
    # The profile's logger prints them in another form, and no lock is taken.
    called = arguments(
        folder, "--nolock", "--dry-run", "--quiet", "rules", *more, study=study, profile="none"
    )
    done = preloaded.snakemake(*called, folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return jobs(done.stdout + done.stderr)


def jobs(text: str) -> dict[str, int]:
    """Jobs of each rule in the table that Snakemake prints."""
    listed = {name: int(number) for name, number in re.findall(r"^(\w+) +(\d+)$", text, flags=re.M)}
    return {name: number for name, number in listed.items() if name != "total"}


def as_user(folder: Path, *more: str, study: Path = TINY) -> subprocess.CompletedProcess:
    """The study as users run it, each job in a new Python."""
    called = [_program(), *arguments(folder, *more, study=study)]
    return subprocess.run(called, capture_output=True, text=True, timeout=1800)


def start_as_user(folder: Path, *more: str, study: Path = TINY) -> subprocess.Popen:
    """The same in a session of its own, to be interrupted."""
    return subprocess.Popen(
        [_program(), *arguments(folder, *more, study=study)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        # A shell that runs the tests in its background has them ignore Ctrl-C, and so what they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def _program() -> str:
    return str(Path(sys.executable).with_name("snakemake"))
