"""Splits keep every subject on one side, and the thesis's own split is its Figure 3.6."""

from dataclasses import dataclass
from itertools import chain

import pytest

from ferflow.errors import SplitError
from ferflow.training import splits

BU4DFE = {f"F{n:03d}": "female" for n in range(1, 59) if n != 16} | {
    f"M{n:03d}": "male" for n in range(1, 44)
}


@dataclass
class Clip:
    clip_id: str
    subject_id: str
    fold: str = ""
    split: str = ""
    sex: str = ""


def sides(split):
    return [split["test"], *split["folds"]]


def by_name(sexes, n_folds=5):
    return splits.make("thesis", sexes, n_folds, 0.2, 1, "honest", by_name=True)


def test_thesis_folds_are_those_of_figure_3_6():
    split = by_name(BU4DFE)
    assert split["test"] == [f"{s}{n:03d}" for s in "FM" for n in range(1, 11)]
    assert [len(fold) for fold in split["folds"]] == [16] * 5
    assert split["folds"][0][4:6] == ["F015", "F017"]
    assert split["folds"][2][-1] == "M011"
    assert sorted(chain(*sides(split))) == sorted(BU4DFE) and "notes" not in split


def test_who_is_absent_or_unknown_changes_nobody_elses_place(tmp_path):
    whole = by_name(BU4DFE)
    sexes = {s: sex for s, sex in BU4DFE.items() if s not in ("F020", "M003")}
    split = by_name(sexes | {"F016": "female", "M044": "male"})
    assert sides(split) == [[s for s in side if s not in ("F020", "M003")] for side in sides(whole)]
    assert split["notes"] == [
        "M003 of the test set: not there",
        "F020 of fold 0: not there",
        "F016, M044: not in the thesis's Figure 3.6, on no side",
    ]
    splits.write(split, tmp_path / "splits.json")
    assert splits.read(tmp_path / "splits.json") == split
    with pytest.raises(SplitError, match=r"is 4, but the thesis's Figure 3\.6 has 5; write 5"):
        by_name(BU4DFE, 4)


def test_thesis_rule_elsewhere_takes_the_first_fifth_of_each_sex_two_at_least():
    sexes = {f"F{n:03d}": "female" for n in range(1, 19)} | {f"M{n:03d}": "male" for n in range(1, 8)}
    split = splits.make("thesis", sexes, 5, 0.2, 1, "honest")
    assert split["test"] == ["F001", "F002", "F003", "F004", "M001", "M002"]
    assert split["folds"][0] == ["F005", "F006", "F007", "F008"]
    assert split["folds"][3] == ["F017", "F018", "M003", "M004"]


@pytest.mark.parametrize("seed", range(5))
def test_stratified_balances_the_sexes_and_loses_nobody(seed):
    split = splits.make("stratified", BU4DFE, 5, 0.2, seed, "honest")
    assert sorted(chain(*sides(split))) == sorted(BU4DFE)
    women = [sum(s[0] == "F" for s in fold) for fold in split["folds"]]
    assert max(women) - min(women) <= 1
    assert split == splits.make("stratified", BU4DFE, 5, 0.2, seed, "honest")


def test_a_subject_on_two_sides_is_refused_unless_published():
    split = {"test": ["A"], "folds": [["B"], ["C", "A"]], "protocol": "honest"}
    with pytest.raises(SplitError, match="subject A stands in the test set and in fold 1"):
        splits.check(split, "honest")
    splits.check(split, "published")


def test_too_few_subjects_is_one_clear_line():
    with pytest.raises(SplitError, match="has no subject; use fewer folds"):
        splits.make("stratified", {"A": "female", "B": "male"}, 5, 0.2, 1, "honest")


def test_a_damaged_file_is_named(tmp_path):
    from ferflow.errors import InputError

    file = tmp_path / "splits.json"
    file.write_text('{"test": ["A"]')
    with pytest.raises(InputError, match=r"splits\.json: is not a split"):
        splits.read(file)


def of_clips(scheme, clips, share=0.0, protocol="honest"):
    return splits.of_clips(scheme, clips, 5, share, 1, protocol)


def test_leave_one_out_has_a_fold_for_each_subject_that_is_not_held_out():
    clips = [Clip(f"{name}{take}", name) for name in "CABD" for take in (1, 2)]
    split = of_clips("leave_one_out", clips)
    assert split["test"] == [] and split["folds"] == [["A"], ["B"], ["C"], ["D"]]
    held = of_clips("leave_one_out", clips, share=0.25)
    assert len(held["test"]) == 1 and sorted(chain(*sides(held))) == list("ABCD")
    marked = [Clip(c.clip_id, c.subject_id, split="test" if c.subject_id == "B" else "") for c in clips]
    assert of_clips("leave_one_out", marked)["test"] == ["B"]
    assert of_clips("leave_one_out", marked)["folds"] == [["A"], ["C"], ["D"]]


def test_without_a_share_for_the_test_everybody_is_in_a_fold():
    split = splits.make("stratified", BU4DFE, 5, 0, 1, "honest")
    assert split["test"] == [] and sorted(chain(*split["folds"])) == sorted(BU4DFE)


def test_given_folds_are_those_of_the_column_in_its_order():
    clips = [Clip("a", "A", "10"), Clip("b", "B", "9"), Clip("c", "C", "10"), Clip("d", "D", "", "test")]
    split = of_clips("given", clips)
    assert split["folds"] == [["B"], ["A", "C"]] and split["test"] == ["D"]
    names = [Clip("a", "A", "10"), Clip("b", "B", "9"), Clip("c", "C", "x")]
    assert of_clips("given", names)["folds"] == [["A"], ["B"], ["C"]]


@pytest.mark.parametrize(
    ("clips", "message"),
    [
        ([Clip("a1", "A", "1"), Clip("a2", "A", "2")], "subject A stands in fold 1 and in fold 2"),
        ([Clip("a", "A", "1"), Clip("b", "B")], "clip b has no fold"),
        ([Clip("a", "A", "1"), Clip("b", "B", "1")], "there is 1 fold; use two or more"),
        ([Clip("a1", "A", "1", "test"), Clip("a2", "A", "1")], "only some clips of subject A are marked"),
        ([Clip("a", "A", "1", "tset")], "clip a: split is 'tset'"),
    ],
)
@pytest.mark.parametrize("protocol", ["honest", "published"])
def test_folds_that_cannot_be_are_one_clear_line(clips, message, protocol):
    with pytest.raises(SplitError, match=message):
        of_clips("given", clips, protocol=protocol)
