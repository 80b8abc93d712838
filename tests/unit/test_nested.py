"""Nested cross-validation: who stands where, what is chosen, and what comes out of it."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from prediction_study import scores

from ferflow import tables
from ferflow.classes import EMOTIONS
from ferflow.errors import FerflowError, InputError, SettingError, SplitError
from ferflow.evaluation.predictions import table
from ferflow.evaluation.results import results
from ferflow.settings import Evaluation
from ferflow.training import nested, splits

EVALUATION = Evaluation(bootstrap=50, confidence=0.9, by=[], controls=False)


def subjects(women, men, unknown=0):
    names = {f"F{n:03d}": "female" for n in range(women)} | {f"M{n:03d}": "male" for n in range(men)}
    return names | {f"X{n:03d}": "" for n in range(unknown)}


def drawn(seed):
    """Numbers of subjects and folds that are possible."""
    rng = np.random.default_rng(seed)
    outer, inner = (int(n) for n in rng.integers(2, 6, 2))
    women, men, unknown = (int(n) for n in rng.integers(0, 25, 3))
    women += outer * (inner + 1)  # enough for every side
    return subjects(women, men, unknown), outer, inner


@pytest.mark.parametrize("seed", range(20))
def test_no_subject_is_on_two_sides_and_each_is_tested_once(seed):
    sexes, outer, inner = drawn(seed)
    plan = nested.make(sexes, outer, inner, seed)
    assert len(plan["outer"]) == outer
    tested = [subject for one in plan["outer"] for subject in one["test"]]
    assert sorted(tested) == sorted(sexes)
    for one in plan["outer"]:
        assert len(one["folds"]) == inner
        sides = [set(one["test"]), *map(set, one["folds"])]
        assert sum(len(side) for side in sides) == len(set().union(*sides)) == len(sexes)
        for i in range(inner):
            training = set().union(*(s for j, s in enumerate(sides[1:]) if j != i))
            assert not training & sides[0] and not training & sides[1 + i]


@pytest.mark.parametrize("seed", range(20))
def test_every_side_has_its_share_of_each_sex(seed):
    sexes, outer, inner = drawn(seed)
    plan = nested.make(sexes, outer, inner, seed)
    for folds in ([one["test"] for one in plan["outer"]], *(one["folds"] for one in plan["outer"])):
        sizes = [len(fold) for fold in folds]
        assert max(sizes) - min(sizes) <= 1
        for sex in ("female", "male", ""):
            counts = [sum(sexes[subject] == sex for subject in fold) for fold in folds]
            assert max(counts) - min(counts) <= 1


def test_the_plan_is_that_of_its_seed():
    sexes = subjects(12, 12)
    assert nested.make(sexes, 3, 2, 5) == nested.make(dict(reversed(sexes.items())), 3, 2, 5)
    assert nested.make(sexes, 3, 2, 5) != nested.make(sexes, 3, 2, 6)


def test_too_few_subjects_are_refused():
    with pytest.raises(SplitError, match="outer fold 0: fold 1 has no subject"):
        nested.make(subjects(2, 1), 2, 3, 1)


def broken(plan, name):
    first, second = plan["outer"][:2]
    someone = first["test"][0]
    if name == "inner":
        first["folds"][0].append(someone)
        return f"outer fold 0: subject {someone} stands in the test set and in fold 0"
    if name == "twice":
        fold = next(fold for fold in second["folds"] if someone in fold)
        fold.remove(someone)
        second["test"].append(someone)
        return f"subject {someone} is tested on in outer folds 0 and 1"
    if name == "lost":
        next(fold for fold in second["folds"] if someone in fold).remove(someone)
        return f"outer fold 1 leaves out subject {someone}"
    first["test"].remove(someone)
    first["folds"][0].append(someone)
    return f"subject {someone} is never tested on"


@pytest.mark.parametrize("name", ["inner", "twice", "lost", "never"])
def test_a_plan_that_leaks_is_refused_in_one_line(tmp_path, name):
    plan = nested.make(subjects(9, 9), 3, 2, 1)
    message = broken(plan, name)
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    with pytest.raises(SplitError) as error:
        nested.read(tmp_path / "plan.json")
    assert message in str(error.value) and "\n" not in str(error.value)


def test_a_missing_or_damaged_plan_is_named(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        nested.read(tmp_path / "plan.json")
    (tmp_path / "plan.json").write_text('{"outer": [{"test": ["A"]}]}')
    with pytest.raises(InputError, match="is not a nested plan"):
        nested.read(tmp_path / "plan.json")


def clips(sexes):
    return pd.DataFrame([{"subject_id": s, "emotion": e} for s in sexes for e in EMOTIONS])


def test_the_plan_and_its_splits_are_files_that_training_reads(tmp_path):
    sexes = subjects(6, 6)
    about = {"split": "", "source": "a", "n_frames": 9, "fps": 25.0, "width": 9, "height": 9}
    rows = clips(sexes).assign(**about, synthetic=True)
    rows["sex"] = rows["subject_id"].map(sexes)
    rows["clip_id"] = rows["subject_id"] + "_" + rows["emotion"]
    rows["sha256"] = [f"{i:064x}" for i in range(len(rows))]
    tables.write(rows, tmp_path / "manifest.csv", "manifest")
    paths = [tmp_path / f"outer-{i}" / "splits.json" for i in range(3)]
    nested.write_plan(tmp_path / "manifest.csv", tmp_path / "plan.json", paths, 2, 4)
    plan = nested.read(tmp_path / "plan.json")
    assert [splits.read(path) for path in paths] == plan["outer"]


def inner_table(values):
    """Rows of one model and outer fold: candidate to [(accuracy, epoch)]."""
    rows = [
        {"model": "m", "outer": 0, "inner": i, "candidate": name, "accuracy": a, "epoch": e, "n_clips": 6}
        for name, cells in values.items()
        for i, (a, e) in enumerate(cells)
    ]
    return pd.DataFrame(rows)


def test_the_candidate_with_the_best_mean_is_chosen_and_of_equals_the_first():
    found = nested.choose(inner_table({"a": [(0.5, 3), (0.6, 4)], "b": [(0.9, 9), (0.4, 4)]}))
    assert found["candidate"] == "b" and found["epochs"] == 7  # 6.5, halves up
    assert found["inner_mean"] == pytest.approx(0.65)
    assert found["inner_sd"] == pytest.approx(np.std([0.9, 0.4], ddof=1))
    tied = nested.choose(inner_table({"z": [(0.5, 1), (0.5, 1)], "a": [(0.4, 8), (0.6, 8)]}))
    assert tied["candidate"] == "z"
    with pytest.raises(InputError, match=r"b ran on inner folds \[0\], a on \[0, 1\]"):
        nested.choose(inner_table({"a": [(0.5, 3), (0.6, 4)], "b": [(0.9, 9)]}))


def test_an_inner_fold_is_judged_by_its_fixed_run(tmp_path):
    rows = pd.DataFrame({"clip_id": list("abcd"), "subject_id": "F1", "emotion": EMOTIONS[:4]})
    shares = np.full((4, 6), 0.02)
    shares[range(4), [0, 1, 0, 0]] = 0.9
    tables.write(table(rows, shares, EMOTIONS, "m", "cv", 0, 1), tmp_path / "predictions.csv", "predictions")
    (tmp_path / "best_epoch.json").write_text('{"fold": 1, "epoch": 7, "max_accuracy": 0.99}')
    row = nested.inner_row("m", 2, 1, "a", tmp_path)
    assert (row["accuracy"], row["epoch"], row["n_clips"]) == (0.5, 7, 4)
    tables.write(pd.DataFrame([row]), tmp_path / "inner.csv", "nested_inner")
    (tmp_path / "best_epoch.json").write_text("{}")
    with pytest.raises(InputError, match=r"best_epoch\.json: cannot be used \(without epoch\)"):
        nested.inner_row("m", 2, 1, "a", tmp_path)


def judged(seed=0):
    """Predictions of three outer folds, and the choices that led to them."""
    rng, parts = np.random.default_rng(seed), []
    for fold in range(3):
        names = [f"F{3 * i + fold:03d}" for i in range(5)]
        rows = clips(names)
        rows["clip_id"] = rows["subject_id"] + "_" + rows["emotion"]
        shares = scores(rows["emotion"].map(EMOTIONS.index).to_numpy(), 1.0, rng)
        parts.append(table(rows, shares, EMOTIONS, "compact+lstm", "nested", fold, 1))
    choices = [
        {
            "model": "compact+lstm",
            "fold": f,
            "candidate": c,
            "epochs": 5 + f,
            "inner_mean": 0.6,
            "inner_sd": 0.1,
        }
        for f, c in enumerate("aba")
    ]
    return pd.DataFrame(choices), pd.concat(parts, ignore_index=True).assign(synthetic=True)


def test_the_table_has_each_outer_fold_and_the_mean_with_spread_and_interval(tmp_path):
    choices, said = judged()
    found = nested.aggregate(choices, said, EMOTIONS, EVALUATION, 3, "a note")
    tables.write(found, tmp_path / "nested.csv", "nested")
    folds, mean = found.iloc[:3], found.iloc[3]
    by_hand = (said["emotion"] == said["predicted"]).groupby(said["fold"]).mean()
    np.testing.assert_allclose(folds["accuracy"], by_hand)
    assert folds["candidate"].tolist() == ["a", "b", "a"] and folds["epochs"].tolist() == [5, 6, 7]
    assert mean["accuracy"] == pytest.approx(by_hand.mean())
    assert mean["sd"] == pytest.approx(100 * by_hand.std(ddof=1))
    assert (mean["least"], mean["greatest"]) == (by_hand.min(), by_hand.max())
    assert mean["candidate"] == "a, b" and pd.isna(mean["fold"])
    whole = results(said, EMOTIONS, EVALUATION, 3)
    whole = whole[(whole["metric"] == "accuracy") & whole["fold"].isna()].iloc[0]
    assert (mean["low"], mean["high"]) == (whole["low"], whole["high"])
    assert mean["low"] < mean["accuracy"] < mean["high"]


def test_an_outer_fold_that_is_not_there_is_named():
    choices, said = judged()
    with pytest.raises(InputError, match=r"outer fold 2 of compact\+lstm has a choice, but no predictions"):
        nested.aggregate(choices, said[said["fold"] != 2], EMOTIONS, EVALUATION, 3)
    with pytest.raises(InputError, match=r"outer fold 0 of .* has predictions, but no choice"):
        nested.aggregate(choices.iloc[1:], said, EMOTIONS, EVALUATION, 3)


def test_candidates_are_laid_over_the_heads_settings(small_settings):
    settings = small_settings({"nested": {"candidates": {"dropped": {"dropout": 0.5}, "odd": {"drop": 1}}}})
    own = nested.with_candidate(settings, "lstm", "dropped")
    assert own.temporal.heads["lstm"].dropout == 0.5
    assert own.temporal.heads["bilstm"] == settings.temporal.heads["bilstm"]
    assert own.temporal.heads["lstm"].units == settings.temporal.heads["lstm"].units
    with pytest.raises(SettingError, match=r"nested\.candidates\.odd: heads\.lstm\.drop: Extra inputs"):
        nested.with_candidate(settings, "lstm", "odd")
    assert issubclass(SettingError, FerflowError)
