"""The study of the thesis as a graph: with nothing but the users' own data in place, every part is in it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from running import REPOSITORY, planned, report_rules

from ferflow import settings
from ferflow.classes import EMOTIONS

STUDY = REPOSITORY / "workflow/studies/thesis.yaml"
SUBJECTS = [f"F{number:03d}" for number in range(1, 59)] + [f"M{number:03d}" for number in range(1, 44)]
"""BU-4DFE's names."""

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def folder(tmp_path_factory, weights_folder) -> Path:
    """A working folder with empty files of BU-4DFE's names."""
    folder = tmp_path_factory.mktemp("thesis")
    shutil.copytree(weights_folder, folder / "data/weights", ignore=shutil.ignore_patterns("*.whl"))
    clips, stills = folder / "data/raw/bu4dfe", folder / "data/raw/fer2013/fer2013.csv"
    clips.mkdir(parents=True)
    stills.parent.mkdir(parents=True)
    stills.touch()
    for subject in SUBJECTS:
        for emotion in EMOTIONS:
            (clips / f"{subject}_{emotion}_tex.avi").touch()
    return folder


@pytest.fixture(scope="module")
def jobs(folder) -> dict[str, int]:
    """How many jobs of each rule a dry run of the study names."""
    return planned(folder, study=STUDY)


def test_table_3_4_is_a_study_of_its_own(tmp_path):
    stills = tmp_path / "data/raw/fer2013/fer2013.csv"
    stills.parent.mkdir(parents=True)
    stills.touch()
    jobs = planned(tmp_path, study=STUDY.with_name("thesis-backbones.yaml"))
    assert (jobs["finetune"], jobs["published_weights"], jobs["finetuned"]) == (4, 4, 1)


def test_every_architecture_is_cross_validated_and_tested(jobs):
    study = settings.load(REPOSITORY / "params.yaml", STUDY)
    folds = study.splits.folds
    assert jobs["fold"] == 3 * folds and jobs["final"] == 3
    assert jobs["end_to_end_fold"] == 2 * folds and jobs["end_to_end_final"] == 2
    assert jobs["faces"] == len(SUBJECTS) - 1  # F016 was not used
    assert jobs["published_weights"] == 1  # VGGFace's, a .h5


def test_every_comparison_protocol_and_page_is_in_it(folder, jobs):
    study = settings.load(REPOSITORY / "params.yaml", STUDY)
    assert study.experiments.compared == list(study.experiments.comparisons)
    runs = study.experiments.trained()
    assert jobs["experiment_fold"] + jobs["experiment_frames_fold"] == study.splits.folds * len(runs)
    nested = study.nested
    assert jobs["nested_inner"] == nested.outer * nested.inner * len(nested.tried())
    assert jobs["finetune"] == 1
    assert jobs["search_head"] == len(study.temporal.heads) == 3  # section 3.2.4: the same for each
    rules = report_rules(folder, STUDY)
    assert {rule: jobs.get(rule) for rule in rules} == dict.fromkeys(rules, 1)
    figures = {f"deciding_frames_{head}" for head in study.temporal.heads}
    assert len(figures) == 3 and figures <= rules
