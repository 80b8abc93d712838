"""Nested cross-validation as a graph of independent jobs that read the one store of features."""

from __future__ import annotations

import json
from pathlib import Path

import graph_study
import pandas as pd
import pytest
from graph_study import RESULTS

from ferflow import tables

SETTINGS = {
    "finalize": {"max_epochs": 3, "patience": 2},
    "nested": {
        "outer": 2,
        "inner": 2,
        "heads": ["lstm"],
        "candidates": {"more_dropout": None, "narrow": {"units": 4}},
    },
}
WANTED = (
    [str(RESULTS / "tables/nested.csv")],
    ["nested_plan", "nested_inner", "nested_outer", "nested_tables"],
)
"""The nested tables, by the rules of nested cross-validation alone."""

pytestmark = pytest.mark.workflow


@pytest.fixture
def folder(tmp_path) -> Path:
    return graph_study.write(tmp_path, SETTINGS)


def test_every_fold_is_a_job_of_its_own_and_reads_the_one_store(folder):
    features = {path: path.stat().st_mtime_ns for path in (folder / "data/features").rglob("*.h5")}
    # 2 outer x 2 inner folds x 2 candidates
    expected = {"nested_plan": 1, "nested_inner": 8, "nested_outer": 2, "nested_tables": 1}
    assert graph_study.planned(folder, *WANTED) == expected
    graph_study.run(folder, *WANTED)
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

    assert graph_study.planned(folder, *WANTED) == {}
    other = {**SETTINGS, "nested": {**SETTINGS["nested"]}}
    other["nested"]["candidates"] = {"more_dropout": None, "narrow": {"units": 5}}
    graph_study.settle(folder, other)
    # another candidate reruns its own jobs and the choices, and none of the other's
    again = {"nested_inner": 4, "nested_outer": 2, "nested_tables": 1}
    assert graph_study.planned(folder, *WANTED) == again
