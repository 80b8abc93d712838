"""Metrics against scikit-learn, and the bootstrap over subjects against a plain loop."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import (
    accuracy_score,
    cohen_kappa_score,
    f1_score,
    precision_score,
    recall_score,
    roc_auc_score,
)

from ferflow.classes import EMOTIONS
from ferflow.evaluation import auc
from ferflow.evaluation.bootstrap import Spread, draws, interval, ratio_interval, resampled, unit_confusions
from ferflow.evaluation.metrics import METRICS, from_confusion, measure
from ferflow.evaluation.results import results
from ferflow.settings import Evaluation

K = len(EMOTIONS)
SETTINGS = Evaluation(bootstrap=300, confidence=0.95, by=[], controls=True)


def random_labels(seed: int, n: int = 90, said_classes: int = K) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(K, size=n)
    said = np.where(rng.random(n) < 0.5, truth, rng.integers(K, size=n)) % said_classes
    return truth, said


def by_sklearn(truth, said) -> dict[str, float]:
    macro = {"labels": range(K), "average": "macro", "zero_division": 0}
    return {
        "accuracy": accuracy_score(truth, said),
        "precision": precision_score(truth, said, **macro),
        "recall": recall_score(truth, said, **macro),
        "f1": f1_score(truth, said, **macro),
        "weighted_f1": f1_score(truth, said, labels=range(K), average="weighted", zero_division=0),
        "kappa": cohen_kappa_score(truth, said, labels=range(K)),
    }


@pytest.mark.parametrize(("seed", "said_classes"), [(0, K), (1, K), (2, 3), (3, 4)])
def test_metrics_equal_scikit_learn(seed, said_classes):
    truth, said = random_labels(seed, said_classes=said_classes)
    expected = by_sklearn(truth, said)
    names = np.array(EMOTIONS)
    assert measure(names[truth], names[said], EMOTIONS) == pytest.approx(expected)
    counts = unit_confusions(truth, said, ["one"] * len(truth), K)[0]
    assert {m: float(v) for m, v in from_confusion(counts).items()} == pytest.approx(expected)


def test_macro_means_leave_out_a_class_that_never_occurs():
    truth, said = np.array([0, 0, 1, 1]), np.array([0, 0, 1, 0])
    assert from_confusion(unit_confusions(truth, said, [1] * 4, K)[0])["recall"] == pytest.approx(1.5 / 2)


def test_kappa_of_one_class_is_zero_and_no_warning(recwarn):
    same = np.array(["sad"] * 5)
    assert measure(same, same, EMOTIONS)["kappa"] == 0
    counts = np.zeros((K, K))
    counts[4, 4] = 5
    assert from_confusion(counts)["kappa"] == 0
    assert not [warning for warning in recwarn if issubclass(warning.category, RuntimeWarning)]


def test_bootstrap_over_subjects_equals_a_loop_over_resampled_rows():
    """Same draws: rows of the drawn subjects written out one by one and given to scikit-learn."""
    truth, said = random_labels(7, n=77)
    subjects = np.array([f"S{i}" for i in np.random.default_rng(1).integers(9, size=77)])
    fast = from_confusion(resampled(unit_confusions(truth, said, subjects, K), 25, np.random.default_rng(5)))
    names = np.unique(subjects)
    counts = draws(len(names), 25, np.random.default_rng(5))
    assert (counts.sum(1) == len(names) - 1).all()
    for b, times in enumerate(counts):
        rows = np.concatenate(
            [np.tile(np.flatnonzero(subjects == n), t) for n, t in zip(names, times, strict=True)]
        ).astype(int)
        expected = by_sklearn(truth[rows], said[rows])
        assert {m: fast[m][b] for m in METRICS} == pytest.approx(expected)


def test_resamples_do_not_depend_on_how_they_are_chunked(monkeypatch):
    truth, said = random_labels(3)
    units = unit_confusions(truth, said, np.arange(90) // 6, K)
    whole = resampled(units, 50, np.random.default_rng(0))
    monkeypatch.setattr("ferflow.evaluation.bootstrap.CHUNK", 7)
    np.testing.assert_array_equal(resampled(units, 50, np.random.default_rng(0)), whole)


def test_interval_over_subjects_covers_where_one_over_clips_does_not():
    """Subjects differ (some are read well, others badly), so clips of one subject go together."""
    rng = np.random.default_rng(0)
    covered = {"subjects": 0, "clips": 0}
    n_studies, n_subjects, n_clips = 200, 30, 12
    for _ in range(n_studies):
        skill = np.where(rng.random(n_subjects) < 0.5, 0.9, 0.3)  # mean accuracy 0.6
        right = rng.random((n_subjects, n_clips)) < skill[:, None]
        truth = np.zeros(right.size, int)
        said = np.where(right.ravel(), 0, 1)
        units = {"subjects": np.repeat(np.arange(n_subjects), n_clips), "clips": np.arange(right.size)}
        for kind, names in units.items():
            by_unit = unit_confusions(truth, said, names, 2)
            accuracy = from_confusion(resampled(by_unit, 200, rng))["accuracy"]
            low, high = interval(right.mean(), Spread(accuracy, len(by_unit) - 1, right.size), 0.95)
            covered[kind] += low <= 0.6 <= high
    assert 0.91 <= covered["subjects"] / n_studies <= 1
    assert covered["clips"] / n_studies < 0.8


def table(n_subjects: int = 10, folds: int | None = None, skill: float = 0.6) -> pd.DataFrame:
    rng = np.random.default_rng(11)
    rows = []
    for subject in range(n_subjects):
        for emotion in EMOTIONS:
            said = emotion if rng.random() < skill else EMOTIONS[rng.integers(K)]
            fold = None if folds is None else subject % folds
            name = f"S{subject:02d}"
            rows.append(
                (f"{name}_{emotion}", name, emotion, said, "m", "test" if folds is None else "cv", fold)
            )
    columns = ["clip_id", "subject_id", "emotion", "predicted", "model", "protocol", "fold"]
    return pd.DataFrame(rows, columns=columns).assign(role="model", view="", synthetic=True)


def test_cross_validation_is_the_mean_over_folds_with_a_row_each():
    frame = table(folds=3)
    found = results(frame, EMOTIONS, SETTINGS, 0)
    f1 = found[found["metric"] == "f1"]
    per_fold = [
        f1_score(part["emotion"], part["predicted"], labels=EMOTIONS, average="macro")
        for _, part in frame.groupby("fold")
    ]
    assert f1["fold"].tolist()[1:] == [0, 1, 2]
    assert f1["value"].tolist() == pytest.approx([np.mean(per_fold), *per_fold])
    assert f1["n_clips"].tolist() == [60, 24, 18, 18]
    assert f1["note"].iloc[0] == "mean over 3 folds; fewer than 20 subjects"
    # The mean over folds varies less than a fold alone.
    width = (f1["high"] - f1["low"]).tolist()
    assert width[0] < min(width[1:])


def test_results_are_the_same_for_one_seed_and_carry_marks():
    one, two = (results(table().assign(leaky=True), EMOTIONS, SETTINGS, 4) for _ in range(2))
    pd.testing.assert_frame_equal(one, two)
    assert not one[["low", "high"]].equals(results(table(), EMOTIONS, SETTINGS, 5)[["low", "high"]])
    assert (one["low"] < one["value"]).all()
    assert (one["value"] < one["high"]).all()
    assert set(one["note"]) == {"published protocol, leaky; fewer than 20 subjects"}
    assert one["synthetic"].all()
    assert one["chance"].iloc[0] == pytest.approx(1 / 6)


def test_one_subject_has_no_interval():
    found = results(table(n_subjects=1), EMOTIONS, SETTINGS, 0)
    assert found["low"].isna().all()
    assert found["note"].str.contains("no interval").all()


def test_images_without_subjects_are_drawn_one_by_one():
    frame = table().assign(subject_id="")
    found = results(frame, EMOTIONS, SETTINGS, 0).set_index("metric")
    n, p = len(frame), found.loc["accuracy", "value"]
    assert found.loc["accuracy", "n_subjects"] == 0
    width = found.loc["accuracy", "high"] - found.loc["accuracy", "low"]
    assert width == pytest.approx(2 * 1.96 * np.sqrt(p * (1 - p) / n), rel=0.2)


def probabilities(seed: int, n: int = 80) -> tuple[np.ndarray, np.ndarray]:
    """Class indices and shares with ties (one decimal), better than chance."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(K, size=n)
    shares = np.round(rng.random((n, K)) + 0.5 * np.eye(K)[truth], 1)
    return truth, shares / shares.sum(1, keepdims=True)


def test_the_macro_auc_is_scikit_learns_one_against_the_rest():
    truth, shares = probabilities(0)
    expected = roc_auc_score(truth, shares, multi_class="ovr", average="macro")
    assert auc.macro(auc.areas(truth, shares)) == pytest.approx(expected)


def test_an_auc_by_hand():
    # Of class 0's two rows (0.6, 0.3) against the rest (0.3, 0.1): 1, 1, 1/2 and 1 of the pairs are in order.
    truth = np.array([0, 0, 1, 1])
    shares = np.array([[0.6, 0.4], [0.3, 0.7], [0.3, 0.7], [0.1, 0.9]])
    assert auc.areas(truth, shares).tolist() == pytest.approx([3.5 / 4, 3.5 / 4])


def test_a_class_without_rows_has_no_area_and_does_not_count():
    truth, shares = probabilities(1)
    kept = truth != 2
    found = auc.areas(truth[kept], shares[kept])
    assert np.isnan(found[2])
    assert auc.macro(found) == pytest.approx(np.delete(found, 2).mean())
    assert np.isnan(auc.macro(auc.areas(np.zeros(4, int), shares[:4])))


def test_resampled_areas_equal_scikit_learn_on_rows_written_out():
    truth, shares = probabilities(3)
    subjects = np.random.default_rng(2).integers(12, size=len(truth))
    fast = auc.resampled_areas(truth, shares, subjects, 20, np.random.default_rng(5))
    for b, times in enumerate(draws(12, 20, np.random.default_rng(5))):
        rows = np.repeat(np.arange(len(truth)), times[subjects])
        np.testing.assert_allclose(fast[b], auc.areas(truth[rows], shares[rows]))


def test_results_have_the_auc_where_there_are_probabilities():
    frame = table()
    assert set(results(frame, EMOTIONS, SETTINGS, 0)["metric"]) == set(METRICS)
    said = frame["predicted"].map(EMOTIONS.index).to_numpy()
    shares = 0.4 * np.eye(K)[said] + 0.6 / K
    frame[[f"p_{emotion}" for emotion in EMOTIONS]] = shares
    found = results(frame, EMOTIONS, SETTINGS, 0).set_index("metric")
    truth = frame["emotion"].map(EMOTIONS.index).to_numpy()
    area = found.loc["auc"]
    assert area["value"] == pytest.approx(roc_auc_score(truth, shares, multi_class="ovr"))
    assert area["low"] < area["value"] < area["high"]


def test_the_interval_of_a_ratio_is_that_of_the_resampled_sums():
    rng = np.random.default_rng(1)
    subjects, right = np.arange(60) // 6, rng.random(60) < 0.7
    low, high = ratio_interval(right, np.ones(60), subjects, 500, 0.9, np.random.default_rng(2))
    counts = draws(10, 500, np.random.default_rng(2))
    shares = counts @ right.reshape(10, 6).sum(1) / (6 * counts.sum(1))
    assert (low, high) == interval(right.mean(), Spread(shares, 9, 60), 0.9)
    assert ratio_interval(right, np.ones(60), np.zeros(60), 500, 0.9, np.random.default_rng(2)) is None
