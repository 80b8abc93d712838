"""A search and the two kinds of folds in the real workflow, on features that are there already."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
from itertools import chain
from pathlib import Path

import graph_study
import pytest
from graph_study import RESULTS

import preloaded
from ferflow import tables

SETTINGS = {
    "splits": {"folds": 2, "compared": ["lstm"]},
    "search": {
        "run": ["lstm"],
        "trials": 4,
        "startup": 2,
        "pruned_after": 1,
        "space": {"lstm": {"units": [2, 16]}},
    },
}
RULES = (
    "splits",
    "fold",
    "other_splits",
    "other_splits_fold",
    "split_kinds",
    "search_head",
    "figure_of_search_lstm",
)
TARGETS = [f"{RESULTS}/{name}" for name in ("figures/search-lstm.svg", "figures/split_kinds.svg")]

pytestmark = pytest.mark.workflow


@pytest.fixture
def folder(tmp_path) -> Path:
    return graph_study.write(tmp_path, SETTINGS)


def ended(folder: Path) -> int:
    """Trials that the search's store holds as ended."""
    store = folder / "runs/graph/search-lstm/trials.db"
    if not store.exists():
        return 0
    try:
        with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as open_store:
            asked = "select count(*) from trials where state in ('COMPLETE', 'PRUNED')"
            return open_store.execute(asked).fetchone()[0]
    except sqlite3.OperationalError:
        return 0


def test_only_the_other_kind_is_trained_for_the_comparison_and_a_killed_search_goes_on(folder):
    features = {path: path.stat().st_mtime_ns for path in (folder / "data/features").rglob("*.h5")}
    expected = {name: 1 for name in RULES} | {"fold": 2, "other_splits_fold": 2}
    assert graph_study.planned(folder, TARGETS, RULES) == expected
    search = [TARGETS[0]]
    process = preloaded.start(*graph_study.arguments(folder, search, RULES), folder=folder)
    try:
        preloaded.wait_for(lambda: ended(folder), process)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert not (folder / RESULTS / "tables/search-lstm.csv").exists()
    before = ended(folder)
    graph_study.run(folder, TARGETS, RULES, "--rerun-incomplete")
    trials = tables.read(folder / RESULTS / "tables/search-lstm.csv", "head_trials")
    assert len(trials) == ended(folder) == 4 and before >= 1
    store = folder / "runs/graph/search-lstm/trials.db"
    shutil.move(store, store.with_suffix(".old"))
    first = (folder / RESULTS / "tables/search-lstm.csv").read_bytes()
    best = (folder / RESULTS / "search/lstm/best.yaml").read_bytes()
    graph_study.run(folder, search, RULES, "--forcerun", "search_head")
    assert (folder / RESULTS / "tables/search-lstm.csv").read_bytes() == first
    assert (folder / RESULTS / "search/lstm/best.yaml").read_bytes() == best

    after = {path: path.stat().st_mtime_ns for path in (folder / "data/features").rglob("*.h5")}
    assert after == features
    own = json.loads((folder / RESULTS / "splits.json").read_text())
    other = json.loads((folder / RESULTS / "split_kinds/thesis/splits.json").read_text())
    assert own["test"] == other["test"] and own["folds"] != other["folds"]
    assert sorted(chain(*own["folds"])) == sorted(chain(*other["folds"]))
    table = tables.read(folder / RESULTS / "tables/split_kinds.csv", "split_kinds")
    assert table["scheme"].value_counts().to_dict() == {"thesis": 3, "stratified": 3, "difference": 1}
    for fold in (0, 1):
        said = tables.read(
            folder / RESULTS / f"split_kinds/thesis/compact+lstm/fold-{fold}/predictions.csv", "predictions"
        )
        assert set(said["subject_id"]) == set(other["folds"][fold])
        row = table[(table["scheme"] == "thesis") & (table["fold"] == fold)].iloc[0]
        assert row["accuracy"] == pytest.approx((said["emotion"] == said["predicted"]).mean())
    assert graph_study.planned(folder, TARGETS, RULES) == {}
    # Neither a search nor a comparison of folds makes anything of the study itself again.
    rest = SETTINGS | {"search": {"run": []}, "splits": {"folds": 2, "compared": []}}
    graph_study.settle(folder, rest)
    assert graph_study.planned(folder, [f"{RESULTS}/splits.json"], RULES) == {}
