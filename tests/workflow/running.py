"""How the tests run the tiny studies."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # also where a script beside this one imports it

import preloaded
from ferflow import settings
from ferflow.parts import report_steps
from ferflow.steps import preflight
from ferflow.steps.files import files_of

REPOSITORY = Path(__file__).parents[2]
TINY = Path(__file__).with_name("tiny.yaml")
RESULTS = Path("results/tiny")
IMAGES = Path(__file__).with_name("tiny_images.yaml")
IMAGE_RESULTS = Path("results/tiny-images")
AS_USER = os.environ.get("FERFLOW_TESTS_AS_USER", "") not in ("", "0")
"""Whether one run of each tiny study, and those that are interrupted, have a new Python for each job: so
`make test-all` asks, and so users have it."""
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


def run(folder: Path, *more: str, study: Path = TINY, as_user: bool = False) -> subprocess.CompletedProcess:
    """Run the study, its jobs in forks of one process or (`as_user`) each in a new Python."""
    return preloaded.snakemake(*arguments(folder, *more, study=study), folder=folder, as_user=as_user)


def start(
    folder: Path, *more: str, study: Path = TINY, as_user: bool = False
) -> preloaded.Started | subprocess.Popen:
    """The same in a session of its own, to be interrupted."""
    return preloaded.start(*arguments(folder, *more, study=study), folder=folder, as_user=as_user)


def planned(folder: Path, *more: str, study: Path = TINY) -> dict[str, int]:
    """How many jobs of each rule a dry run names."""
    # The profile's logger prints them in another form, and no lock is taken.
    called = arguments(
        folder, "--nolock", "--dry-run", "--quiet", "rules", *more, study=study, profile="none"
    )
    done = preloaded.snakemake(*called, folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return preloaded.listed_jobs(done.stdout + done.stderr)


def report_rules(folder: Path, study: Path) -> set[str]:
    """The rules of the report of a study in `folder`, without those of targets of their own."""
    with contextlib.chdir(folder):
        ready = preflight.look(settings.load(REPOSITORY / "params.yaml", study))
        return {step.name for step in report_steps(files_of(ready)) if not step.target}
