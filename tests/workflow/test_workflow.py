"""The workflow on a tiny set of clips: as a user runs it, again, changed, interrupted, misspelt."""

from __future__ import annotations

import os
import shutil
import signal

import pandas as pd
import pytest
from running import AS_USER, RESULTS, planned, run, start

from ferflow.steps.computing import CLIPS, FEATURES, SPATIAL, STEPS, WEIGHTS
from preloaded import wait_for

pytestmark = pytest.mark.workflow


def test_every_result_is_there(finished):
    predictions = pd.read_csv(finished / RESULTS / "predictions.csv")
    models = predictions[predictions.protocol == "cv"].model.unique()
    heads = [f"compact+{head}" for head in ("lstm", "bilstm", "cnn1d")]
    assert sorted(models) == sorted([*heads, "c3d", "convlstm"])
    # 4 training subjects x 6 clips, each validated once by each model; 2 test subjects
    assert (predictions[predictions.protocol == "cv"].groupby("model").size() == 24).all()
    assert not predictions.duplicated(["clip_id", "model", "protocol"]).any()
    for name in ("metrics.json", "trim.csv", "splits.json", "tables/results.csv"):
        assert (finished / RESULTS / name).stat().st_size > 0


def test_no_subject_on_two_sides(finished):
    import json

    split = json.loads((finished / RESULTS / "splits.json").read_text())
    sides = [split["test"], *split["folds"]]
    assert sum(map(len, sides)) == len(set().union(*sides)) == 6
    predictions = pd.read_csv(finished / RESULTS / "predictions.csv")
    assert set(predictions[predictions.protocol == "test"].subject_id) == set(split["test"])
    cv = predictions[predictions.protocol == "cv"]
    for fold, rows in cv.groupby("fold"):
        assert set(rows.subject_id) == set(split["folds"][int(fold)])


def test_second_run_has_nothing_to_do(finished):
    assert planned(finished) == {}


def test_a_trimming_setting_reruns_trimming_and_what_follows_and_nothing_before(finished):
    rules = planned(finished, "--config", "trim={threshold: 0.4}")
    assert {"trim", "fold", "final"} <= rules.keys()
    before = {step.name for step in (*WEIGHTS, *CLIPS, *SPATIAL, *FEATURES)} - {"trim", "export"}
    assert not rules.keys() & before


def test_a_setting_of_what_follows_the_predictions_trains_nothing(finished):
    changed = "fusion={stacking: {folds: 3}}", "nested={inner: 3}", "evaluation={bootstrap: 60}"
    rules = planned(finished, "--config", *changed)
    assert {"fusion", "nested_inner", "metrics"} <= rules.keys()
    trained = {name for name in rules if name in STEPS and STEPS[name].gpu}
    assert trained == {"nested_inner", "nested_outer"}


def test_what_is_done_with_unusable_clips_reruns_nothing_where_all_can_be_used(finished):
    assert planned(finished, "--config", "dataset={unusable: leave_out}").keys() <= {"all", "record"}


def test_from_scratch_again_gives_the_same_bytes(finished, tmp_path):
    shutil.copytree(finished / "data/weights", tmp_path / "data/weights")
    done = run(tmp_path, str(RESULTS / "predictions.csv"))
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("predictions.csv", "trim.csv"):
        assert (tmp_path / RESULTS / name).read_bytes() == (finished / RESULTS / name).read_bytes()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_is_completed_by_the_next(copy, finished, how):
    expected = (finished / RESULTS / "predictions.csv").read_bytes()
    shutil.rmtree(copy / RESULTS / "models/heads")
    shutil.rmtree(copy / "data/features")
    (copy / RESULTS / "predictions.csv").unlink()
    wanted = str(RESULTS / "predictions.csv")
    process = start(copy, wanted, as_user=AS_USER)
    wait_for(lambda: [*copy.glob(f"{RESULTS}/models/heads/*/fold-*/history.csv")], process)
    os.killpg(process.pid, how)
    process.wait(timeout=400)
    done = run(copy, wanted)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (copy / RESULTS / "predictions.csv").read_bytes() == expected
    assert not list(copy.rglob(".*.part*"))


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ("trim={treshold: 0.4}", "trim.treshold is not a setting; did you mean threshold?"),
        ("trim={threshold: 4}", "trim.threshold: Input should be less than or equal to 1"),
        ("dataset={name: bu4dfe, root: nowhere}", "nowhere: is not a folder"),
    ],
)
def test_a_wrong_setting_is_one_line_before_any_job(tmp_path, setting, line):
    done = run(tmp_path, "--config", setting)
    assert done.returncode != 0
    # Snakemake says which profile and files it takes; of what is wrong there is one line.
    said = [text for text in done.stderr.splitlines() if "rror" in text or "Traceback" in text]
    assert len(said) == 1
    assert line in said[0]
    assert not (tmp_path / "data").exists()


def test_two_runs_in_one_folder_are_refused(copy):
    shutil.rmtree(copy / "data/features")
    first = start(copy, "all_features")
    try:
        wait_for(lambda: [*copy.glob("data/features/**/*.h5")], first)
        second = run(copy, "all_features")
        assert second.returncode != 0
        assert "another run works in this folder" in second.stderr
    finally:
        assert first.wait(timeout=600) == 0


def test_a_broken_clip_is_named_and_nothing_is_left_half_written(copy):
    broken = copy / "data/raw/synth4d/F001_happy_tex.avi"
    broken.write_bytes(broken.read_bytes()[:2000])
    done = run(copy)
    assert done.returncode != 0
    said = "\n".join(text for text in done.stderr.splitlines() if "ferflow: " in text)
    assert "F001_happy (F001, happy) is cut in the middle or damaged: it declares" in said
    assert "ferflow: error: dataset.unusable: is stop, and 1 of 36 clips cannot be used" in said
    assert not list(copy.rglob(".*.part*"))
