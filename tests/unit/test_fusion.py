"""Fusing models from their predictions: rules, weights, stacking, the choice, and what is refused."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from prediction_study import SKILLS, predictions, scores, write_manifest

from ferflow import tables
from ferflow.classes import EMOTIONS
from ferflow.errors import FerflowError, InputError, SettingError, SplitError
from ferflow.evaluation.predictions import fusion_name
from ferflow.evaluation.results import results
from ferflow.fusion import rules, run, stacking
from ferflow.fusion.align import aligned, fold_accuracy, refuse_shared_subjects
from ferflow.fusion.rules import resolve
from ferflow.settings import Evaluation, Fusion, FusionChoice, Stacking

EVALUATION = Evaluation(bootstrap=60, confidence=0.9, by=[], controls=False)
LAST = ["lstm", "bilstm", "cnn1d", "c3d", "convlstm"]
SETTINGS = Fusion(
    sets={"lstm_bilstm": ["lstm", "bilstm"], "all": LAST},
    rules=["average", "weighted", "maximum"],
    stacking=Stacking(models=LAST, strengths=[0.01, 0.1, 1], folds=3),
    best=FusionChoice(models=LAST, most=5, search="exhaustive"),
)


@pytest.fixture(scope="module")
def frame():
    return predictions()


@pytest.fixture(scope="module")
def fused(frame):
    return run.fusions(frame, SETTINGS, EVALUATION, 7, EMOTIONS)


def test_the_rules_by_hand():
    shares = np.array([[[0.6, 0.3, 0.1]], [[0.1, 0.5, 0.4]]])
    np.testing.assert_allclose(rules.fuse(shares, "average", np.ones(2)), [[0.35, 0.4, 0.25]])
    np.testing.assert_allclose(rules.fuse(shares, "weighted", np.array([3, 1])), [[0.475, 0.35, 0.175]])
    np.testing.assert_allclose(rules.fuse(shares, "maximum", np.ones(2)), [[0.6 / 1.5, 0.5 / 1.5, 0.4 / 1.5]])


def test_the_printed_weighted_rule_has_the_same_winners():
    rng = np.random.default_rng(1)
    shares, weights = rng.dirichlet(np.ones(6), size=(3, 50)), np.array([0.7, 0.6, 0.2])
    printed = (weights[:, None, None] * shares).sum(0) / 3  # equation 3.2
    ours = rules.weighted(shares, weights)
    assert (printed.argmax(1) == ours.argmax(1)).all()
    np.testing.assert_allclose(ours.sum(1), 1)
    for bad in ([1, 1], [0, 0, 0], [1, -1, 1]):
        with pytest.raises(ValueError, match="weights"):
            rules.weighted(shares, np.array(bad))


def test_weights_are_accuracies_of_cross_validation_and_not_of_the_test(frame):
    cv = aligned(frame, list(SKILLS), "cv", EMOTIONS)
    table = results(frame, EMOTIONS, EVALUATION, 1)
    table = table[(table["metric"] == "accuracy") & table["fold"].isna()].set_index(["protocol", "model"])
    np.testing.assert_allclose(rules.accuracies(cv), table.loc["cv"].loc[list(SKILLS), "value"])
    assert not np.allclose(rules.accuracies(cv), table.loc["test"].loc[list(SKILLS), "value"])


def test_rows_of_any_order_are_lined_up_clip_by_clip(frame):
    mixed = frame.sample(frac=1, random_state=3)
    first, second = (aligned(f, list(SKILLS), "test", EMOTIONS) for f in (frame, mixed))
    np.testing.assert_array_equal(first.probabilities, second.probabilities)
    one = frame[(frame["model"] == "c3d") & (frame["protocol"] == "test")].set_index("clip_id")
    columns = [f"p_{e}" for e in EMOTIONS]
    np.testing.assert_array_equal(first.probabilities[3], one.loc[first.clips["clip_id"], columns].to_numpy())


def test_predictions_of_a_fusion_are_those_of_its_rule(frame, fused):
    rows, _ = fused
    mine = rows[(rows["model"] == fusion_name("lstm_bilstm", "average")) & (rows["protocol"] == "test")]
    columns = [f"p_{e}" for e in EMOTIONS]
    singles = [
        frame[(frame["model"] == model) & (frame["protocol"] == "test")].set_index("clip_id")
        for model in ("compact+lstm", "compact+bilstm")
    ]
    expected = sum(single.loc[mine["clip_id"], columns].to_numpy() for single in singles) / 2
    np.testing.assert_allclose(mine[columns], expected, atol=1e-6)
    assert mine["predicted"].tolist() == [EMOTIONS[k] for k in expected.argmax(1)]


def test_the_table_has_every_set_and_rule_with_the_accuracy_of_its_predictions(fused):
    rows, shown = fused
    fusions = shown[shown["rule"] != run.ALONE]
    listed = [fusion_name(name, rule) for name in SETTINGS.sets for rule in SETTINGS.rules]
    assert fusions["model"].tolist() == [*listed, "fusion-stacking", "fusion-best"]
    assert shown[shown["rule"] == run.ALONE]["model"].tolist() == list(SKILLS)
    for row in fusions.itertuples():
        mine = rows[rows["model"] == row.model]
        right = mine["emotion"] == mine["predicted"]
        test = mine["protocol"] == "test"
        assert row.test == pytest.approx(right[test].mean())
        assert row.cv == pytest.approx(right[~test].groupby(mine.loc[~test, "fold"]).mean().mean())
        assert row.test_low <= row.test <= row.test_high
    weighted = fusions[fusions["rule"] == "weighted"].iloc[0]
    assert len(weighted["weights"].split(", ")) == 2
    assert shown["synthetic"].all()


def test_no_test_prediction_moves_a_weight_a_stack_or_the_choice(frame, fused):
    """Other test labels and scores: what was learnt from cross-validation stays bit for bit."""
    other = frame.copy()
    test = (other["protocol"] == "test").to_numpy()
    columns = [f"p_{e}" for e in EMOTIONS]
    other.loc[test, columns] = other.loc[test, columns].to_numpy()[::-1]
    rows, shown = run.fusions(other, SETTINGS, EVALUATION, 7, EMOTIONS)
    before_rows, before = fused
    learnt = ["model", "models", "rule", "weights", "strength", "tried", "chosen_at", "cv"]
    pd.testing.assert_frame_equal(shown[learnt], before[learnt])
    pd.testing.assert_frame_equal(
        rows[rows["protocol"] == "cv"], before_rows[before_rows["protocol"] == "cv"]
    )
    assert not np.allclose(shown["test"], before["test"])


def test_the_stack_learns_whom_to_trust():
    """One model is right where the other is noise; the stack does better than their average."""
    frame = predictions({"noise+lstm": 0.0, "good+lstm": 2.0}, seed=5)
    cv, test = (aligned(frame, ["noise+lstm", "good+lstm"], p, EMOTIONS) for p in ("cv", "test"))
    stack = stacking.fit(cv, [0.001, 0.01, 0.1, 1], 3, 1)
    shares = stack.predict(test.probabilities)
    np.testing.assert_allclose(shares.sum(1), 1)
    right = (shares.argmax(1) == test.truth).mean()
    average = (test.probabilities.mean(0).argmax(1) == test.truth).mean()
    assert right > average
    weights = np.abs(stack.pipeline[-1].coef_).reshape(len(EMOTIONS), 2, len(EMOTIONS)).sum((0, 2))
    assert weights[1] > 2 * weights[0]


def test_the_strength_of_the_stack_is_that_of_a_grouped_search_by_hand(frame):
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss
    from sklearn.model_selection import GroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    cv = aligned(frame, list(SKILLS), "cv", EMOTIONS)
    stack = stacking.fit(cv, [0.001, 0.1, 10], 4, 11)
    groups, given = cv.clips["subject_id"], stacking.inputs(cv.probabilities)
    losses = {}
    for strength in (0.001, 0.1, 10):
        found = []
        folds = GroupKFold(4, shuffle=True, random_state=11)
        for train, held in folds.split(given, cv.truth, groups):
            assert not set(groups.iloc[train]) & set(groups.iloc[held])
            model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=2000))
            shares = model.fit(given[train], cv.truth[train]).predict_proba(given[held])
            found.append(log_loss(cv.truth[held], shares))
        losses[strength] = np.mean(found)
    assert stack.strength == min(losses, key=losses.get)
    assert stack.loss == pytest.approx(losses[stack.strength], rel=1e-6)


def test_a_stack_of_a_single_subject_is_refused_and_of_few_has_as_many_folds(frame):
    cv = aligned(frame, list(SKILLS), "cv", EMOTIONS)
    subjects = cv.clips["subject_id"]
    three = cv.part(subjects.isin(subjects.unique()[:3]).to_numpy())
    assert stacking.fit(three, [0.1], 40, 1).loss == stacking.fit(three, [0.1], 3, 1).loss
    with pytest.raises(SplitError, match="learnt from 1 subject"):
        stacking.fit(cv.part((subjects == subjects[0]).to_numpy()), [0.1], 40, 1)


def test_a_class_that_the_stack_never_saw_gets_nothing(frame):
    cv = aligned(frame[frame["emotion"] != "fear"], ["c3d", "convlstm"], "cv", EMOTIONS)
    shares = stacking.fit(cv, [0.1], 3, 1).predict(cv.probabilities)
    assert (shares[:, EMOTIONS.index("fear")] == 0).all()
    np.testing.assert_allclose(shares.sum(1), 1)


def test_every_set_is_tried_and_the_best_one_taken(frame):
    cv = aligned(frame, list(SKILLS), "cv", EMOTIONS)
    chosen = rules.choose(cv, rules.RULES, 5, "exhaustive")
    assert chosen.tried == 5 + (2**5 - 1 - 5) * 3
    best = max(
        fold_accuracy(
            rules.fuse(cv.of(names).probabilities, rule, rules.accuracies(cv.of(names))), cv.clips, cv.truth
        )
        for rule in rules.RULES
        for n in range(1, 6)
        for names in combinations(cv.models, n)
    )
    assert chosen.accuracy == best
    assert fold_accuracy(chosen.predict(cv), cv.clips, cv.truth) == best
    assert (
        fold_accuracy(rules.cross_fitted_choice(cv, rules.RULES, 5, "exhaustive"), cv.clips, cv.truth) < best
    )
    greedy = rules.choose(cv, rules.RULES, 5, "greedy")
    assert greedy.tried < chosen.tried
    assert rules.accuracies(cv).max() <= greedy.accuracy <= best


def test_of_equally_good_sets_the_smaller_one_is_taken():
    frame = predictions({"a": 30.0, "b": 30.0})  # both always right
    cv = aligned(frame, ["a", "b"], "cv", EMOTIONS)
    for search in ("exhaustive", "greedy"):
        chosen = rules.choose(cv, rules.RULES, 2, search)
        assert (chosen.models, chosen.rule, chosen.accuracy) == (("a",), "average", 1.0)


def test_members_are_found_by_whole_name_or_last_part():
    models = ["compact+lstm", "vggface+lstm", "vggface+cnn1d", "c3d"]
    assert resolve(["vggface+lstm", "cnn1d", "c3d"], models, "fusion.sets.x") == (
        "vggface+lstm",
        "vggface+cnn1d",
        "c3d",
    )
    with pytest.raises(SettingError, match=r"may be compact\+lstm or vggface\+lstm"):
        resolve(["lstm"], models, "fusion.sets.x")
    with pytest.raises(SettingError, match="names c3d twice"):
        resolve(["c3d", "c3d"], models, "fusion.sets.x")


def broken(frame, name):
    test = frame["protocol"] == "test"
    mine = frame["model"] == "c3d"
    if name == "model":
        return frame[~mine], r"fusion\.sets\.all: names c3d, of which there are no predictions"
    if name == "no test":
        return frame[~(mine & test)], r"predictions of c3d \(test\): are not there"
    if name == "clip lacks":
        lost = mine & (frame["clip_id"] == "F003_sad")
        return frame[~lost], r"predictions of c3d \(test\): lack clip F003_sad"
    if name == "clip more":
        other = frame["model"] != "c3d"
        return frame[~(other & (frame["clip_id"] == "F003_sad"))], "hold clip F003_sad, which"
    if name == "fold":
        frame.loc[mine & (frame["clip_id"] == "F001_sad"), "fold"] = 2
        return frame, r"clip F001_sad: fold is 2, but 0 for compact\+lstm"
    if name == "scores":
        frame.loc[mine & (frame["clip_id"] == "F001_sad"), [f"p_{e}" for e in EMOTIONS]] = np.nan
        return frame, r"predictions of c3d \(cv\): have no scores for clip F001_sad"
    frame.loc[test & (frame["subject_id"] == "F003"), "subject_id"] = "F001"
    return frame, "subject F001 is in both"


@pytest.mark.parametrize(
    "name", ["model", "no test", "clip lacks", "clip more", "fold", "scores", "shared subject"]
)
def test_what_cannot_be_fused_is_refused_in_one_line(frame, name):
    table, message = broken(frame.copy(), name)
    with pytest.raises(FerflowError, match=message) as error:
        run.fusions(table, SETTINGS, EVALUATION, 7, EMOTIONS)
    assert "\n" not in str(error.value)


def test_settings_that_name_no_models_at_all_are_refused(frame):
    nothing = SETTINGS.model_copy(update={"sets": {}, "stacking": None, "best": None})
    with pytest.raises(SettingError, match="names no models to fuse"):
        run.fusions(frame, nothing, EVALUATION, 7, EMOTIONS)


def test_other_subjects_on_both_sides_pass(frame):
    refuse_shared_subjects(*(aligned(frame, ["c3d"], p, EMOTIONS) for p in ("cv", "test")))


def test_from_files_to_files(tmp_path, frame):
    write_manifest(tmp_path / "manifest.csv")
    paths = []
    for model, rows in frame.drop(columns=["synthetic", "leaky"]).groupby("model"):
        paths.append(tmp_path / f"{model}.csv")
        tables.write(rows, paths[-1], "predictions")
    settings = SETTINGS.model_copy(update={"stacking": None, "best": None})
    where = paths, tmp_path / "manifest.csv", tmp_path / "predictions.csv", tmp_path / "fusion.csv"
    run.write_fusions(*where, settings, EVALUATION, 7, EMOTIONS, protocol="published")
    assert len(tables.read(tmp_path / "predictions.csv", "predictions")) == 6 * 18 * 6
    assert set(tables.read(tmp_path / "fusion.csv", "fusion")["note"]) == {"published protocol, leaky"}
    lines = paths[0].read_text().splitlines()
    header = lines[0].split(",")
    header[4], header[5] = header[5], header[4]
    paths[0].write_text("\n".join([",".join(header), *lines[1:]]))
    with pytest.raises(InputError, match="classes are in the order p_disgust, p_angry"):
        run.write_fusions(*where, settings, EVALUATION, 7, EMOTIONS)


def test_skill_makes_the_scores_of_these_tests_better():
    rng, truth = np.random.default_rng(0), np.zeros(600, int)
    right = [(scores(truth, skill, rng).argmax(1) == 0).mean() for skill in (0, 1, 3)]
    assert right[0] == pytest.approx(1 / 6, abs=0.05) and right[0] < right[1] < right[2]


def test_the_settings_refuse_a_fusion_that_cannot_be(small_settings):
    settings = small_settings()
    assert set(settings.fusion.sets) >= {"lstm_bilstm", "c3d_convlstm", "all"}
    with pytest.raises(SettingError, match="names a model twice"):
        small_settings({"fusion": {"sets": {"twice": ["lstm", "lstm"]}}})
    with pytest.raises(SettingError, match="best is the name"):
        small_settings({"fusion": {"sets": {"best": ["lstm", "c3d"]}}})
    with pytest.raises(SettingError, match="more than 12 take greedy"):
        small_settings({"fusion": {"best": {"models": [f"m{i}" for i in range(13)]}}})
    fewer = small_settings({"fusion": {"sets": {"all": None}}}).fusion
    assert "all" not in fewer.named() and set(fewer.named()) == set(settings.fusion.sets) - {"all"}
