"""OpenFace's tables as inputs that the real workflow watches."""

from __future__ import annotations

import os
import re
from pathlib import Path

import graph_study
import pytest

import preloaded
from ferflow import layout
from ferflow.settings import check
from ferflow.steps.files import StudyFiles

pytestmark = pytest.mark.workflow
PEOPLE, CLASSES = ("a", "b", "c", "d"), ("happy", "sad")


def put(path: Path, age: float) -> None:
    """An empty file, written `age` seconds ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.utime(path, (path.stat().st_mtime - age,) * 2)


@pytest.fixture
def folder(tmp_path) -> Path:
    """Action units that are newer than everything they are made of."""
    clips = [f"{who}-{shown}" for who in PEOPLE for shown in CLASSES]
    rows = [f"{clip},{clip[0]},{clip[2:]},{clip}.mp4" for clip in clips]
    (tmp_path / "clips.csv").write_text("\n".join(["clip_id,subject_id,emotion,source", *rows]) + "\n")
    for clip in clips:
        put(tmp_path / f"{clip}.mp4", 100)
        put(tmp_path / f"openface/{clip}.csv", 100)
    for name in StudyFiles.core_weights():
        put(tmp_path / layout.WEIGHTS / name, 100)
    settings = {
        "dataset": {"name": "manifest", "root": ".", "manifest": "clips.csv"},
        "emotions": list(CLASSES),
        "aus": {"backend": "openface", "openface_folder": "openface"},
        "splits": {"folds": 2},
        "fusion": None,
    }
    graph_study.settle(tmp_path, settings)
    for who in PEOPLE:
        put(tmp_path / of(who, layout.FACES, settings), 50)
        put(tmp_path / of(who, layout.AUS, settings), 10)
    return tmp_path


def of(who: str, pattern: str, settings: dict) -> str:
    dataset = check({"dataset": settings["dataset"], "emotions": list(CLASSES)}).dataset.folder()
    return pattern.format(dataset=dataset, backend="openface", subject=who)


def test_a_table_that_changes_makes_the_action_units_of_its_subject_anew_and_no_others(folder):
    targets = [str(path.relative_to(folder)) for path in folder.glob("data/interim/*/aus/openface/*.csv")]
    assert len(targets) == len(PEOPLE)
    assert graph_study.planned(folder, targets, ["aus"]) == {}
    (folder / "openface/b-sad.csv").write_text("another\n")
    said = graph_study.run(folder, targets, ["aus"], "--dry-run")
    assert preloaded.listed_jobs(said) == {"aus": 1}
    assert set(re.findall(r"output: \S*/aus/openface/(\w)\.csv", said)) == {"b"}
    (folder / "openface/c-happy.csv").unlink()
    called = graph_study.arguments(folder, targets, ["aus"], "--dry-run")
    done = preloaded.snakemake(*called, folder=folder)
    lines = [line for line in done.stderr.splitlines() if line.startswith("ferflow: error")]
    assert done.returncode == 1 and len(lines) == 1
    assert "openface/c-happy.csv: does not exist; run OpenFace's FeatureExtraction on the clip" in lines[0]
