"""Models against each other, calibration, results by sex, confidences and errors, from predictions alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from prediction_study import clips, predictions, subjects, write_manifest

from ferflow import tables
from ferflow.classes import EMOTIONS
from ferflow.errors import InputError, SettingError
from ferflow.evaluation import detail
from ferflow.evaluation.calibration import bin_of, calibration, edges
from ferflow.evaluation.classification import confidences, confidences_by_class, error_counts
from ferflow.evaluation.compare import comparisons, difference_interval, mcnemar, sign_flip
from ferflow.evaluation.detail import TITLES
from ferflow.evaluation.groups import by_group, results_by, used
from ferflow.evaluation.predictions import write
from ferflow.humans.results import majority_predictions
from ferflow.humans.votes import Votes
from ferflow.settings import Calibration, Evaluation

EVALUATION = Evaluation(bootstrap=80, confidence=0.9, by=[], controls=False)
CALIBRATION = Calibration(bins=10, binning="width", listed=3)
SEXES = clips(subjects()).set_index("clip_id")["sex"]


@pytest.fixture(scope="module")
def frame():
    return predictions()


def people(frame, simulated=False, without="", accuracy=0.7, seed=2):
    """The majority of three annotators of the test clips, each right with probability `accuracy`."""
    rng = np.random.default_rng(seed)
    test = frame[(frame["protocol"] == "test") & (frame["model"] == "c3d")]
    test = test[test["subject_id"] != without].reset_index(drop=True)
    truth = test["emotion"].map(EMOTIONS.index).to_numpy()
    said = np.where(rng.random((3, len(test))) < accuracy, truth, rng.integers(6, size=(3, len(test))))
    counts = np.eye(6, dtype=np.int64)[said].sum(0)
    about = test[["clip_id", "subject_id", "emotion", "synthetic"]]
    return majority_predictions(Votes(about, counts, EMOTIONS), simulated).assign(synthetic=True, leaky=False)


def test_mcnemar_equals_statsmodels_scipy_and_published_values():
    from scipy.stats import binomtest
    from statsmodels.stats.contingency_tables import mcnemar as other

    rng = np.random.default_rng(0)
    for first, second in rng.integers(0, 30, (40, 2)):
        exact, mid = mcnemar(int(first), int(second))
        if first + second:
            assert exact == pytest.approx(other([[9, first], [second, 4]], exact=True).pvalue)
            assert exact == pytest.approx(min(1, binomtest(int(first), int(first + second)).pvalue))
        assert mid <= exact
        assert mcnemar(int(second), int(first)) == (exact, mid)
    # Fagerland et al. 2013, Table 3 (airway hyper-responsiveness): 1 and 7 discordant pairs
    exact, mid = mcnemar(1, 7)
    assert (round(exact, 4), round(mid, 4)) == (0.0703, 0.0391)
    assert mcnemar(0, 0) == (1.0, 1.0)


def test_pairs_are_counted_and_corrected(frame):
    from statsmodels.stats.multitest import multipletests

    test = frame[frame["protocol"] == "cv"]  # has more clips than the test set
    models = list(dict.fromkeys(test["model"]))
    table = comparisons(test, models, EVALUATION, 4)
    assert len(table) == 10
    wide = test.assign(right=test["emotion"] == test["predicted"]).pivot(
        index="clip_id", columns="model", values="right"
    )
    for row in table.itertuples():
        one, other = wide[row.first], wide[row.second]
        assert (row.first_only, row.second_only) == ((one & ~other).sum(), (~one & other).sum())
        assert row.difference == pytest.approx(100 * (one.mean() - other.mean()))
        assert row.low <= row.difference <= row.high
        assert (row.p_exact, row.p_mid) == mcnemar(row.first_only, row.second_only)
    np.testing.assert_allclose(table["p_exact_holm"], multipletests(table["p_exact"], method="holm")[1])
    # Holm by hand: sorted, times the number of those left, never falling
    p = np.sort(table["p_mid"])
    by_hand = np.minimum(1, np.maximum.accumulate(p * np.arange(len(p), 0, -1)))
    np.testing.assert_allclose(np.sort(table["p_mid_holm"]), by_hand)
    for row in table.itertuples():
        gains = (wide[row.first].astype(int) - wide[row.second]).groupby(wide.index.str[:4]).sum()
        assert row.p_permutation == sign_flip(gains.to_numpy()) and row.unit == "subject"
    holm = multipletests(table["p_permutation"], method="holm")[1]
    np.testing.assert_allclose(table["p_permutation_holm"], holm)
    assert (table["differs"] == (table["p_permutation_holm"] < 0.1)).all()
    assert table["differs"].any() and not table["differs"].all()


def test_the_paired_interval_draws_subjects_and_not_clips():
    """Six equal clips a subject: over subjects the interval is about sqrt(6) times as wide as over clips."""
    rng = np.random.default_rng(3)
    per_subject = rng.random((2, 40)) < [[0.7], [0.5]]
    right, names = np.repeat(per_subject, 6, axis=1), np.repeat(np.arange(40), 6)
    low, high = difference_interval(right, names, 2000, 0.95, np.random.default_rng(1))
    low_clips, high_clips = difference_interval(right, np.arange(240), 2000, 0.95, np.random.default_rng(1))
    assert (high - low) / (high_clips - low_clips) == pytest.approx(np.sqrt(6), rel=0.1)
    difference = per_subject[0].astype(float) - per_subject[1]
    expected = 1.96 * difference.std(ddof=1) / np.sqrt(40)
    assert (high - low) / 2 == pytest.approx(expected, rel=0.1)


def test_equal_models_do_not_differ(frame):
    test = frame[frame["protocol"] == "test"]
    twin = test[test["model"] == "c3d"].assign(model="twin")
    row = comparisons(pd.concat([test, twin]), ["c3d", "twin"], EVALUATION, 1).iloc[0]
    assert (row["difference"], row["p_permutation"], row["p_exact"]) == (0, 1, 1)
    # That they agree on 36 clips of 6 subjects does not make them equal: t²/(n + t²), t of 5 degrees.
    half = 100 * 2.015048**2 / (36 + 2.015048**2)
    assert (row["low"], row["high"]) == pytest.approx((-half, half))
    assert not row["differs"]


def test_where_no_difference_can_be_shown_the_table_says_so(frame):
    """Of two subjects all signs alike have p 1/2, of six 1/32: too much for ten pairs at 10 %."""
    test = frame[frame["protocol"] == "test"]
    models = list(dict.fromkeys(test["model"]))
    few = test[test["subject_id"].isin(sorted(set(test["subject_id"]))[:2])]
    assert (
        comparisons(few, models[:2], EVALUATION, 1)["note"].str.endswith("none of 1 pairs can differ").all()
    )
    assert "pairs can differ" not in comparisons(test, models[:2], EVALUATION, 1)["note"].item()
    table = comparisons(test, models, EVALUATION, 1)
    assert table["note"].str.contains("p is at least 0.031: none of 10 pairs can differ").all()
    assert not table["differs"].any()


def test_the_majority_takes_part_on_the_clips_it_saw(frame):
    test = frame[frame["protocol"] == "test"]
    rows = people(frame, without="F003")
    table = comparisons(pd.concat([test, rows]), ["c3d", "human-majority"], EVALUATION, 1)
    assert table["n_clips"].item() == len(rows) == 30
    both = "on the 30 of 36 clips that both were shown"
    assert table["note"].item() == f"{both}; fewer than 20 subjects"
    assert (table["first_role"].item(), table["second_role"].item()) == ("model", "human")


def test_what_cannot_be_compared_is_refused(frame):
    test = frame[frame["protocol"] == "test"]
    with pytest.raises(InputError, match="hold nothing of vit; choose from compact"):
        comparisons(test, ["c3d", "vit"], EVALUATION, 1)
    with pytest.raises(InputError, match=r"hold clip \S+ of c3d twice"):
        comparisons(pd.concat([test, test]), ["c3d", "convlstm"], EVALUATION, 1)
    apart = pd.concat(
        [
            test[(test["model"] == "c3d") & (test["subject_id"] == "F003")],
            test[(test["model"] == "convlstm") & (test["subject_id"] != "F003")],
        ]
    )
    with pytest.raises(InputError, match="have no clip in common"):
        comparisons(apart, ["c3d", "convlstm"], EVALUATION, 1)


def test_the_calibration_error_is_that_of_torchmetrics(frame):
    import torch

    import ferflow.models.vision  # noqa: F401  (before torchmetrics, which imports torchvision)
    from torchmetrics.classification import MulticlassCalibrationError  # isort: skip

    errors, bins = calibration(frame, EMOTIONS, CALIBRATION, EVALUATION, 1)
    assert len(errors) == 10 and len(bins) == 100
    for row in errors.itertuples():
        mine = frame[(frame["model"] == row.model) & (frame["protocol"] == row.protocol)]
        shares = torch.tensor(mine[[f"p_{e}" for e in EMOTIONS]].to_numpy())
        truth = torch.tensor(mine["emotion"].map(EMOTIONS.index).to_numpy())
        other = MulticlassCalibrationError(num_classes=6, n_bins=10, norm="l1")(shares, truth)
        assert row.ece == pytest.approx(float(other), abs=1e-6)
        assert row.low <= row.high
        assert row.gap == pytest.approx(100 * (row.confidence - row.accuracy))
        assert row.gap_low <= row.gap <= row.gap_high
        curve = bins[(bins["model"] == row.model) & (bins["protocol"] == row.protocol)]
        assert curve["n_clips"].sum() == row.n_clips
        weighted = (curve["accuracy"] - curve["confidence"]).abs() * curve["n_clips"]
        assert weighted.sum() / row.n_clips == pytest.approx(row.ece)


def test_bins_of_equal_mass_hold_equally_many():
    confidence = np.random.default_rng(1).random(1000)
    bounds = edges(confidence, CALIBRATION.model_copy(update={"binning": "mass"}))
    assert set(np.bincount(bin_of(confidence, bounds))) == {100}
    bounds = edges(confidence, CALIBRATION)
    np.testing.assert_array_equal(bin_of(np.array([0.0, 0.1, 0.100001, 1.0]), bounds), [0, 0, 1, 9])


def test_a_model_that_says_what_it_knows_is_calibrated():
    """Labels drawn from the scores themselves: the error is near 0; scores made sharper: overconfident."""
    rng = np.random.default_rng(8)
    shares = rng.dirichlet(np.ones(6), 6000)
    truth = (shares.cumsum(1) > rng.random((6000, 1))).argmax(1)

    def rows(given, model):
        frame = pd.DataFrame(given, columns=[f"p_{e}" for e in EMOTIONS])
        labels = {"emotion": np.take(EMOTIONS, truth), "predicted": np.take(EMOTIONS, given.argmax(1))}
        names = {"clip_id": [f"c{i}" for i in range(6000)], "subject_id": [f"s{i % 60}" for i in range(6000)]}
        return frame.assign(
            **labels, **names, model=model, role="model", view="", protocol="test", synthetic=False
        )

    sharp = shares**3 / (shares**3).sum(1, keepdims=True)
    table = pd.concat([rows(shares, "honest"), rows(sharp, "sharp")])
    errors = calibration(table, EMOTIONS, CALIBRATION, EVALUATION, 1)[0].set_index("model")
    assert errors.loc["honest", "ece"] < 0.03
    assert abs(errors.loc["honest", "gap"]) < 2
    assert errors.loc["sharp", "gap_low"] > 10


def test_rows_without_scores_are_left_out_of_calibration(frame):
    bare = frame[frame["model"] == "c3d"].copy()
    bare[[f"p_{e}" for e in EMOTIONS]] = np.nan
    both = pd.concat([bare, frame[frame["model"] == "convlstm"]])
    errors, _ = calibration(both, EMOTIONS, CALIBRATION, EVALUATION, 1)
    assert set(errors["model"]) == {"convlstm"}
    assert set(confidences(both, EMOTIONS, 2)["model"]) == {"convlstm"}
    assert len(error_counts(both, EMOTIONS, EVALUATION, 1)) == 4 * 7


def test_results_by_sex_are_scikit_learns_of_each_sex(frame):
    from sklearn.metrics import accuracy_score, f1_score

    table = by_group(frame, "sex", SEXES, EMOTIONS, EVALUATION, 1)
    sex = frame["clip_id"].map(SEXES)
    for row in table[table["group"] != "difference"].itertuples():
        mine = frame[(frame["model"] == row.model) & (frame["protocol"] == row.protocol) & (sex == row.group)]
        truth, said = mine["emotion"], mine["predicted"]
        expected = accuracy_score(truth, said)
        if row.metric == "f1":
            expected = f1_score(truth, said, labels=list(EMOTIONS), average="macro", zero_division=0)
        assert row.value == pytest.approx(expected)
        assert row.n_clips == len(mine) and row.low <= row.value <= row.high
    wide = table[table["metric"] == "accuracy"].pivot(
        index=["model", "protocol"], columns="group", values="value"
    )
    np.testing.assert_allclose(wide["difference"], wide["female"] - wide["male"])


def test_women_alone_have_no_difference(frame):
    women = frame[frame["subject_id"].str.startswith("F")]
    table = by_group(women, "sex", SEXES, EMOTIONS, EVALUATION, 1)
    assert set(table["group"]) == {"female", "male"}
    men = table[table["group"] == "male"]
    assert men["value"].isna().all() and (men["n_clips"] == 0).all() and (men["note"] == "no clips").all()
    one = SEXES[SEXES.index.str.startswith("F003")]
    table = by_group(women[women["subject_id"] == "F003"], "sex", one, EMOTIONS, EVALUATION, 1)
    assert table["low"].isna().all() and (table["note"] == "one subject: no interval").all()


def test_results_by_any_columns(frame):
    manifest = clips(subjects()).assign(light=lambda c: np.where(c["emotion"] == "sad", "", "dim"))
    manifest["age"] = manifest["subject_id"].str[1:].map(lambda n: f"{int(n) % 3}0+")
    by = used(manifest.to_dict("list"), ["sex", "age", "light"])
    table = results_by(frame, manifest, by, EMOTIONS, EVALUATION, 1)
    groups = table.groupby("by")["group"].agg(lambda names: sorted(set(names))).to_dict()
    assert groups == {
        "sex": ["difference", "female", "male"], "age": ["00+", "10+", "20+"], "light": ["dim"]
    }  # fmt: skip
    dim = table[(table["by"] == "light") & (table["protocol"] == "test")]
    assert (dim["note"] == "no clip of sad; fewer than 20 subjects").all() and (dim["n_clips"] == 30).all()


def test_columns_that_tell_no_clips_apart():
    there = {"sex": ["", ""], "age": ["31", "32"], "light": ["", ""]}
    assert used(there, ["sex", "age"]) == ["age"] and used({}, ["sex"]) == []
    for asked, line in (("light", "light is empty for all clips"), ("place", "the clips have no place")):
        with pytest.raises(SettingError, match=line):
            used(there, [asked])
    with pytest.raises(SettingError, match="age has 21 different values"):
        used({"age": [str(n) for n in range(21)]}, ["age"])


def test_the_most_and_least_confident_clips_by_hand(frame):
    test = frame[frame["protocol"] == "test"]
    table = confidences(test, EMOTIONS, 3)
    mine = test[test["model"] == "c3d"].copy()
    mine["confidence"] = mine[[f"p_{e}" for e in EMOTIONS]].max(axis=1)
    wrong = mine[mine["emotion"] != mine["predicted"]].sort_values("confidence")
    found = table[(table["model"] == "c3d") & (table["verdict"] == "wrong")]
    assert found.loc[found["end"] == "most", "clip_id"].tolist() == wrong["clip_id"].tolist()[:-4:-1]
    assert found.loc[found["end"] == "least", "clip_id"].tolist() == wrong["clip_id"].tolist()[:3]
    by_class = confidences_by_class(test, EMOTIONS)
    row = by_class[(by_class["model"] == "c3d") & (by_class["emotion"] == "sad")].iloc[0]
    right = mine[(mine["emotion"] == "sad") & (mine["predicted"] == "sad")]["confidence"].sort_values()
    assert row["confidences"] == ", ".join(f"{c:.2f}" for c in right)
    assert (row["right"], row["n_clips"]) == (len(right), 6)


def test_errors_are_counted_per_class(frame):
    test = frame[frame["protocol"] == "test"]
    table = error_counts(test, EMOTIONS, EVALUATION, 1)
    mine = table[table["model"] == "convlstm"].set_index("emotion")
    rows = test[test["model"] == "convlstm"]
    wrong = rows[rows["emotion"] != rows["predicted"]]
    assert mine.loc[list(EMOTIONS), "errors"].sum() == mine.loc["all", "errors"] == len(wrong)
    for emotion in EMOTIONS:
        said = wrong.loc[wrong["emotion"] == emotion, "predicted"].value_counts()
        assert mine.loc[emotion, "errors"] == said.sum()
        named = mine.loc[emotion, "mistaken_for"].split(", ") if said.sum() else []
        assert set(named) == set(said[said == said.max()].index)
    shares = wrong[[f"p_{e}" for e in EMOTIONS]].to_numpy()
    expected = 0
    for row, emotion, said in zip(shares, wrong["emotion"], wrong["predicted"], strict=True):
        expected += any(v > 0.01 for e, v in zip(EMOTIONS, row, strict=True) if e not in (emotion, said))
    assert mine.loc["all", "third_class"] == expected
    assert (mine["low"] <= mine["share"]).all() and (mine["share"] <= mine["high"]).all()


def test_all_tables_from_files(tmp_path, frame):
    write_manifest(tmp_path / "manifest.csv")
    models = frame.assign(model=frame["model"].replace({"convlstm": "control-true-aus"}))
    models["role"] = np.where(models["model"] == "control-true-aus", "control", "model")
    test = frame[(frame["protocol"] == "test") & (frame["model"] == "c3d")].assign(role="fusion")
    fusions = [test.assign(model=m) for m in ("fusion-all-average", "fusion-best", "fusion-stacking")]
    write(pd.concat([models, *fusions, people(frame, simulated=True)]), tmp_path / "predictions.csv")
    detail.write_details(
        [tmp_path / "predictions.csv"],
        tmp_path / "manifest.csv",
        tmp_path / "t",
        CALIBRATION,
        EVALUATION,
        3,
        EMOTIONS,
    )
    assert {path.stem for path in (tmp_path / "t").iterdir()} == set(TITLES)
    compared = tables.read(tmp_path / "t" / "comparisons.csv", "comparisons")
    sides = set(compared["first"]) | set(compared["second"])
    assert sides == {
        "compact+lstm",
        "compact+bilstm",
        "compact+cnn1d",
        "c3d",
        "fusion-best",
        "fusion-stacking",
        "simulated-human-majority",
    }
    assert len(compared) == 21 and compared["synthetic"].all()
    beside = tables.read(tmp_path / "t" / "confusion_with_annotators.csv", "confusion")
    assert set(beside["model"]) == sides and set(beside["protocol"]) == {"test", "human"}
    assert "control-true-aus" in set(tables.read(tmp_path / "t" / "calibration.csv", "calibration")["model"])
