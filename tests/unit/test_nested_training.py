"""Nested cross-validation with real, tiny trainings: 2 x 2 folds, two candidates, one store of features."""

from __future__ import annotations

import json

import pytest
import training_study

from ferflow import tables
from ferflow.classes import EMOTIONS
from ferflow.errors import SplitError
from ferflow.settings import Evaluation
from ferflow.training import nested

CANDIDATES = {"as_set": {}, "narrow": {"units": 2}}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return training_study.write(tmp_path_factory.mktemp("nested"))


@pytest.fixture(scope="module")
def settings(small_settings):
    small = {"temporal": {"epochs": 4}, "finalize": {"max_epochs": 5, "patience": 2}}
    laid = training_study.SMALL | {"nested": {"outer": 2, "inner": 2, "candidates": CANDIDATES}}
    laid["temporal"] = laid["temporal"] | small["temporal"]
    laid["finalize"] = small["finalize"]
    return small_settings(laid)


@pytest.fixture(scope="module")
def ran(study, settings):
    """All jobs, as the workflow would run them; returns the folder."""
    folder = study.folder / "results"
    files = {name: study.inputs[name] for name in ("manifest", "trim")}
    split_paths = [folder / f"outer-{outer}" / "splits.json" for outer in range(2)]
    nested.write_plan(study.inputs["manifest"], folder / "plan.json", split_paths, 2, 5)
    for outer, splits in enumerate(split_paths):
        inner = []
        for candidate in CANDIDATES:
            for fold in range(2):
                inner.append(folder / f"outer-{outer}" / candidate / f"inner-{fold}/predictions.csv")
                nested.run_inner(
                    "lstm",
                    outer,
                    fold,
                    candidate,
                    splits=splits,
                    features=study.features("none"),
                    out_folder=inner[-1].parent,
                    settings=settings,
                    model="compact+lstm",
                    **files,
                )
        nested.run_outer(
            "lstm",
            outer,
            inner,
            splits=splits,
            features=dict.fromkeys(CANDIDATES, study.features("none")),
            out_folder=folder / f"outer-{outer}" / "chosen",
            settings=settings,
            model="compact+lstm",
            **files,
        )
    return folder


def test_every_clip_is_tested_once_by_a_model_that_never_saw_its_subject(study, ran):
    plan = nested.read(ran / "plan.json")
    manifest = tables.read(study.inputs["manifest"], "manifest")
    tested = []
    for outer, one in enumerate(plan["outer"]):
        said = tables.read(ran / f"outer-{outer}" / "chosen" / "predictions.csv", "predictions")
        assert set(said["protocol"]) == {"nested"} and set(said["fold"]) == {outer}
        assert set(said["subject_id"]) == set(one["test"])
        tested += said["clip_id"].tolist()
        for path in (ran / f"outer-{outer}").glob("*/inner-*/predictions.csv"):
            assert not set(tables.read(path, "predictions")["subject_id"]) & set(one["test"])
    assert sorted(tested) == sorted(manifest["clip_id"])


def test_the_choice_is_the_inner_folds_best_and_the_table_holds_it(study, ran):
    evaluation = Evaluation(bootstrap=40, confidence=0.9, by=[], controls=False)
    folders = [ran / f"outer-{outer}" / "chosen" for outer in range(2)]
    out = ran / "nested.csv", ran / "nested_inner.csv"
    names = ("choice.json", "inner.csv", "predictions.csv")
    made = [[folder / name for folder in folders] for name in names]
    nested.write_table(*made, study.inputs["manifest"], *out, evaluation, 3, EMOTIONS)
    inner, table = tables.read(out[1], "nested_inner"), tables.read(out[0], "nested")
    assert len(inner) == 2 * 2 * 2
    means = inner.groupby(["outer", "candidate"])["accuracy"].mean()
    for outer in range(2):
        choice = json.loads((folders[outer] / "choice.json").read_text())
        assert means[outer, choice["candidate"]] == means[outer].max()
        history = tables.read(folders[outer] / "history.csv", "history")
        assert history["epoch"].max() == choice["epochs"]
        assert table.loc[table["fold"] == outer, "candidate"].item() == choice["candidate"]
    assert len(table) == 3 and table["synthetic"].all()
    assert table["accuracy"].iloc[-1] > 0.4  # chance is 0.167: the features can be learned


def test_a_split_with_a_subject_on_two_sides_stops_the_job(study, settings, ran, tmp_path):
    plan = nested.read(ran / "plan.json")
    split = plan["outer"][0]
    split["folds"][0].append(split["test"][0])
    (tmp_path / "splits.json").write_text(json.dumps(split))
    with pytest.raises(SplitError, match="stands in the test set and in fold 0"):
        nested.run_inner(
            "lstm",
            0,
            0,
            "as_set",
            splits=tmp_path / "splits.json",
            manifest=study.inputs["manifest"],
            trim=study.inputs["trim"],
            features=study.features("none"),
            out_folder=tmp_path / "out",
            settings=settings,
            model="compact+lstm",
        )
