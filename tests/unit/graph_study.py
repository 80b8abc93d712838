"""The real workflow on features that are there already: a working folder, and how it is called."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import training_study
import yaml

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


def command(folder: Path, targets: Sequence[str], rules: Sequence[str], *more: str) -> list[str]:
    """Snakemake for `targets` by no other rules than `rules`."""
    return [
        str(Path(sys.executable).with_name("snakemake")),
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


def run(called: list[str]) -> str:
    """What a call prints that must end well."""
    done = subprocess.run(called, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def jobs(text: str) -> dict[str, int]:
    """Jobs of each rule in what Snakemake printed."""
    return {name: int(n) for name, n in re.findall(r"^(\w+)\s+(\d+)$", text, flags=re.M)}
