"""Metrics of valence and arousal, and of eight classes, against scikit-learn, torchmetrics and by hand."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from ferflow import tables
from ferflow.classes import EMOTIONS_CONTEMPT
from ferflow.evaluation import predictions as predictions_table
from ferflow.evaluation import regression, run
from ferflow.evaluation.classification import class_report
from ferflow.evaluation.results import results
from ferflow.settings import Evaluation

SETTINGS = Evaluation(bootstrap=60, confidence=0.9, by=[], controls=False)


def predictions(n=160, seed=3, model="vgg16-face", synthetic=True):
    """Answers that are right more often than not, with some valence and arousal unknown."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(8, size=n)
    logits = rng.normal(size=(n, 8))
    logits[np.arange(n), truth] += 1.2
    shares = np.round(np.exp(logits) / np.exp(logits).sum(1, keepdims=True), 6)
    names = np.asarray(EMOTIONS_CONTEMPT, object)
    valence, arousal = rng.uniform(-1, 1, (2, n))
    frame = pd.DataFrame(
        {
            "clip_id": [f"validation-{i:07d}" for i in range(n)],
            "subject_id": "",
            "model": model,
            "role": "model",
            "view": "",
            "protocol": "validation",
            "emotion": names[truth],
            "predicted": names[shares.argmax(1)],
            **{f"p_{name}": shares[:, k] for k, name in enumerate(EMOTIONS_CONTEMPT)},
            "valence": valence,
            "arousal": arousal,
            "predicted_valence": np.clip(0.6 * valence + rng.normal(0, 0.3, n), -1, 1),
            "predicted_arousal": np.clip(0.4 * arousal + 0.1 + rng.normal(0, 0.3, n), -1, 1),
            "fold": None,
            "seed": 1,
            "synthetic": synthetic,
            "leaky": False,
        }
    )
    frame.loc[:9, ["valence", "arousal"]] = np.nan
    return frame


def measured(frame, seed=1):
    table = results(frame, EMOTIONS_CONTEMPT, SETTINGS, seed, scored=("auc", "auc_pr"))
    return table.set_index("metric")


def values(frame):
    return measured(frame)["value"]


def test_classification_is_scikit_learns():
    from sklearn.metrics import (
        accuracy_score,
        average_precision_score,
        cohen_kappa_score,
        f1_score,
        roc_auc_score,
    )
    from sklearn.preprocessing import label_binarize

    frame = predictions()
    truth, said = frame["emotion"], frame["predicted"]
    shares = frame[[f"p_{name}" for name in EMOTIONS_CONTEMPT]].to_numpy()
    onehot = label_binarize(truth, classes=list(EMOTIONS_CONTEMPT))
    found = values(frame)
    assert found["accuracy"] == pytest.approx(accuracy_score(truth, said))
    assert found["kappa"] == pytest.approx(cohen_kappa_score(truth, said))
    assert found["f1"] == pytest.approx(f1_score(truth, said, average="macro"))
    assert found["weighted_f1"] == pytest.approx(f1_score(truth, said, average="weighted"))
    assert found["auc"] == pytest.approx(roc_auc_score(onehot, shares, average="macro"))
    assert found["auc_pr"] == pytest.approx(average_precision_score(onehot, shares, average="macro"))


@pytest.mark.parametrize("name", ["valence", "arousal"])
def test_regression_is_torchmetrics_over_the_known(name):
    torch = pytest.importorskip("torch")
    import ferflow.models.vision  # noqa: F401  torchmetrics imports torchvision, which needs this first

    # isort: split
    from torchmetrics.regression import ConcordanceCorrCoef, MeanSquaredError, PearsonCorrCoef

    frame = predictions()
    there = regression.known(frame, name)
    assert len(there) == len(frame) - 10
    said, true = (torch.tensor(there[c].to_numpy()) for c in (f"predicted_{name}", name))
    found = values(frame)
    assert found[f"corr_{name}"] == pytest.approx(float(PearsonCorrCoef()(said, true)), abs=1e-5)
    assert found[f"ccc_{name}"] == pytest.approx(float(ConcordanceCorrCoef()(said, true)), abs=1e-5)
    rmse = float(MeanSquaredError(squared=False)(said.float(), true.float()))
    assert found[f"rmse_{name}"] == pytest.approx(rmse, abs=1e-5)


def test_concordance_by_lins_formula_and_pearson_by_numpy():
    frame = regression.known(predictions(), "valence")
    x, y = frame["valence"], frame["predicted_valence"]
    found = values(frame)
    wanted = 2 * np.cov(x, y)[0, 1] / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)
    assert found["ccc_valence"] == pytest.approx(wanted)
    assert found["corr_valence"] == pytest.approx(np.corrcoef(x, y)[0, 1])


def test_sign_agreement_of_a_worked_example():
    # + with +, − with +, + with −, − with −, 0 with 0, 0 with +: three of six agree.
    true = np.array([0.5, -0.2, 0.1, -0.9, 0.0, 0.0])
    said = np.array([0.1, 0.3, -0.1, -0.1, 0.0, 0.4])
    assert regression.regression(true, said)["sagr"] == (0.5, "")


def test_perfect_predictions_are_perfect():
    true = np.array([-0.8, 0.1, 0.4, 0.9])
    found = {metric: value for metric, (value, _) in regression.regression(true, true).items()}
    assert found == pytest.approx({"rmse": 0, "corr": 1, "sagr": 1, "ccc": 1}, abs=1e-7)


def test_constant_predictions_leave_the_correlation_empty_with_a_note():
    frame = predictions().assign(predicted_valence=0.2)
    table = measured(frame)
    row = table.loc["corr_valence"]
    assert np.isnan(row["value"]) and np.isnan(row["low"]) and row["note"] == "the predictions do not vary"
    assert table.loc["ccc_valence", "value"] == pytest.approx(0)
    assert np.isfinite(table.loc["rmse_valence", "value"])


def test_both_constant_and_alike_have_no_concordance():
    value, note = regression.regression(np.full(3, 0.5), np.full(3, 0.5))["ccc"]
    assert np.isnan(value) and note


def test_unknown_valence_leaves_its_metrics_empty():
    table = measured(predictions().assign(valence=np.nan))
    for metric in ("rmse", "corr", "sagr", "ccc"):
        row = table.loc[f"{metric}_valence"]
        assert np.isnan(row["value"]) and row["n_clips"] == 0 and "no image" in row["note"]


def test_an_absent_class_is_named_and_takes_no_part_in_the_areas():
    frame = predictions()
    frame = frame[frame["emotion"] != "contempt"]
    table = measured(frame)
    for metric in ("auc", "auc_pr"):
        assert np.isfinite(table.loc[metric, "value"]) and "contempt" in table.loc[metric, "note"]
    report = class_report(frame, EMOTIONS_CONTEMPT, weighted=True).set_index("emotion")
    assert report.loc["contempt", "support"] == 0 and np.isnan(report.loc["contempt", "recall"])


def test_one_image_of_one_class_gives_notes_and_no_crash():
    frame = predictions().iloc[[20]].assign(emotion="happy", predicted="happy")
    table = measured(frame)
    assert table.loc["kappa", "value"] == 0 and "auc" not in table.index
    assert np.isnan(table.loc["corr_valence", "value"]) and table.loc["corr_valence", "note"]


def test_intervals_hold_the_value_and_come_again_with_the_seed():
    table = measured(predictions(), 7)
    there = table["low"].notna()
    assert set(table.index[~there]) == {"auc_pr"}
    assert (table["low"][there] <= table["value"][there]).all()
    assert (table["value"][there] <= table["high"][there]).all()
    pd.testing.assert_frame_equal(table, measured(predictions(), 7))


def test_a_subjects_images_are_drawn_together():
    """Ten equal images a subject: the interval is some sqrt(10) times as wide as over images alone."""
    frame = pd.concat([predictions()] * 10, ignore_index=True)
    frame["clip_id"] = [f"i{number}" for number in range(len(frame))]
    alone = measured(frame)
    frame["subject_id"] = [f"s{number % 160}" for number in range(len(frame))]
    together = measured(frame)
    for metric in ("accuracy", "rmse_arousal", "ccc_arousal"):
        widths = [table.loc[metric, "high"] - table.loc[metric, "low"] for table in (together, alone)]
        assert widths[0] / widths[1] == pytest.approx(np.sqrt(10), rel=0.4)


def test_report_is_scikit_learns():
    from sklearn.metrics import classification_report

    frame = predictions()
    wanted = classification_report(
        frame["emotion"], frame["predicted"], labels=list(EMOTIONS_CONTEMPT), output_dict=True
    )
    wanted |= {"macro mean": wanted["macro avg"], "weighted mean": wanted["weighted avg"]}
    for row in class_report(frame, EMOTIONS_CONTEMPT, weighted=True).to_dict("records"):
        said = wanted[row["emotion"]]
        assert row["support"] == said["support"]
        for metric, name in (("precision", "precision"), ("recall", "recall"), ("f1", "f1-score")):
            assert row[metric] == pytest.approx(said[name])


def test_a_class_that_is_never_predicted_says_so():
    frame = predictions()
    frame.loc[frame["predicted"] == "fear", "predicted"] = "sad"
    report = class_report(frame, EMOTIONS_CONTEMPT, weighted=True).set_index("emotion")
    assert report.loc["fear", "precision"] == 0
    assert report.loc["fear", "note"] == "never predicted: no precision"
    assert (class_report(frame, EMOTIONS_CONTEMPT)["note"] == "").all()


def test_evaluate_writes_tables_that_can_be_read_again(tmp_path):
    paths = []
    for model in ("vgg16-face", "resnet50-face-ccc"):
        paths.append(tmp_path / f"{model}.csv")
        predictions_table.write(predictions(model=model), paths[-1])
    outs = {name: tmp_path / f"{name}.csv" for name in ("results", "class_report", "confusion")}
    run.evaluate(
        paths,
        None,
        SETTINGS,
        EMOTIONS_CONTEMPT,
        "honest",
        1,
        tmp_path / "metrics.json",
        scored=("auc", "auc_pr"),
        weighted=True,
        synthetic=True,
        **{f"out_{name}": path for name, path in outs.items()},
    )
    for name, path in outs.items():
        table = tables.read(path, name)
        assert set(table["model"]) == {"vgg16-face", "resnet50-face-ccc"} and table["synthetic"].all()
    content = json.loads((tmp_path / "metrics.json").read_text())
    assert content["models"]["vgg16-face"]["validation"]["n_clips"] == 160 and content["synthetic"]
    run.collect(paths, tmp_path / "all.csv", EMOTIONS_CONTEMPT)
    whole = predictions_table.read([tmp_path / "all.csv"], EMOTIONS_CONTEMPT)
    assert len(whole) == 320 and whole["valence"].isna().sum() == 20
