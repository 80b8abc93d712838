"""The page that a report opens with."""

import numpy as np
import pandas as pd
import pytest
from prediction_study import predictions

from ferflow import tables
from ferflow.classes import EMOTIONS
from ferflow.evaluation.calibration import calibration
from ferflow.evaluation.classification import confusion
from ferflow.evaluation.compare import comparisons
from ferflow.evaluation.results import results
from ferflow.report import opening
from ferflow.settings import Calibration, Evaluation

EVALUATION = Evaluation(bootstrap=60, confidence=0.9, by=[], controls=False)


@pytest.fixture(scope="module")
def frame():
    return predictions(synthetic=True)


@pytest.fixture(scope="module")
def found(frame):
    test = frame[frame["protocol"] == "test"]
    models = list(dict.fromkeys(test["model"]))
    return {
        "results": results(frame, EMOTIONS, EVALUATION, 1),
        "calibration": calibration(
            frame, EMOTIONS, Calibration(bins=10, binning="width", listed=3), EVALUATION, 1
        )[0],
        "comparisons": comparisons(test, models, EVALUATION, 1),
        "confusion": confusion(frame, EMOTIONS),
        "unusable_counts": counted(0),
    }


def counted(lost):
    rows = [("all", "all", 48, lost), ("class", "sad", 8, lost), ("class", "fear", 8, 0)]
    rows += [("subject", "M001", 6, lost)] if lost else []
    table = pd.DataFrame(rows, columns=["of", "name", "clips", "left_out"])
    return table.assign(used=table["clips"] - table["left_out"], synthetic=True)


def test_clips_that_are_left_out_are_counted(found):
    assert "On which clips?" not in {item["question"] for item in opening.answers(found, 0.9)}
    said = opening.answers(found | {"unusable_counts": counted(3)}, 0.9)[-1]
    assert said["answer"] == "45 of 48; 3 could not be used and are left out"
    assert said["detail"].startswith("3 of 8 sad; of 1 subject.")


def test_the_model_is_the_best_in_cross_validation_and_its_numbers_are_those_of_the_test(found, frame):
    said = {item["question"]: item for item in opening.answers(found, 0.9)}
    folds = frame[frame["protocol"] == "cv"]
    right = folds["emotion"] == folds["predicted"]
    means = right.groupby([folds["model"], folds["fold"]]).mean().groupby("model").mean()
    assert means.idxmax() == "compact+cnn1d" and said["Which model?"]["answer"] == "compact CNN + 1D-CNN"
    test = frame[(frame["protocol"] == "test") & (frame["model"] == "compact+cnn1d")]
    accuracy = (test["emotion"] == test["predicted"]).mean()
    assert said["How good?"]["answer"].startswith(f"{100 * accuracy:.1f} % of {len(test)}")
    wrong = test[test["emotion"] != test["predicted"]].groupby(["emotion", "predicted"]).size()
    first = said["What does it confuse?"]["answer"].split(" (")[0]
    assert wrong[tuple(first.split(" as "))] == wrong.max()
    sure = np.abs(test[[f"p_{e}" for e in EMOTIONS]].max(axis=1).mean() - accuracy)
    assert f"{100 * sure:.1f} points" in said["How sure?"]["answer"]
    assert said["Against humans?"]["answer"] == "nobody annotated the test clips"


def test_humans_are_compared_on_the_same_clips(found, frame):
    test = frame[frame["protocol"] == "test"]
    human = test[test["model"] == "convlstm"].assign(model="simulated-human-majority", role="simulated")
    both = [test[test["model"] == "compact+cnn1d"], human]
    pairs = comparisons(pd.concat(both), ["compact+cnn1d", "simulated-human-majority"], EVALUATION, 1)
    said = opening.answers(found | {"comparisons": pairs}, 0.9)[3]
    ours, theirs = ((one["emotion"] == one["predicted"]).mean() for one in both)
    assert said["answer"].startswith(
        f"{100 * (ours - theirs):+.1f} points beside the simulated human majority"
    )
    assert ours > theirs and f"{100 * theirs:.1f} %" in said["answer"]
    low, high = pairs[["low", "high"]].iloc[0]
    assert said["detail"].startswith(f"90 % interval {low:+.1f} points to {high:+.1f} points")


def test_one_subject_gives_no_interval(found):
    alone = {name: found[name].assign(low=np.nan, high=np.nan) for name in ("results", "calibration")}
    alone["results"]["n_subjects"] = 1
    said = {item["question"]: item["detail"] for item in opening.answers(found | alone, 0.9)}
    assert said["How good?"].startswith("no 90 % interval, over 1 subject that no training saw")
    assert said["How sure?"].endswith("no 90 % interval")


def test_the_page_says_that_data_are_synthetic(found, tmp_path):
    for name, table in found.items():
        tables.write(table, tmp_path / f"{name}.csv", name)
    opening.write([tmp_path / f"{name}.csv" for name in opening.TABLES], tmp_path / "out.html", "mine", 0.9)
    page = (tmp_path / "out.html").read_text()
    assert "mine in short" in page and "synthetic data" in page and page.count("<dt>") == 5
