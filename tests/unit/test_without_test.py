"""A study that holds nobody out: its results are those of cross-validation, of all folds together."""

from __future__ import annotations

import pandas as pd
import pytest
from prediction_study import SKILLS, predictions

from ferflow.classes import EMOTIONS
from ferflow.evaluation import detail
from ferflow.evaluation.calibration import calibration
from ferflow.evaluation.classification import confusion
from ferflow.evaluation.compare import comparisons
from ferflow.evaluation.metrics import measure
from ferflow.evaluation.predictions import fusion_name
from ferflow.evaluation.results import results
from ferflow.fusion import run
from ferflow.report import opening
from ferflow.settings import Calibration, Evaluation, Fusion, FusionChoice, Stacking

EVALUATION = Evaluation.model_construct(bootstrap=60, confidence=0.9, controls=False)


@pytest.fixture(scope="module")
def frame():
    """Predictions of cross-validation alone, a fold for each subject."""
    rows = predictions().query("protocol == 'cv'").reset_index(drop=True)
    numbers = {subject: number for number, subject in enumerate(sorted(rows["subject_id"].unique()))}
    rows["fold"] = rows["subject_id"].map(numbers).astype("Int64")
    return rows


def test_the_value_is_that_of_all_clips_with_an_interval_over_subjects(frame):
    table = results(frame, EMOTIONS, EVALUATION, 1, pooled=True)
    whole = table[table["fold"].isna()].set_index(["model", "metric"])
    for model, own in frame.groupby("model"):
        values = measure(own["emotion"], own["predicted"], EMOTIONS)
        for metric, value in values.items():
            row = whole.loc[(model, metric)]
            assert row["value"] == pytest.approx(value) and row["low"] <= value <= row["high"]
            assert row["n_subjects"] == 12 and row["note"] == "pooled over 12 folds; fewer than 20 subjects"
    f1 = table[(table["metric"] == "f1") & table["fold"].notna() & (table["model"] == "c3d")]
    assert f1["value"].mean() != pytest.approx(whole.loc[("c3d", "f1"), "value"])


def test_folds_of_several_subjects_keep_their_mean_where_somebody_is_held_out():
    rows = predictions()
    table = results(rows, EMOTIONS, EVALUATION, 1)
    of_folds = table[(table["protocol"] == "cv") & table["fold"].isna()]
    assert set(of_folds["note"]) == {"mean over 3 folds; fewer than 20 subjects"}
    pooled = results(rows[rows["protocol"] == "cv"], EMOTIONS, EVALUATION, 1, pooled=True)
    assert set(pooled.loc[pooled["fold"].isna(), "note"]) == {"pooled over 3 folds; fewer than 20 subjects"}


def test_fusions_are_judged_in_the_folds_and_no_fold_weighs_its_own_models(frame):
    settings = Fusion(
        sets={"all": list(SKILLS)},
        rules=["weighted", "average"],
        stacking=Stacking(models=list(SKILLS), strengths=[0.1, 1], folds=3),
        best=FusionChoice(models=list(SKILLS), most=2, search="exhaustive"),
    )
    rows, table = run.fusions(frame, settings, EVALUATION, 7, EMOTIONS)
    assert set(rows["protocol"]) == {"cv"} and table["cv"].notna().all() and table["test"].isna().all()

    # Other labels of fold 0 change the weights everywhere but there.
    relabelled = frame.copy()
    own = relabelled["fold"] == 0
    relabelled.loc[own, "emotion"] = relabelled.loc[own, "emotion"].map(
        dict(zip(EMOTIONS, EMOTIONS[1:] + EMOTIONS[:1], strict=True))
    )
    again, _ = run.fusions(relabelled, settings, EVALUATION, 7, EMOTIONS)
    columns = [f"p_{emotion}" for emotion in EMOTIONS]
    for model in {*rows["model"]} - {fusion_name("all", "average")}:
        before, after = (one[one["model"] == model].sort_values("clip_id") for one in (rows, again))
        same = (before[columns].to_numpy() == after[columns].to_numpy()).all(axis=1)
        judged = (before["fold"] == 0).to_numpy()
        assert same[judged].all() and not same[~judged].all()


def test_the_opening_page_says_how_all_clips_were_judged(frame):
    models = detail.compared_models(frame)
    counts = {"of": ["all"], "name": ["all"], "clips": [72], "left_out": [0], "used": [72]}
    found = {
        "results": results(frame, EMOTIONS, EVALUATION, 1, pooled=True),
        "calibration": calibration(
            frame, EMOTIONS, Calibration(bins=10, binning="width", listed=3), EVALUATION, 1
        )[0],
        "comparisons": comparisons(frame, models, EVALUATION, 1),
        "confusion": confusion(frame, EMOTIONS),
        "unusable_counts": pd.DataFrame(counts),
    }
    said = {one["question"]: one for one in opening.answers(found, 0.9)}
    best = frame[frame["model"] == "compact+cnn1d"]
    right = (best["emotion"] == best["predicted"]).mean()
    assert said["Which model?"]["answer"] == "compact CNN + 1D-CNN"
    assert said["How good?"]["answer"] == f"{100 * right:.1f} % of 72 clips right"
    assert "12 subjects, each judged by a training without it" in said["How good?"]["detail"]
    assert not any("test" in text for one in said.values() for text in one.values())
