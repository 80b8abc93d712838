"""How the tests run the tiny studies."""

from __future__ import annotations

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
    """The study, its jobs in forks of one process (in `make test-all` as users run it)."""
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
    done = preloaded.snakemake(*called, folder=folder, forks=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return preloaded.listed_jobs(done.stdout + done.stderr)


def as_user(folder: Path, *more: str, study: Path = TINY) -> subprocess.CompletedProcess:
    """The study as users run it, each job in a new Python."""
    return preloaded.snakemake(*arguments(folder, *more, study=study), folder=folder, forks=False)


def start_as_user(folder: Path, *more: str, study: Path = TINY) -> subprocess.Popen:
    """The same in a session of its own, to be interrupted."""
    return preloaded.start(*arguments(folder, *more, study=study), folder=folder, forks=False)
