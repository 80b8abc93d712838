"""Reading predictions, refusing broken ones, and the tables that come from them."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from ferflow import tables
from ferflow.classes import EMOTIONS, EMOTIONS_NEUTRAL
from ferflow.errors import InputError
from ferflow.evaluation import predictions, run
from ferflow.evaluation.bootstrap import wilson
from ferflow.evaluation.metrics import METRICS
from ferflow.settings import Evaluation

SETTINGS = Evaluation(bootstrap=50, confidence=0.9, by=[], controls=True)


def rows(
    subjects=("F001", "M001", "M002"), model="compact+lstm", protocol="test", fold=None, wrong=("fear",)
):
    """Predictions in which clips of the emotions `wrong` are called happy, all others rightly."""
    found = []
    for subject in subjects:
        for emotion in EMOTIONS:
            said = "happy" if emotion in wrong else emotion
            scores = {f"p_{e}": 0.7 if e == said else 0.06 for e in EMOTIONS}
            clip = {"clip_id": f"{subject}_{emotion}", "subject_id": subject, "emotion": emotion}
            names = {"model": model, "protocol": protocol, "fold": fold, "seed": 1}
            found.append(clip | {"predicted": said} | scores | names)
    return pd.DataFrame(found).astype({"fold": "Int64"})


@pytest.fixture
def manifest(tmp_path):
    clips = rows()[["clip_id", "subject_id", "emotion"]]
    clips = clips.assign(sex="female", split="", source="a.avi", n_frames=10, fps=25.0, width=9, height=9)
    tables.write(clips.assign(sha256="0" * 64, synthetic=True), tmp_path / "manifest.csv", "manifest")
    return tmp_path / "manifest.csv"


def write(frame, path):
    frame.to_csv(path, index=False)
    return path


def evaluate(paths, manifest, folder, emotions=EMOTIONS, protocol="honest", **more):
    """Everything that a study can ask for, in `folder`."""
    names = ("results", "confusion", "errors", "class_report")
    outs = {f"out_{name}": folder / f"{name}.csv" for name in names}
    outs["out_metrics"] = folder / "metrics.json"
    run.evaluate(paths, manifest, SETTINGS, emotions, protocol, 3, **outs, **more)


def test_several_tables_become_one(tmp_path, manifest):
    paths = [write(rows(), tmp_path / "a.csv"), write(rows(model="control-true-aus"), tmp_path / "b.csv")]
    frame = predictions.read(paths, EMOTIONS, manifest)
    assert frame["model"].value_counts().to_dict() == {"compact+lstm": 18, "control-true-aus": 18}
    assert frame["synthetic"].all() and not frame["leaky"].any()
    assert (frame["role"] == "model").all() and (frame["view"] == "").all()  # where nothing is said
    run.collect(paths, tmp_path / "all.csv", EMOTIONS, manifest)
    again = predictions.read([tmp_path / "all.csv"], EMOTIONS, manifest)
    pd.testing.assert_frame_equal(again, frame)


def broken(name):
    frame = rows()
    if name == "duplicate":
        return pd.concat([frame, frame.iloc[[3]]]), "F001_happy is predicted twice by compact+lstm"
    if name == "two folds":
        cv = [rows(protocol="cv", fold=fold) for fold in (0, 1)]
        return pd.concat(cv), "F001_angry is predicted twice"
    if name == "unknown clip":
        frame.loc[2, "clip_id"] = "F009_fear"
        return frame, "clip F009_fear is not in"
    if name == "label":
        frame.loc[2, "emotion"] = "sad"
        return frame, "F001_fear: emotion is sad, but fear"
    if name == "subject":
        frame.loc[0, "subject_id"] = "M001"
        return frame, "F001_angry: subject_id is M001, but F001"
    if name == "sum":
        frame.loc[4, "p_sad"] = 0.71
        return frame, "line 6, clip F001_sad: its scores do not sum to 1"
    if name == "order":
        columns = frame.columns.tolist()
        columns[4], columns[5] = columns[5], columns[4]
        return frame[columns], "order p_disgust, p_angry"
    if name == "missing score":
        frame.loc[1, "p_sad"] = np.nan
        return frame, "line 3, clip F001_disgust: some of its scores are empty"
    if name == "not the greatest":
        frame.loc[0, "predicted"] = "sad"
        return frame, "predicted is not the class with the greatest score"
    if name == "no fold":
        return rows(protocol="cv"), "its fold is empty"
    if name == "other class":
        frame.loc[0, "emotion"] = "neutral"
        return frame, "emotion is not among the classes"
    return frame.iloc[:0], "holds no predictions"


@pytest.mark.parametrize(
    "name",
    [
        "duplicate",
        "two folds",
        "unknown clip",
        "label",
        "subject",
        "sum",
        "order",
        "missing score",
        "not the greatest",
        "no fold",
        "other class",
        "empty",
    ],
)
def test_a_broken_table_is_refused_in_one_line(tmp_path, manifest, name):
    frame, message = broken(name)
    path = write(frame, tmp_path / "predictions.csv")
    with pytest.raises(InputError) as error:
        predictions.read([path], EMOTIONS, manifest)
    assert message in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_scores_may_be_off_by_rounding(tmp_path):
    frame = rows()
    frame["p_happy"] += 0.0009
    predictions.read([write(frame, tmp_path / "a.csv")], EMOTIONS)


def test_the_first_of_several_equal_classes_wins(tmp_path):
    frame = rows()
    frame.loc[0, [f"p_{e}" for e in EMOTIONS]] = [0.1, 0.4, 0.05, 0.4, 0.05, 0.0]
    frame.loc[0, "predicted"] = "happy"
    assert predictions.read([write(frame, tmp_path / "a.csv")], EMOTIONS)["predicted"].iloc[0] == "disgust"
    assert predictions.first_largest(np.array([[0.2, 0.4, 0.4], [1, 1, 1]])).tolist() == [1, 0]


def test_evaluate_writes_what_the_report_needs(tmp_path, manifest):
    folds = [rows((s,), protocol="cv", fold=i) for i, s in enumerate(("F001", "M001", "M002"))]
    paths = [
        write(frame, tmp_path / f"{i}.csv") for i, frame in enumerate([rows(wrong=("fear", "sad")), *folds])
    ]
    evaluate(paths, manifest, tmp_path / "tables")

    metrics = json.loads((tmp_path / "tables/metrics.json").read_text())
    assert metrics["synthetic"] is True
    assert metrics["chance"] == pytest.approx(1 / 6)
    test = metrics["models"]["compact+lstm"]["test"]
    # All three subjects have four of six right: Wilson's interval of 12 of 18 clips, with Student's quantile.
    low, high = wilson(np.array(12), np.array(18), 2.919986)
    assert test["accuracy"] == {
        "value": pytest.approx(4 / 6),
        "low": pytest.approx(float(low)),
        "high": pytest.approx(float(high)),
    }
    assert (test["n_clips"], test["n_subjects"]) == (18, 3)
    cv = metrics["models"]["compact+lstm"]["cv"]
    assert cv["accuracy"]["value"] == pytest.approx(5 / 6)
    assert [fold["fold"] for fold in cv["folds"]] == [0, 1, 2]
    assert cv["folds"][2]["accuracy"]["value"] == pytest.approx(5 / 6)

    confusion = tables.read(tmp_path / "tables/confusion.csv", "confusion")
    cell = confusion.set_index(["protocol", "emotion", "predicted"])
    assert cell.loc[("test", "fear", "happy"), ["count", "share"]].tolist() == [3, 1.0]
    assert cell.loc[("cv", "sad", "sad"), "count"] == 3
    assert confusion["count"].sum() == 36

    errors = tables.read(tmp_path / "tables/errors.csv", "errors")
    wrong = errors[errors["protocol"] == "test"]
    assert wrong["clip_id"].tolist() == [
        f"{s}_{e}" for e in ("fear", "sad") for s in ("F001", "M001", "M002")
    ]
    assert wrong["p_happy"].tolist() == [0.7] * 6

    report = tables.read(tmp_path / "tables/class_report.csv", "class_report")
    happy = report[(report["protocol"] == "test") & (report["emotion"] == "happy")].iloc[0]
    assert (happy["precision"], happy["recall"], happy["support"]) == (pytest.approx(1 / 3), 1, 3)


def test_a_leaky_protocol_is_written_on_every_table(tmp_path, manifest):
    path = write(rows(), tmp_path / "a.csv")
    evaluate([path], manifest, tmp_path, protocol="published")
    for name in ("results", "confusion", "errors", "class_report"):
        assert tables.read(tmp_path / f"{name}.csv", name)["note"].str.contains("leaky").all()
    assert json.loads((tmp_path / "metrics.json").read_text())["study_protocol"] == "published"


def test_all_right_leaves_no_errors_and_still_tables(tmp_path, manifest):
    path = write(rows(wrong=()), tmp_path / "a.csv")
    evaluate([path], manifest, tmp_path)
    assert len(tables.read(tmp_path / "errors.csv", "errors")) == 0


def test_stills_have_seven_classes_and_no_manifest(tmp_path):
    images = [
        {"clip_id": f"i{i}", "subject_id": "", "emotion": e, "predicted": e}
        | {f"p_{c}": float(c == e) for c in EMOTIONS_NEUTRAL}
        | {"model": "compact", "protocol": "test", "fold": "", "seed": 1}
        for i, e in enumerate(EMOTIONS_NEUTRAL * 3)
    ]
    path = write(pd.DataFrame(images), tmp_path / "p.csv")
    evaluate([path], None, tmp_path, EMOTIONS_NEUTRAL, synthetic=False)
    results = tables.read(tmp_path / "results.csv", "results")
    assert results["metric"].tolist() == [*METRICS, "auc"]
    assert (results["value"] == 1.0).all()
    assert results["chance"].iloc[0] == pytest.approx(1 / 7)
    assert not results["synthetic"].any()


def test_views_are_apart_and_classes_are_told_in_the_simplest(tmp_path, manifest):
    frame = rows(wrong=("fear",)).assign(view="one")
    frame = pd.concat([frame, rows(wrong=()).assign(view="ten")])
    evaluate([write(frame, tmp_path / "a.csv")], manifest, tmp_path)
    views = json.loads((tmp_path / "metrics.json").read_text())["models"]["compact+lstm"]
    assert views["one"]["test"]["accuracy"]["value"] == pytest.approx(5 / 6)
    assert views["ten"]["test"]["accuracy"]["value"] == 1
    assert set(tables.read(tmp_path / "class_report.csv", "class_report")["view"]) == {"one"}
    again = frame.assign(view="one")
    with pytest.raises(InputError, match=r"predicted twice by compact\+lstm \(one, test\)"):
        predictions.read([write(again, tmp_path / "b.csv")], EMOTIONS, manifest)


def test_leaky_folds_are_marked_by_their_protocol_alone(tmp_path, manifest):
    parts = [
        rows((subject,), protocol=protocol, fold=fold)
        for protocol in ("random", "film")
        for fold, subject in enumerate(("F001", "M001", "M002"))
    ]
    evaluate([write(pd.concat(parts), tmp_path / "a.csv")], manifest, tmp_path, representative=True)
    for name in ("results", "confusion", "errors"):
        table = tables.read(tmp_path / f"{name}.csv", name)
        assert (table["note"].str.contains("leaky") == (table["protocol"] == "random")).all()
    assert tables.read(tmp_path / "confusion.csv", "confusion")["count"].sum() == 2 * 6
