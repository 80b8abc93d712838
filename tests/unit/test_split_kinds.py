"""The same subjects in two kinds of folds: who stands where, the table, and the figure."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pandas as pd
import pytest
import training_study

from ferflow import tables
from ferflow.classes import EMOTIONS
from ferflow.errors import InputError, SplitError
from ferflow.evaluation import split_kinds
from ferflow.report import split_kinds as drawn
from ferflow.settings import SCHEMES, Evaluation, check
from ferflow.training import splits

EVALUATION = Evaluation(bootstrap=200, confidence=0.9, by=[], controls=False)
BU4DFE = {f"F{n:03d}": "female" for n in range(1, 59) if n != 16} | {
    f"M{n:03d}": "male" for n in range(1, 44)
}
DEMO = {f"{sex}{n:03d}": {"F": "female", "M": "male"}[sex] for sex in "FM" for n in range(1, 15)}


@pytest.mark.parametrize("protocol", ["honest", "published"])
@pytest.mark.parametrize("sexes", [BU4DFE, DEMO, dict.fromkeys(DEMO, "")])
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("seed", [1, 20])
def test_nobody_joins_leaves_or_stands_on_two_sides(scheme, sexes, seed, protocol):
    own = splits.make(scheme, sexes, 5, 0.28, seed, protocol)
    other = splits.regrouped(own, sexes, seed)
    assert other["scheme"] in set(SCHEMES) - {scheme} and other["protocol"] == protocol
    assert other["test"] == own["test"] and len(other["folds"]) == len(own["folds"]) == 5
    assert sorted(chain(*other["folds"])) == sorted(chain(*own["folds"]))
    everyone = [*other["test"], *chain(*other["folds"])]
    assert len(everyone) == len(set(everyone)) == len(sexes)
    sizes = [len(fold) for fold in other["folds"]]
    assert max(sizes) - min(sizes) <= 1
    assert other == splits.regrouped(own, sexes, seed)


def test_blocks_hold_one_sex_and_stratified_folds_both():
    blocks = splits.regrouped(splits.make("stratified", BU4DFE, 5, 0.2, 1, "honest"), BU4DFE, 1)
    assert sum(len({s[0] for s in fold}) == 1 for fold in blocks["folds"]) == 4
    assert list(chain(*blocks["folds"])) == sorted(chain(*blocks["folds"]))
    mixed = splits.regrouped(splits.make("thesis", BU4DFE, 5, 0.2, 1, "honest", by_name=True), BU4DFE, 1)
    women = [sum(s[0] == "F" for s in fold) for fold in mixed["folds"]]
    assert max(women) - min(women) <= 1
    assert mixed["test"] == [f"{s}{n:03d}" for s in "FM" for n in range(1, 11)]


def test_a_fold_without_anybody_is_refused():
    own = {"scheme": "stratified", "seed": 1, "protocol": "honest", "test": ["A"], "folds": [["B"], []]}
    with pytest.raises(SplitError, match="has no subject"):
        splits.regrouped(own, {"A": "female", "B": "male"}, 1)


def test_a_compared_head_that_the_study_has_switched_off_is_not_compared(small_settings):
    values = small_settings().model_dump()
    values["temporal"]["heads"]["cnn1d"] = None
    values["splits"]["compared"] = ["cnn1d"]
    checked = check(values)
    assert checked.splits.compared == []
    assert "splits.compared: without cnn1d, which is switched off" in checked.left_out


def test_the_other_kind_is_written_and_checked(tmp_path):
    study = training_study.write(tmp_path)
    splits.write_regrouped(study.inputs["splits"], study.inputs["manifest"], tmp_path / "other.json", 1)
    own, other = splits.read(study.inputs["splits"]), splits.read(tmp_path / "other.json")
    assert (own["scheme"], other["scheme"]) == ("stratified", "thesis") and own["test"] == other["test"]


def said(split: dict, wrong: dict[str, int]) -> pd.DataFrame:
    """Predictions of six clips for each subject; of subject s the first `wrong[s]` are mistaken."""
    rows = []
    for fold, subjects in enumerate(split["folds"]):
        for subject in subjects:
            for place, emotion in enumerate(EMOTIONS):
                mistaken = place < wrong.get(subject, 0)
                predicted = EMOTIONS[(place + 1) % 6] if mistaken else emotion
                shares = {f"p_{name}": float(name == predicted) for name in EMOTIONS}
                rows.append(
                    {"clip_id": f"{subject}_{emotion}", "subject_id": subject, "emotion": emotion}
                    | {"predicted": predicted, "model": "compact+lstm", "protocol": "cv", "fold": fold}
                    | {"role": "model", "view": "", "synthetic": True, **shares}
                )
    return pd.DataFrame(rows)


SPLITS = {
    "thesis": {"folds": [["F1", "F2"], ["F3", "M1"], ["M2", "M3"]]},
    "stratified": {"folds": [["F1", "M1"], ["F2", "M2"], ["F3", "M3"]]},
}
WRONG = {
    "thesis": {"F1": 0, "F2": 1, "F3": 2, "M1": 3, "M2": 4, "M3": 5},
    "stratified": {"F1": 0, "F2": 0, "F3": 1, "M1": 2, "M2": 2, "M3": 3},
}


def history(accuracy: float) -> pd.DataFrame:
    values = {"train_accuracy": [0.2, accuracy], "train_loss": [1.0, 0.5], "epoch": [1, 2]}
    values |= {"validation_loss": [1.0, 1.0], "validation_accuracy": [0.1, 0.2], "learning_rate": [0.1, 0.1]}
    return pd.DataFrame(values)


@pytest.fixture
def table():
    predictions = {scheme: said(SPLITS[scheme], WRONG[scheme]) for scheme in SCHEMES}
    curves = {scheme: [history(0.9 + 0.02 * fold) for fold in range(3)] for scheme in SCHEMES}
    clips = predictions["thesis"]["clip_id"]
    sexes = pd.Series(["female" if clip[0] == "F" else "male" for clip in clips], index=clips)
    return split_kinds.split_kinds(predictions, curves, sexes, EMOTIONS, EVALUATION, 3)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_each_kind_has_its_mean_spread_sexes_and_gap(table, scheme):
    right = {subject: 1 - n / 6 for subject, n in WRONG[scheme].items()}
    folds = [np.mean([right[s] for s in fold]) for fold in SPLITS[scheme]["folds"]]
    own = table[table["scheme"] == scheme]
    whole = own[own["fold"].isna()].iloc[0]
    assert whole["accuracy"] == pytest.approx(np.mean(folds))
    assert whole["spread"] == pytest.approx(np.std(folds, ddof=1))
    assert (whole["least"], whole["greatest"]) == pytest.approx((min(folds), max(folds)))
    assert whole["low"] <= whole["accuracy"] <= whole["high"]
    women = [value for subject, value in right.items() if subject[0] == "F"]
    men = [value for subject, value in right.items() if subject[0] == "M"]
    assert whole["accuracy_women"] == pytest.approx(np.mean(women))
    assert whole["accuracy_men"] == pytest.approx(np.mean(men))
    assert whole["train_accuracy"] == pytest.approx(0.92)
    assert whole["gap"] == pytest.approx(0.92 - np.mean(folds))
    parts = own[own["fold"].notna()]
    assert parts["accuracy"].tolist() == pytest.approx(folds)
    assert parts["women"].tolist() == [sum(s[0] == "F" for s in fold) for fold in SPLITS[scheme]["folds"]]
    assert parts["train_accuracy"].tolist() == pytest.approx([0.9, 0.92, 0.94])
    alone = parts["men"] == 0
    assert (parts["accuracy_men"].isna() == alone).all()
    assert alone.any() == (scheme == "thesis")


def test_the_difference_is_stratified_less_thesis_on_the_same_clips(table):
    row = table[table["scheme"] == "difference"].iloc[0]
    less = {s: (WRONG["thesis"][s] - WRONG["stratified"][s]) / 6 for s in WRONG["thesis"]}
    assert row["accuracy"] == pytest.approx(np.mean(list(less.values())))
    assert row["accuracy_men"] == pytest.approx(np.mean([less["M1"], less["M2"], less["M3"]]))
    assert row["accuracy_women"] == pytest.approx(np.mean([less["F1"], less["F2"], less["F3"]]))
    assert min(less.values()) <= row["low"] <= row["accuracy"] <= row["high"] <= max(less.values())
    assert row["n_clips"] == 36 and (row["women"], row["men"]) == (3, 3)


def test_kinds_that_judged_other_clips_are_refused():
    frames = {scheme: said(SPLITS[scheme], WRONG[scheme]) for scheme in SCHEMES}
    frames["thesis"] = frames["thesis"].iloc[1:]
    with pytest.raises(InputError, match="hold other clips; run both again"):
        split_kinds.split_kinds(frames, {}, pd.Series(dtype=str), EMOTIONS, EVALUATION, 3)


def test_the_figure_is_written_from_the_table(table, tmp_path):
    tables.write(table, tmp_path / "table.csv", "split_kinds")
    drawn.figure(tmp_path / "table.csv", tmp_path / "out.svg", 1 / 6, 0.9)
    text = (tmp_path / "out.svg").read_text()
    assert "synthetic data" in text and "thesis" in text and "90 % interval" in text
    again = tables.read(tmp_path / "table.csv", "split_kinds")
    gap = again.loc[(again["scheme"] == "thesis") & again["fold"].isna(), "gap"].item()
    assert f"gap {100 * gap:.1f}" in text and gap > 0
