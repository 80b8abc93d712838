"""The tiny study of six subjects with four of them in a job: other files on the way, the same results."""

from __future__ import annotations

from pathlib import Path

import pytest
from running import RESULTS, planned, run

pytestmark = pytest.mark.workflow
FOUR = "--config", "dataset={subjects_per_job: 4}"
OF_THE_RUN = ("params.yaml", "report.html", "time.json", "overhead.json", "model_times.csv")
"""Files that say how a study was run, and how long that took."""


def tables(folder: Path) -> dict[Path, bytes]:
    found = (
        path for path in (folder / RESULTS).rglob("*") if path.suffix in (".csv", ".json", ".svg", ".jpg")
    )
    return {path.relative_to(folder): path.read_bytes() for path in found if path.name not in OF_THE_RUN}


def test_another_number_of_subjects_a_job_makes_anew_what_lies_in_files_of_subjects(finished):
    rules = planned(finished, *FOUR)
    assert [rules[rule] for rule in ("faces", "aus", "features")] == [2, 2, 2]
    assert not rules.keys() & {"synth4d", "stills", "spatial", "weights"}


@pytest.mark.full
def test_the_results_of_four_subjects_a_job_are_those_of_one_to_the_byte(copy, finished):
    done = run(copy, *FOUR)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "subjects_per_job is 4 and was 1: faces, action units and features are made anew" in done.stderr
    faces = copy / "data/interim/synth4d/faces"
    assert {"F001~M001.h5", "M002~M003.h5"} < {path.name for path in faces.iterdir()}
    before, after = tables(finished), tables(copy)
    assert before.keys() == after.keys()
    assert [path for path in before if before[path] != after[path]] == []
