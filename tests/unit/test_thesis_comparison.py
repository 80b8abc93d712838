"""Every number of the thesis beside ours, or the reason why there is none."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from prediction_study import predictions, write_manifest

from ferflow import tables
from ferflow.classes import EMOTIONS, EMOTIONS_NEUTRAL
from ferflow.evaluation.classification import error_counts
from ferflow.evaluation.predictions import write
from ferflow.evaluation.results import results
from ferflow.fusion import run
from ferflow.report import reference, thesis
from ferflow.report import table_list as render_tables
from ferflow.report.papers import NOT_COMPARABLE, SIMULATED, StudyResults, files, paper, published
from ferflow.settings import Evaluation, Fusion, load

TABLES = tuple(paper("thesis").tables)
UNBOUND = ["parameters", "trainable_parameters"]
REPOSITORY = Path(__file__).parents[2]

EVALUATION = Evaluation(bootstrap=40, confidence=0.9, by=[], controls=False)
FUSION = Fusion(
    sets={
        "two": ["lstm", "bilstm"],
        "three": ["lstm", "bilstm", "cnn1d"],
        "others": ["c3d", "convlstm"],
        "mixed": ["cnn1d", "c3d"],
        "all": ["lstm", "bilstm", "cnn1d", "c3d", "convlstm"],
    },
    rules=["average", "weighted", "maximum"],
    stacking=None,
    best=None,
)


def results_of(facts, **found):
    facts = {"dataset": "x", "stills": "fer2013", "evaluation": EVALUATION, "seed": 1} | facts
    return StudyResults(found, {"spatial": "", "others": {}} | facts, {"lstm-25088 baseline": "lstm-pool"})


def beside(ours, table):
    return reference.compare("thesis", ours, table)


@cache
def study(synthetic, simulated=False, network="vggface"):
    """What a study of made-up predictions has: all that can be had from them, and some small tables."""
    frame = predictions(synthetic=synthetic)
    frame = frame.assign(model=frame["model"].str.replace("compact+", f"{network}+", regex=False))
    # BU-4DFE's names, so that the thesis's mislabelled clips are found
    renamed = frame["subject_id"].replace({"M008": "F015"}).replace({"M009": "M008"})
    frame = frame.assign(subject_id=renamed)
    mark = {"synthetic": synthetic, "note": ""}
    emotions = pd.DataFrame({"emotion": ["all", *EMOTIONS]})
    human = [
        emotions.iloc[1:].assign(measure="median_accuracy", value=0.75),
        emotions.iloc[:1].assign(measure="mean_of_medians", value=0.7),
    ]
    early = pd.DataFrame({"model": f"{network}+lstm", "fold": [0, 1, 2, None], "epoch": [9, 22, 4, 12]})
    curve = pd.DataFrame({"model": f"{network}+lstm", "epoch": [1, 2], "train_accuracy_mean": [0.5, 0.9]})
    rng = np.random.default_rng(4)
    truth = np.repeat(np.arange(7), 30)
    stills = pd.DataFrame({"clip_id": [f"i{k}" for k in range(210)], "subject_id": ""})
    stills["emotion"] = np.take(EMOTIONS_NEUTRAL, truth)
    said = np.where(rng.random(210) < 0.6, truth, rng.integers(0, 7, 210))
    stills["predicted"] = np.take(EMOTIONS_NEUTRAL, said)
    stills = stills.assign(model=network, role="model", view="", protocol="test", fold=None)
    stills = stills.assign(synthetic=synthetic)
    right = float((stills["emotion"] == stills["predicted"]).mean())
    return results_of(
        {"dataset": "synth4d" if synthetic else "bu4dfe", "spatial": network},
        predictions=frame,
        results=results(frame, EMOTIONS, EVALUATION, 1),
        experiment_results=results(
            frame[frame["model"] == f"{network}+bilstm"].assign(model="lstm-pool"), EMOTIONS, EVALUATION, 1
        ),
        fusion=run.fusions(frame, FUSION, EVALUATION, 1, EMOTIONS)[1],
        error_counts=error_counts(frame, EMOTIONS, EVALUATION, 1),
        spatial_predictions=stills,
        spatial_results=results(stills, EMOTIONS_NEUTRAL, EVALUATION, 1),
        finetuned=pd.DataFrame(
            [
                {"network": network, "model": network, "parameters": 39727111, "blocks": 2, "ours": right}
                | mark
            ]
        ),
        trimming=pd.DataFrame(
            [{"emotion": "all", "within_after": 590, "n_clips": 600, "max_frames": 100} | mark]
        ),
        cv_epochs=curve.assign(validation_accuracy_mean=[0.5, 0.6], **mark),
        early_stopping=early.assign(max_validation_accuracy=0.7, **mark),
        human_summary=pd.concat(human).assign(low=0.6, high=0.8, simulated=simulated, **mark),
        parameters=pd.DataFrame({"item": ["lstm-1024", "vgg16"], "count": [591622, 138357544]}),
    )


@pytest.fixture(scope="module")
def synthetic():
    ours = study(True, simulated=True)
    return {table: beside(ours, table) for table in TABLES}


@pytest.fixture(scope="module")
def real():
    ours = study(False)
    return {table: beside(ours, table) for table in TABLES}


def everything(found):
    return pd.concat(found.values(), ignore_index=True)


def test_every_row_of_the_thesis_is_there_with_ours_or_the_reason(synthetic, real):
    printed = published("thesis")
    nothing = results_of({})
    for found in (synthetic, real, {table: beside(nothing, table) for table in TABLES}):
        rows = everything(found)
        keys = ["table", "item", "metric", "split"]
        assert len(rows) == len(printed) == 386
        assert set(map(tuple, rows[keys].to_numpy())) == set(map(tuple, printed[keys].to_numpy()))
        assert rows.loc[rows["ours"].isna(), "note"].str.len().min() > 10
    assert everything({t: beside(nothing, t) for t in TABLES})["ours"].isna().all()


def test_every_table_of_the_thesis_has_a_title():
    assert set(TABLES) == set(published("thesis")["table"])


def test_synthetic_numbers_have_no_difference_and_say_so(synthetic):
    rows = everything(synthetic)
    ours = rows[rows["ours"].notna()]
    counted = ours["metric"].isin(UNBOUND)
    assert ours.loc[~counted, "difference"].isna().all()
    assert ours.loc[~counted, "data"].str.startswith(NOT_COMPARABLE).all()
    assert (~counted).sum() > 50
    human = ours[ours["item"].str.startswith("human")]
    assert len(human) == 8 and human["data"].str.contains("simulated annotators").all()
    # a count of parameters is the same on any data
    assert ours.loc[counted, "difference"].tolist() == [0.0, 0.0, 512.0]


def test_numbers_of_real_data_have_their_difference(real):
    rows = everything(real)
    ours = rows[rows["ours"].notna() & ~rows["metric"].isin(UNBOUND)]
    assert set(ours["data"]) == {"bu4dfe", "fer2013"} and ours["difference"].notna().all()
    shares = [paper("thesis").metric(metric).format.endswith("%") for metric in ours["metric"]]
    expected = (ours["ours"] - ours["published"]) * np.where(shares, 100, 1)
    np.testing.assert_allclose(ours["difference"], expected)


def test_simulated_annotators_of_real_clips_are_not_comparable():
    row = beside(study(False, simulated=True), "fig3.25").iloc[0]
    assert pd.isna(row["difference"]) and row["data"] == SIMULATED


def test_another_network_stands_there_without_a_difference_and_both_are_named(real):
    rows, own = everything({t: beside(study(False, network="vgg16"), t) for t in TABLES}), everything(real)
    ours = rows["ours"].notna()
    of_both = rows["model"].str.contains("vgg16") | rows["model"].isin(["lstm-pool"])
    of_both |= rows["model"].str.startswith("fusion-") & ~rows["item"].str.startswith("c3d+convlstm")
    of_both &= ~rows["table"].isin(["3.2", "3.4"])  # rows of VGG16 itself
    assert set(rows.loc[of_both, "table"]) == {"3.5", "3.6", "3.7", "3.2.4", "fig3.28", "fig3.29"}
    assert rows.loc[of_both, "note"].str.startswith("theirs is vggface, ours vgg16").all()
    assert rows.loc[of_both, "difference"].isna().all()
    assert set(rows.loc[of_both, "data"]) == {"bu4dfe", "fer2013"}
    assert not rows.loc[~of_both, "note"].str.contains("theirs is vggface").any()
    assert rows.loc[ours & ~of_both, "difference"].notna().all() and (ours & ~of_both).sum() > 15
    # beside VGGFace the same numbers of ours have their difference
    pd.testing.assert_series_equal(rows.loc[of_both, "ours"], own.loc[of_both, "ours"])
    assert own.loc[of_both, "difference"].notna().all()
    tuned = rows[rows["table"] == "3.4"].set_index(["item", "metric"])
    assert tuned.loc[("vgg16", "accuracy"), "difference"] == pytest.approx(
        100 * (tuned.loc[("vgg16", "accuracy"), "ours"] - 0.65)
    )
    assert tuned.loc[("vggface", "accuracy"), "note"] == "not run: vggface is not among this study's models"


def test_a_model_of_another_size_has_no_difference_either(real, small_settings):
    own = load(REPOSITORY / "params.yaml", REPOSITORY / "workflow/studies/thesis.yaml")
    assert thesis.others(own) == {}
    compared = {"experiments": {"compared": ["baseline", "c3d-depth"]}}
    found = thesis.others(small_settings(compared, "parts/thesis-comparisons"))
    assert found["c3d"] == "theirs has frames 100, size 160, ours frames 24, size 32"
    assert found["lstm"] == "theirs has layer pool, ours layer dense" and "lstm-dense" not in found
    assert found["c3d-16-16-32"] == found["c3d"] and "lstm-pool" not in found
    ours = study(False)
    ours = replace(ours, facts={**ours.facts, "others": found})
    best = beside(ours, "3.6").set_index("item")
    few = "fewer than 20 subjects"
    assert best.loc["c3d", "note"] == f"{found['c3d']}; {few}" and best.loc["c3d", "ours"] > 0
    assert best["difference"].notna().tolist() == [False] * 5 + [True]  # the humans'
    fused = beside(ours, "3.7").set_index("item").loc["cnn1d+c3d / average"]
    assert fused["note"] == f"{found['cnn1d']}; {found['c3d']}" and pd.isna(fused["difference"])
    parameters = pd.DataFrame({"item": ["c3d"], "count": [53372502]})
    counted = beside(replace(ours, tables={"parameters": parameters}), "fig3.22").iloc[0]
    assert (counted["difference"], counted["note"]) == (0, "")


def test_table_3_6_in_short_says_so_too():
    few = "fewer than 20 subjects"
    for network, other in (("vggface", few), ("vgg16", f"theirs is vggface, ours vgg16; {few}")):
        short = reference.best_models(study(False, network=network).tables["results"], "bu4dfe")
        assert set(short["note"]) == {other} and len(short) == 3
        assert short["ours"].notna().all() and short["difference"].isna().all() == (other != few)


def test_who_is_absent_is_told_beside_every_number_of_the_clips():
    told, ours = "F020 of fold 0: not there", study(False)
    ours = replace(ours, facts={**ours.facts, "absent": told})
    best = beside(ours, "3.6")
    assert best["note"].str.contains(told).equals(best["ours"].notna()) and best["ours"].notna().any()
    assert not beside(ours, "3.5")["note"].str.contains(told).any()  # single images know no such people
    short = reference.best_models(ours.tables["results"], "bu4dfe", {}, told)
    assert short["note"].str.endswith(told).all()


def test_each_table_has_the_number_that_belongs_there(real):
    ours = study(False)
    frame = ours.tables["predictions"]
    test = frame[frame["protocol"] == "test"]
    right = (test["emotion"] == test["predicted"]).groupby(test["model"]).mean()
    best = real["3.6"].set_index("item")
    assert best.loc["vggface+cnn1d", "ours"] == pytest.approx(right["vggface+cnn1d"])
    assert best.loc["convlstm", "ours"] == pytest.approx(right["convlstm"])
    assert best.loc["human", "ours"] == 0.7
    fused = real["3.7"].set_index("item")
    table = ours.tables["fusion"].set_index("model")
    assert fused.loc["all / weighted", "ours"] == table.loc["fusion-all-weighted", "test"]
    assert fused.loc["c3d+convlstm / maximum", "ours"] == table.loc["fusion-others-maximum", "test"]
    assert fused["ours"].notna().all()
    folds = real["3.2.4"]
    baseline = folds[(folds["item"] == "lstm-25088 baseline") & (folds["split"] == "cv fold 1")].iloc[0]
    cv = frame[(frame["model"] == "vggface+bilstm") & (frame["fold"] == 1)]
    assert baseline["ours"] == pytest.approx((cv["emotion"] == cv["predicted"]).mean())
    gap = folds[(folds["metric"] == "train_minus_validation") & folds["item"].str.contains("dropout")]
    assert gap["ours"].item() == pytest.approx(0.3) and gap["difference"].item() == pytest.approx(0)
    assert folds.loc[folds["metric"] == "epochs", "ours"].item() == 12
    assert folds.loc[folds["split"] == "cv fold 4", "note"].str.startswith("not run: no cross-val").all()
    assert real["fig3.4"]["difference"].item() == 3
    stills = ours.tables["spatial_predictions"]
    tuned = real["3.4"].set_index(["item", "metric"]).loc[("vggface", "accuracy")]
    accuracy = (stills["emotion"] == stills["predicted"]).mean()
    assert tuned["difference"] == pytest.approx(100 * (accuracy - 0.69))
    assert tuned["low"] < accuracy < tuned["high"]


def test_the_spatial_model_by_class_is_scikit_learns_with_intervals(real):
    from sklearn.metrics import precision_recall_fscore_support

    stills = study(False).tables["spatial_predictions"]
    expected = precision_recall_fscore_support(
        stills["emotion"], stills["predicted"], labels=list(EMOTIONS_NEUTRAL)
    )
    rows = real["3.5"].set_index(["item", "metric"])
    for k, emotion in enumerate(EMOTIONS_NEUTRAL):
        for metric, values in zip(("precision", "recall", "f1", "support"), expected, strict=True):
            row = rows.loc[(f"vggface/{emotion}", metric)]
            assert row["ours"] == pytest.approx(values[k])
            if metric != "support":
                assert row["low"] <= row["ours"] <= row["high"] and row["low"] < row["high"]
    assert set(rows["note"]) == {""} and set(rows["model"]) == {"vggface"}


def test_recalls_of_the_cascades_and_their_extremes(real):
    test = study(False).tables["predictions"]
    test = test[(test["protocol"] == "test") & test["model"].str.startswith("vggface+")]
    recall = (test["emotion"] == test["predicted"]).groupby([test["emotion"], test["model"]]).mean()
    rows = real["fig3.28"].set_index(["item", "metric"])
    assert rows.loc[("cascades/happy", "recall"), "ours"] == pytest.approx(recall["happy"].mean())
    assert rows.loc[("cascades/fear", "recall_min"), "ours"] == pytest.approx(recall["fear"].min())
    assert rows.loc[("cascades/fear", "recall_max"), "ours"] == pytest.approx(recall["fear"].max())
    assert (rows["low"] <= rows["ours"]).all() and (rows["ours"] <= rows["high"]).all()


def test_mislabelled_clips_have_our_scores_of_the_same_clip(real):
    rows = real["fig3.29"]
    errors = rows[rows["metric"] == "errors"]
    test = study(False).tables["predictions"]
    test = test[(test["protocol"] == "test") & (test["model"] == "vggface+cnn1d")]
    wrong = test[test["emotion"] != test["predicted"]]["emotion"].value_counts()
    assert errors["ours"].tolist() == [wrong.get(e, 0) for e in EMOTIONS]
    angry = rows[(rows["item"] == "vggface+cnn1d/107.M008") & (rows["metric"] == "score_sad")].iloc[0]
    mine = test[(test["subject_id"] == "M008") & (test["emotion"] == "angry")].iloc[0]
    assert angry["ours"] == mine["p_sad"] and angry["note"] == f"ours predicts {mine['predicted']}"
    assert angry["difference"] == pytest.approx(mine["p_sad"] - 0.55)
    lacking = rows[rows["item"] == "vggface+cnn1d/110.M002"]
    assert lacking["note"].unique().tolist() == ["not run: no test prediction of cnn1d for M002, angry"]


def test_what_a_reader_sees(tmp_path, synthetic, real):
    shown = reference.rendered(synthetic["3.7"], "Fusion")
    assert NOT_COMPARABLE in shown.headings and "difference" not in shown.headings
    assert all(len(row) == len(shown.headings) == len(shown.numbers) for row in shown.rows)
    shown = reference.rendered(real["3.7"], "Fusion")
    assert "ours" in shown.headings and "difference" in shown.headings and shown.marks == ""
    first = dict(zip(shown.headings, shown.rows[0], strict=True))
    assert (first["published"], first["real data"]) == ("63.3", "yes")
    assert first["our model"] == "fusion of two, average"
    row = real["3.7"].iloc[0]
    assert first["difference"] == f"{100 * (row['ours'] - 0.6333):+.1f}"
    path = tmp_path / "a.csv"
    tables.write(real["fig3.29"], path, "reference")
    render_tables.render(
        path, "reference", "Errors", [tmp_path / f"a.{end}" for end in ("md", "tex", "html")]
    )
    assert "107.M008" in (tmp_path / "a.md").read_text()
    assert r"\toprule" in (tmp_path / "a.tex").read_text()


def test_from_files(tmp_path):
    ours = study(True)
    for name in ("results", "fusion"):
        tables.write(ours.tables[name], tmp_path / f"{name}.csv", name)
    write(predictions(), tmp_path / "predictions.csv")
    write_manifest(tmp_path / "manifest.csv")
    given = {name: tmp_path / f"{name}.csv" for name in ("results", "fusion")}
    said = tmp_path / "predictions.csv", tmp_path / "manifest.csv"
    found = thesis.load(
        list(given), list(given.values()), *said, EMOTIONS, experiments=ours.items, **ours.facts
    )
    reference.write_each("thesis", found, tmp_path / "out")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {f"{name}.csv" for name in files("thesis")} and len(names) == 14
    again = tables.read(tmp_path / "out" / "thesis_3_7.csv", "reference")
    assert again["ours"].notna().all() and again["synthetic"].all()


def test_parameters_of_the_thesis(small_settings):
    settings = small_settings()
    found = thesis.counts(settings.temporal.heads["lstm"], settings.end_to_end.c3d)
    assert found["c3d"] == published("thesis", "fig3.22").set_index("item")["value"]["c3d"]
    printed = published("thesis", "fig3.15").set_index("item")["value"]
    assert found["lstm-1024"] == printed["lstm-1024"] + 512
    assert found["lstm-25088"] == printed["lstm-25088"] + 512
    # torchvision's counts (design of the networks): Keras's have biases or statistics beside
    assert (found["vgg16"], found["resnet50"], found["densenet201"]) == (138357544, 25557032, 20013928)


def test_images_of_the_stills_are_counted_by_part_and_class(tmp_path):
    from ferflow.report import image_counts

    pixels = " ".join(["7"] * 48 * 48)
    parts = {"Training": 3, "PublicTest": 1, "PrivateTest": 2}
    lines = [f"{k},{pixels},{part}" for part, n in parts.items() for k in range(7) for _ in range(n)]
    (tmp_path / "fer2013.csv").write_text("\n".join(["emotion,pixels,Usage", *lines]) + "\n")
    counts = image_counts.of_stills(tmp_path / "fer2013.csv", synthetic=False)
    rows = beside(results_of({"dataset": "bu4dfe"}, image_counts=counts), "3.3")
    assert len(rows) == 21
    for part, n in parts.items():
        assert set(rows.loc[rows["split"] == part, "ours"]) == {n}
    angry = rows[(rows["item"] == "angry") & (rows["split"] == "Training")].iloc[0]
    assert (angry["difference"], angry["data"]) == (3 - 3995, "fer2013")
