"""The study demo-full as a graph: what it would run, and that it shares the clips with demo."""

from __future__ import annotations

import shutil
from itertools import pairwise

import pytest
from running import REPOSITORY, report_rules
from running import planned as jobs_of

from ferflow import settings

STUDY = REPOSITORY / "workflow/studies/demo-full.yaml"

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def planned() -> settings.Settings:
    return settings.load(REPOSITORY / "params.yaml", STUDY)


def test_all_five_architectures_and_every_part_are_in_it(planned):
    assert list(planned.temporal.heads) == ["lstm", "bilstm", "cnn1d"]
    c3d, convlstm = planned.end_to_end.c3d, planned.end_to_end.convlstm
    assert planned.end_to_end.run == ["c3d", "convlstm"]
    assert (c3d.frames, c3d.size, convlstm.frames, convlstm.size) == (32, 64, 32, 32)
    assert (planned.nested.outer, planned.nested.inner, planned.nested.heads) == (3, 2, ["lstm"])
    assert planned.humans.source(planned.dataset.name) == "simulated"
    assert set(planned.fusion.sets["all"]) == {"lstm", "bilstm", "cnn1d", "c3d", "convlstm"}
    assert planned.experiments.compared == list(planned.experiments.comparisons)
    for comparison in planned.experiments.chosen().values():
        assert len(comparison.runs) >= 2, comparison.title


def test_the_kernels_of_one_comparison_differ_in_nothing_else(planned):
    runs = planned.experiments.chosen()["c3d-kernel"].runs
    chosen = [planned.of_run(name).model_dump() for name in runs]
    assert sorted(one["kernel"] for one in chosen) == [3, 5]
    for one, other in pairwise(chosen):
        assert {name for name in one if one[name] != other[name]} == {"kernel"}


def test_its_clips_are_those_of_demo(planned):
    demo = settings.load(REPOSITORY / "params.yaml")
    # They lie in one folder: another number of subjects would make both studies run again and again.
    for section in ("dataset", "synth4d", "faces", "aus", "emotions", "seed"):
        assert getattr(planned, section) == getattr(demo, section), section
    assert planned.study != demo.study


def test_a_dry_run_names_every_training(tmp_path, planned, weights_folder):
    shutil.copytree(weights_folder, tmp_path / "data/weights", ignore=shutil.ignore_patterns("*.whl"))
    jobs = jobs_of(tmp_path, study=STUDY)
    folds, outer, inner = planned.splits.folds, planned.nested.outer, planned.nested.inner
    runs = planned.experiments.trained()
    on_frames = sum(one.of == "c3d" for one in runs.values())
    assert jobs["fold"] == 3 * folds and jobs["final"] == 3
    assert jobs["end_to_end_fold"] == 2 * folds and jobs["end_to_end_final"] == 2
    assert jobs["nested_inner"] == outer * inner * len(planned.nested.tried())
    assert jobs["nested_outer"] == outer
    assert jobs["experiment_frames_fold"] == folds * on_frames
    assert jobs["experiment_fold"] == folds * (len(runs) - on_frames)
    assert jobs["search_head"] == 1
    rules = report_rules(tmp_path, STUDY)
    assert {rule: jobs.get(rule) for rule in rules} == dict.fromkeys(rules, 1) and "fusion" in rules
    assert "augmented-9" not in runs
