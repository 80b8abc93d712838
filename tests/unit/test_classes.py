"""Classes of any name and number: settings, predictions, tables, figures, the annotators' page, `predict`."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

from ferflow import settings, tables
from ferflow.apps import annotate, predict_files
from ferflow.apps.recognise import Recognised
from ferflow.aus.trim import Trimmed
from ferflow.classes import EMOTIONS, EMOTIONS_NEUTRAL, check_name, match
from ferflow.datasets import listing
from ferflow.errors import InputError, SettingError
from ferflow.evaluation import detail, predictions
from ferflow.evaluation import run as evaluation
from ferflow.evaluation.detail import SCHEMAS, TITLES
from ferflow.evaluation.groups import grouped_by
from ferflow.evaluation.predictions import table
from ferflow.fusion.run import write_fusions
from ferflow.humans import run as human_answers
from ferflow.parts import results_by_column
from ferflow.report import by_group, reliability, run, table_list
from ferflow.report import humans as human_figures
from ferflow.settings import Calibration, Evaluation, Fusion, FusionChoice, Stacking

NAMES = ("très content", "bored", "A+", "smile_1", "x-2.b", "грусть", "怒り", "d", "e", "f", "g", "h")
MODELS = ("compact+lstm", "compact+cnn1d")
EVALUATION = Evaluation(bootstrap=20, confidence=0.9, by=["sex", "light"], controls=False)
FUSION = Fusion(
    sets={"both": ["lstm", "cnn1d"]},
    rules=["average", "weighted", "maximum"],
    stacking=Stacking(models=["lstm", "cnn1d"], strengths=[0.1, 1], folds=2),
    best=FusionChoice(models=["lstm", "cnn1d"], most=2, search="exhaustive"),
)


def absent(classes: tuple[str, ...]) -> str | None:
    """The class that the test side of `study` lacks."""
    return classes[-2] if len(classes) > 2 else None


def study(folder: Path, classes: tuple[str, ...]) -> pd.DataFrame:
    """A manifest without sexes and predictions of two models: four subjects are trained on, three tested.

    The last class is in one clip alone, of a test subject; of three or more the one before it no test subject
    has.
    """
    rows = [
        {"clip_id": f"S{s}_{k}", "subject_id": f"S{s}", "emotion": name}
        for s in range(7)
        for k, name in enumerate(classes)
        if (s == 6 if name == classes[-1] else s < 4 or name != absent(classes))
    ]
    rows = pd.DataFrame(rows).assign(
        sex="", split="", source="a.avi", n_frames=9, fps=25.0, width=9, height=9
    )
    rows = rows.assign(
        sha256="0" * 64, synthetic=False, light=np.where(rows["subject_id"] < "S2", "dim", "sun")
    )
    tables.write(rows, folder / "manifest.csv", "manifest")
    rng, number, parts = np.random.default_rng(3), rows["subject_id"].str[1:].astype(int), []
    for model in MODELS:
        shares = rng.random((len(rows), len(classes)))
        shares[np.arange(len(rows)), rows["emotion"].map(classes.index)] += 0.7
        shares /= shares.sum(1, keepdims=True)
        for protocol, fold in (("cv", 0), ("cv", 1), ("test", None)):
            own = (number > 3) if fold is None else (number < 4) & (number % 2 == fold)
            parts.append(table(rows[own], shares[own], classes, model, protocol, fold, 1))
    said = pd.concat(parts, ignore_index=True)
    tables.write(said, folder / "predictions.csv", "predictions")
    return said


@pytest.fixture(scope="module", params=[2, 3, 12])
def made(request, tmp_path_factory):
    """Tables of a study with so many classes: the classes, the folder, the predictions."""
    classes, folder = NAMES[: request.param], tmp_path_factory.mktemp("study")
    said = study(folder, classes)
    files = [folder / "predictions.csv"], folder / "manifest.csv"
    names = ("results", "confusion", "errors", "class_report")
    outs = [folder / "metrics.json", *(folder / f"{name}.csv" for name in names)]
    evaluation.evaluate(*files, EVALUATION, classes, "honest", 1, *outs)
    fused = folder / "fused.csv", folder / "fusion.csv"
    write_fusions(*files, *fused, FUSION, EVALUATION, 1, classes)
    calibrated = Calibration(bins=5, binning="width", listed=2)
    given = [folder / "predictions.csv", fused[0]], files[1], folder
    detail.write_details(*given, calibrated, EVALUATION, 1, classes)
    out = folder / "results_by.csv"
    results_by_column.write(given[0], files[1], EVALUATION, classes, "honest", 1, ["light"], out)
    return classes, folder, said


def words(path: Path) -> list[str]:
    """The texts of an SVG, which stay in it as comments."""
    return re.findall(r"<!-- (.*?) -->", path.read_text())


@pytest.mark.parametrize("name", [*NAMES, "unknown", "3", "a b_c.d+e-f"])
def test_names_of_any_script_are_classes(name):
    assert check_name(name) == name
    assert match(f" {name.upper()}", [name, "other"]) == name


def test_a_name_is_one_class_however_its_accents_are_written():
    apart = unicodedata.normalize("NFD", "très content")
    assert apart != "très content" and check_name(apart) == "très content"
    assert match(apart, ["très content"]) == "très content"
    assert match("anger", EMOTIONS) == "angry" and match("anger", ["Anger", "angry"]) == "Anger"


@pytest.mark.parametrize(
    ("names", "line"),
    [
        (["a", "b,c"], "the class 'b,c' holds ','; letters, digits, space and ._+- may be used"),
        (["a", 'b"'], "holds '\"'"),
        (["a", "b/c"], "holds '/'"),
        (["a", "b\\c"], "holds '\\\\'"),
        (["a", "b\tc"], "holds '\\t'"),
        (["a", " b"], "must begin with a letter or digit and not end with a space"),
        (["a", "b "], "must begin with a letter or digit and not end with a space"),
        (["a", ".."], "must begin with a letter or digit"),
        (["a", ""], "a class without a name; write one"),
        (["a", "x" * 41], "has 41 characters, more than 40"),
        (["Happy", "happy"], "the class happy and Happy differ in upper and lower case alone"),
        (["a", "b", "a"], "the class a is listed twice"),
        (["a", "All"], "no class can be called All: tables call their summary so"),
        (["a"], "a is the only class; a classifier tells at least two apart"),
        ([], "there is no class; a classifier tells at least two apart"),
        (["a", True], "True is no text; write the name of a class in quotes"),
        (["a", 3], "3 is no text; write the name of a class in quotes"),
    ],
)
def test_a_wrong_list_of_classes_is_one_line(pytestconfig, names, line):
    values = settings.load(pytestconfig.rootpath / "params.yaml").model_dump(mode="json")
    values["dataset"]["name"] = "manifest"
    with pytest.raises(SettingError) as caught:
        settings.check(values | {"emotions": names})
    assert line in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["synth4d", "bu4dfe"])
def test_a_data_set_with_classes_of_its_own_refuses_others(small_settings, name):
    with pytest.raises(SettingError, match=f"emotions: {name} has no class neutral; it has angry, disgust"):
        small_settings({"dataset": {"name": name}, "emotions": ["happy", "neutral"]})
    assert not small_settings({"dataset": {"name": name}, "emotions": ["sad", "happy"]}).thesis_classes()
    assert small_settings({"emotions": [*EMOTIONS[::-1]]}).thesis_classes()


def test_a_table_of_clips_names_the_classes_of_the_study(tmp_path, small_settings):
    (tmp_path / "a.mp4").touch()
    rows = ["a1,A,bored,a.mp4,", "a2,A,tr\u00e8s content,a.mp4,31"]
    (tmp_path / "clips.csv").write_text("\n".join(["clip_id,subject_id,emotion,source,age", *rows]))
    own = {"name": "manifest", "root": str(tmp_path), "manifest": str(tmp_path / "clips.csv")}
    asked = {"dataset": own, "emotions": ["très content", "bored"], "evaluation": {"by": ["sex", "age"]}}
    study = small_settings(asked)
    assert [clip.emotion for clip in listing(study.dataset, study.emotions)] == ["bored", "très content"]
    assert grouped_by(study) == ["age"]
    with pytest.raises(InputError, match=r"has no clip of class A\+; take it out of `emotions`"):
        listing(study.dataset, [*study.emotions, "A+"])
    with pytest.raises(SettingError, match=r"evaluation.by: the clips have no lighting"):
        grouped_by(small_settings(asked | {"evaluation": {"by": ["lighting"]}}))


def test_predictions_have_a_column_for_each_class_in_the_studys_order(made):
    classes, folder, _ = made
    found = predictions.read([folder / "predictions.csv"], classes, folder / "manifest.csv")
    columns = list(tables.read(folder / "predictions.csv", "predictions"))
    assert columns[3:-6] == ["predicted", *(f"p_{name}" for name in classes)]
    assert predictions.scores(found, classes).shape == (len(found), len(classes))
    with pytest.raises(InputError, match="classes are in the order"):
        predictions.read([folder / "predictions.csv"], classes[::-1])
    with pytest.raises(InputError, match="lacks the column p_nobody"):
        predictions.read([folder / "predictions.csv"], [*classes, "nobody"])


def test_macro_means_are_over_the_classes_that_occur(made):
    classes, folder, said = made
    results = tables.read(folder / "results.csv", "results")
    report = tables.read(folder / "class_report.csv", "class_report")
    for model in MODELS:
        own = said[(said["model"] == model) & (said["protocol"] == "test")]
        there = [name for name in classes if (own["emotion"] == name).any()]
        expected = f1_score(own["emotion"], own["predicted"], labels=there, average="macro", zero_division=0)
        mine = results[(results["model"] == model) & (results["protocol"] == "test")]
        mine = mine.set_index("metric")
        assert mine.loc["f1", "value"] == pytest.approx(expected)
        assert mine.loc["f1", "low"] <= expected <= mine.loc["f1", "high"]
        part = report[(report["model"] == model) & (report["protocol"] == "test")].set_index("emotion")
        assert part.index.tolist() == [*classes, "macro mean"]
        assert part.loc["macro mean", "f1"] == pytest.approx(expected)
        assert part.loc[classes[-1], "support"] == 1
        if (lacking := absent(classes)) is not None:
            assert mine.loc["f1", "note"] == f"no clip of {lacking}; fewer than 20 subjects"
            empty = part.loc[lacking]
            assert empty["support"] == 0 and empty[["precision", "recall", "f1"]].isna().all()
    cv = results[(results["protocol"] == "cv") & (results["metric"] == "recall")]
    assert cv["note"].str.contains(f"no clip of {classes[-1]}", regex=False).all()


def test_every_table_and_figure_knows_the_classes(made, tmp_path):
    classes, folder, _ = made
    for name, title in (TITLES | {"results_by": "Results by group"}).items():
        outputs = [tmp_path / f"{name}.{end}" for end in ("md", "tex", "html")]
        table_list.render(folder / f"{name}.csv", SCHEMAS.get(name, name), title, outputs, False, 0.9)
    table_list.render(folder / "errors.csv", "errors", "Errors", [tmp_path / "errors.md"], False, 0.9)
    heading = (tmp_path / "errors.md").read_text().splitlines()[2]
    assert f"| predicted | {' | '.join(classes)} |" in heading
    table_list.render_errors(folder / "errors.csv", MODELS[0], [tmp_path / "mistaken.tex"])
    table = tables.read(folder / "confusion.csv", "confusion")
    assert list(dict.fromkeys(table["emotion"])) == list(classes)
    out = tmp_path / "drawn.svg"
    run.confusion(folder / "confusion.csv", out, MODELS[0])
    assert words(out).count(classes[0]) == 4 and "(a) number of clips" in words(out)
    run.confusions(folder / "confusion_with_annotators.csv", out, annotators=True)
    reliability.reliability(folder / "reliability.csv", folder / "calibration.csv", out, 0.9)
    by_group.by_group(folder / "results_by.csv", out, 0.9)
    assert "dim (none)" in words(out) and "sun (3 subjects)" in words(out)


def test_people_choose_among_the_classes(made, tmp_path):
    classes, folder, _ = made
    manifest = tables.read(folder / "manifest.csv", "manifest")
    rng = np.random.default_rng(1)
    rows = [(who, clip, rng.choice(classes)) for who in ("Ann", "Ben") for clip in manifest["clip_id"]]
    answers = pd.DataFrame(rows, columns=["annotator", "clip_id", "emotion"])
    answers["emotion"] = [name.upper() if k % 2 else f" {name}" for k, name in enumerate(answers["emotion"])]
    tables.write(answers, tmp_path / "a.csv", "annotations")
    votes = manifest[["clip_id"]].assign(**{f"votes_{name}": 1 for name in classes})
    votes.to_csv(tmp_path / "v.csv", index=False)
    common = (
        folder / "manifest.csv",
        None,
        tmp_path / "majority.csv",
        tmp_path / "human_clips.csv",
        0.5,
        EVALUATION,
        classes,
        1,
    )
    human_answers.write("votes", tmp_path / "v.csv", *common)
    assert (tables.read(tmp_path / "human_clips.csv", "human_clips")["tied"]).all()
    human_answers.write("annotations", tmp_path / "a.csv", *common)
    found = predictions.read([tmp_path / "annotators.csv"], classes, folder / "manifest.csv")
    assert found["predicted"].tolist() == [
        name for _, _, name in sorted(rows, key=lambda row: (row[0], row[1]))
    ]
    clips = tables.read(tmp_path / "human_clips.csv", "human_clips")
    assert [c for c in clips if c.startswith("votes_")] == [f"votes_{name}" for name in classes]
    human_figures.write_mistaken(tmp_path / "human_mistaken.csv", tmp_path / "m.svg", 0.5)
    paths = [tmp_path / f"human_{name}.csv" for name in ("clips", "accuracy", "summary")]
    human_figures.write_boxes(*paths, tmp_path / "b.svg", 0.9)
    assert set(classes) - {classes[-1]} <= set(words(tmp_path / "b.svg"))
    wanted = EMOTIONS if set(classes) <= set(EMOTIONS) else set(classes)
    assert set(annotate.choices(folder / "manifest.csv")) == wanted


def test_a_prediction_has_the_heads_classes_beside_the_image_networks(tmp_path):
    class Model:
        path, name, synthetic, has_head = "model.pt", "compact+lstm", False, True

    shares, ones = np.full((2, 7), 1 / 7, np.float32), np.ones(2)
    clip = Recognised(
        "a.mp4", 25.0, EMOTIONS_NEUTRAL, ("très content", "sad", "A+"), ones > 0, np.ones((2, 4)), ones,
        shares, ones, Trimmed(0, 2, 1.0, False, "all"), np.array([0.2, 0.5, 0.3]), True, (),
    )  # fmt: skip
    predict_files.write(tmp_path / "out.csv", [clip], Model())
    found = tables.read(tmp_path / "out.csv", "recognised")
    columns = [column for column in found if column.startswith("p_")]
    others = [name for name in EMOTIONS_NEUTRAL if name != "sad"]
    assert columns == [f"p_{name}" for name in ("très content", "sad", "A+", *others)]
    assert found.loc[0, "predicted"] == "sad" and found.loc[0, ["p_A+", "p_sad"]].tolist() == [0.3, 0.5]
    assert np.isnan(found.loc[0, "p_angry"]) and np.isnan(found.loc[1, "p_A+"])


def test_a_regression_on_one_subject_gives_the_shares_of_its_classes():
    from ferflow.fusion.stacking import prior, regression

    given, truth = np.arange(8.0).reshape(4, 2), np.array([0, 0, 0, 2])
    assert regression(given, truth, np.array(["A"] * 4), [1.0], 5, 1) is None
    assert regression(given, truth, np.array(["A", "A", "A", "B"]), [1.0], 5, 1) is None  # one class a side
    assert prior(given, truth).predict_proba(given[:1]).tolist() == [[0.75, 0.25]]
