"""The real workflow on features that are there already: a working folder, and how it is called."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import training_study
import yaml

import preloaded

REPOSITORY = Path(__file__).parents[2]
RESULTS = Path("results/graph")
COMMON = {
    "study": "graph",
    "synth4d": {"women": 6, "men": 6},
    "temporal": {
        "heads": {"lstm": {"units": 16, "dropout": 0.1, "augmentations": 1}},
        "learning_rate": 0.02,
        "epochs": 2,
    },
    "finalize": {"max_epochs": 2, "patience": 1},
    "evaluation": {"bootstrap": 40},
}
"""Settings of such a study, over the repository's."""


def write(folder: Path, settings: dict) -> Path:
    """A working folder whose features are of clips that can be learned; `settings` go over COMMON."""
    made = training_study.write(folder / "made").folder
    (folder / RESULTS / "tables").mkdir(parents=True)
    (folder / RESULTS / "tables/unusable_counts.csv").touch()  # says that all clips have been judged
    for name, own in (("manifest.csv", "clips.csv"), ("trim.csv", "trim.csv")):
        shutil.move(made / name, folder / RESULTS / own)
    store = folder / "data/features/graph/compact/dense"
    store.mkdir(parents=True)
    for name in ("none", "flip"):
        shutil.move(made / name, store / name)
    settle(folder, settings)
    return folder


def settle(folder: Path, settings: dict) -> None:
    """Give the study other settings, over COMMON."""
    (folder / "study.yaml").write_text(yaml.safe_dump(COMMON | settings))


def arguments(folder: Path, targets: Sequence[str], rules: Sequence[str], *more: str) -> list[str]:
    """Snakemake's arguments for `targets` by no other rules than `rules`."""
    return [
        # A profile that the environment names may print the jobs in another form.
        "--profile", "none",
        "--snakefile", str(REPOSITORY / "Snakefile"),
        "--directory", str(folder),
        "--configfile", str(folder / "study.yaml"),
        "--cores", "1",
        "--nolock",
        "--rerun-triggers", "mtime", "params", "input",
        "--allowed-rules", *rules,
        *more,
        "--", *targets,
    ]  # fmt: skip


def run(folder: Path, targets: Sequence[str], rules: Sequence[str], *more: str) -> str:
    """What a call prints that must end well."""
    done = preloaded.snakemake(*arguments(folder, targets, rules, *more), folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def planned(folder: Path, targets: Sequence[str], rules: Sequence[str]) -> dict[str, int]:
    """How many jobs of each rule a dry run names."""
    return preloaded.listed_jobs(run(folder, targets, rules, "--dry-run"))
