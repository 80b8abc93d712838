"""Nested cross-validation as a graph of independent jobs that read the one store of features."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import training_study
import yaml

from ferflow import tables

REPOSITORY = Path(__file__).parents[2]
RESULTS = Path("results/graph")
SETTINGS = {
    "study": "graph",
    "synth4d": {"women": 6, "men": 6},
    "temporal": {
        "heads": {"lstm": {"units": 16, "dropout": 0.1, "augmentations": 1}},
        "learning_rate": 0.02,
        "epochs": 2,
    },
    "finalize": {"max_epochs": 3, "patience": 2},
    "evaluation": {"bootstrap": 40},
    "nested": {
        "outer": 2,
        "inner": 2,
        "heads": ["lstm"],
        "candidates": {"more_dropout": None, "narrow": {"units": 4}},
    },
}
RULES = ("nested_plan", "nested_inner", "nested_outer", "nested_tables")

pytestmark = [pytest.mark.workflow, pytest.mark.slow]


@pytest.fixture
def folder(tmp_path) -> Path:
    """A working folder in which the features are there already, of clips that can be learned."""
    made = training_study.write(tmp_path / "made").folder
    for name, place in (("manifest.csv", "data/interim/synth4d"), ("trim.csv", RESULTS)):
        (tmp_path / place).mkdir(parents=True)
        shutil.move(made / name, tmp_path / place / name)
    store = tmp_path / "data/features/graph/compact/dense"
    store.mkdir(parents=True)
    for name in ("none", "flip"):
        shutil.move(made / name, store / name)
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(SETTINGS))
    return tmp_path


def snakemake(folder: Path, *more: str) -> str:
    """Run what the nested tables need; what it prints."""
    command = [
        str(Path(sys.executable).with_name("snakemake")),
        "--snakefile", str(REPOSITORY / "Snakefile"),
        "--directory", str(folder),
        "--configfile", str(folder / "study.yaml"),
        "--cores", "1",
        "--rerun-triggers", "mtime", "params", "input",
        "--allowed-rules", *RULES,
        *more,
        "--", str(RESULTS / "tables/nested.csv"),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    text = done.stdout + done.stderr
    assert done.returncode == 0, text
    return text


def jobs(text: str) -> dict[str, int]:
    return {name: int(n) for name, n in re.findall(r"^(\w+)\s+(\d+)$", text, flags=re.M)}


def test_every_fold_is_a_job_of_its_own_and_reads_the_one_store(folder):
    features = {path: path.stat().st_mtime_ns for path in (folder / "data/features").rglob("*.h5")}
    # 2 outer x 2 inner folds x 2 candidates
    expected = {"nested_plan": 1, "nested_inner": 8, "nested_outer": 2, "nested_tables": 1, "total": 12}
    assert jobs(snakemake(folder, "--dry-run")) == expected
    snakemake(folder)
    after = {path: path.stat().st_mtime_ns for path in (folder / "data/features").rglob("*.h5")}
    assert after == features and len(features) == 24

    plan = json.loads((folder / RESULTS / "nested/plan.json").read_text())
    said = []
    for outer, one in enumerate(plan["outer"]):
        chosen = folder / RESULTS / f"nested/outer-{outer}/compact+lstm/chosen"
        said.append(tables.read(chosen / "predictions.csv", "predictions"))
        assert set(said[-1].subject_id) == set(one["test"])
    whole = pd.concat(said)
    assert len(whole) == whole.clip_id.nunique() == 72
    table = tables.read(folder / RESULTS / "tables/nested.csv", "nested")
    right = (whole.emotion == whole.predicted).groupby(whole.fold).mean()
    assert table.accuracy.tolist() == pytest.approx([*right, right.mean()])
    inner = tables.read(folder / RESULTS / "tables/nested_inner.csv", "nested_inner")
    assert inner.groupby(["outer", "inner", "candidate"]).size().eq(1).all() and len(inner) == 8

    assert jobs(snakemake(folder, "--dry-run")) == {}
    other = {**SETTINGS, "nested": {**SETTINGS["nested"]}}
    other["nested"]["candidates"] = {"more_dropout": None, "narrow": {"units": 5}}
    (folder / "study.yaml").write_text(yaml.safe_dump(other))
    # another candidate reruns its own jobs and the choices, and none of the other's
    again = {"nested_inner": 4, "nested_outer": 2, "nested_tables": 1, "total": 7}
    assert jobs(snakemake(folder, "--dry-run")) == again
