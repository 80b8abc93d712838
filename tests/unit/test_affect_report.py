"""Tables, numbers beside the paper's, figures and sheets of the AffectNet study."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest

from ferflow import layout, tables
from ferflow.classes import EMOTIONS_CONTEMPT
from ferflow.datasets.affectnet import Counts
from ferflow.errors import FerflowError, InputError
from ferflow.evaluation import predictions as predictions_table
from ferflow.evaluation import run as evaluation
from ferflow.evaluation.results import results
from ferflow.parts import report_steps
from ferflow.release import bundle, verify
from ferflow.report import affect_figures, affect_tables, curves, reference, table_list
from ferflow.report.affect_figures import LOOKS
from ferflow.report.papers import NOT_COMPARABLE, StudyResults, published
from ferflow.settings import Evaluation
from ferflow.steps import run
from ferflow.steps.files import files_of
from ferflow.steps.preflight import Ready
from ferflow.steps.step import Figure

MODELS = ("vgg16-face", "vgg16-face-ccc", "resnet50-face")
AUGMENT = {"rotation": 10, "zoom": 0.25, "brightness": [0.8, 1.2]}
TABLES = ("results", "class_report", "confusion")
HALVES = ("affect_classification", "affect_regression")


def predictions(model, n=80, synthetic=True):
    rng = np.random.default_rng(len(model))
    names = np.asarray(EMOTIONS_CONTEMPT, object)
    truth = np.arange(n) % 8
    shares = np.round(rng.dirichlet(np.ones(8), n), 6)
    shares[::2] = np.round(0.3 * shares[::2] + 0.7 * np.eye(8)[truth[::2]], 6)
    frame = pd.DataFrame(shares, columns=[f"p_{name}" for name in EMOTIONS_CONTEMPT])
    valence, arousal = rng.uniform(-1, 1, (2, n))
    frame = frame.assign(
        clip_id=[f"validation-{i:07d}" for i in range(n)],
        subject_id="",
        model=model,
        role="model",
        view="",
        protocol="validation",
        fold=None,
        seed=1,
        emotion=names[truth],
        predicted=names[shares.argmax(1)],
        valence=valence,
        arousal=arousal,
        predicted_valence=0.5 * valence,
        predicted_arousal=np.clip(arousal + 0.2, -1, 1),
        synthetic=synthetic,
        leaky=False,
    )
    frame.loc[:3, ["valence", "arousal"]] = np.nan
    return frame


def history(epochs=3):
    epoch = np.arange(1, epochs + 1)
    table = pd.DataFrame({"epoch": epoch, "learning_rate": 1e-4, "augmented": True})
    for side in ("train", "validation"):
        table[f"{side}_loss"], table[f"{side}_accuracy"] = 2 / epoch, 1 - 1 / (epoch + 1)
        for name in ("valence", "arousal"):
            table[f"{side}_ccc_{name}"] = 0.1 * epoch - 0.2
    return table.assign(expression_weight=1.0, valence_weight=1.0, arousal_weight=1.0)


def about(model, synthetic):
    network = "vggface" if model.startswith("vgg16") else "vggface2"
    row = {"model": model, "network": network, "start": "VGGFace", "frozen": False, "size": 224, "batch": 32}
    row |= {"epochs": 3, "regression": "ccc" if model.endswith("-ccc") else "mse", "weights": "set"}
    row |= {"parameters": 9, "trained": 9, "training_images": 5, "validation_images": 80, "kept": "last"}
    return pd.DataFrame([row | {"synthetic": synthetic}])


def written(folder, synthetic=True, models=MODELS):
    """All files of a study's report in `folder`."""
    parts, files = [], {name: [] for name in ("history.csv", "time.json", "model_info.csv")}
    for model in models:
        parts.append(folder / f"{model}.csv")
        predictions_table.write(predictions(model), parts[-1])
        for name, paths in files.items():
            paths.append(folder / f"{model}-{name}")
        history_csv, time_json, info_csv = (paths[-1] for paths in files.values())
        tables.write(history(), history_csv, "history")
        time_json.write_text('{"seconds": 90.0}')
        tables.write(about(model, synthetic), info_csv, "affect_models")
    histories, times, infos = files.values()
    settings = Evaluation(bootstrap=30, confidence=0.9, by=[], controls=False)
    evaluated(parts, infos, folder / "metrics.json", folder, settings, 1, synthetic)
    evaluation.collect(parts, folder / "predictions.csv", EMOTIONS_CONTEMPT)
    outs = (folder / f"affect_{name}.csv" for name in ("training", "augmentation"))
    affect_tables.write_training(infos, histories, times, AUGMENT, *outs)
    compared(folder, folder / "affect_comparison.csv", "affect" if synthetic else "affectnet")
    return folder


def evaluated(parts, infos, metrics, folder, settings, seed, synthetic):
    """The tables of all results, and those of the paper's that follow from them."""
    outs = {f"out_{name}": folder / f"{name}.csv" for name in TABLES}
    more = {"scored": ("auc", "auc_pr"), "weighted": True, "synthetic": synthetic}
    evaluation.evaluate(parts, None, settings, EMOTIONS_CONTEMPT, "honest", seed, metrics, **outs, **more)
    names = (*HALVES, "affect_variants")
    affect_tables.write_metrics(folder / "results.csv", infos, *(folder / f"{name}.csv" for name in names))


def sources(folder, **other):
    """The tables beside which the paper's stand; `other` are those that lie elsewhere."""
    names = ("class_report", "affect_training", "affect_augmentation")
    found = [(name, other.get(name, folder / f"{name}.csv")) for name in names]
    return [*found, *(("affect_metrics", folder / f"{name}.csv") for name in HALVES)]


def compared(folder, output, dataset, **other):
    """The paper's numbers and ours."""
    reference.write("affectnet", *zip(*sources(folder, **other), strict=True), dataset, output)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return written(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    return written(tmp_path_factory.mktemp("real"), synthetic=False, models=("vgg16-face",))


STUDY = "affect"


def finished(root, settings):
    """The working folder of a study as the workflow leaves it, without networks and figures."""
    folder, study = written(root / "made"), files_of(Ready(settings))
    results = root / study.at(layout.RESULTS)
    for model in MODELS:
        place = root / study.at(layout.AFFECT_MODEL, model=model)
        place.mkdir(parents=True)
        for name in ("history.csv", "time.json", "model_info.csv"):
            shutil.copy(folder / f"{model}-{name}", place / name)
        shutil.copy(folder / f"{model}.csv", place / "predictions.csv")
    tables.write(Counts().table(True), root / study.table("affect_counts"), "affect_counts")
    speed = {"size": 224, "batch": 32, "device": "cpu", "threads": 1, "workers": 1, "ratio": 2.0}
    speed |= {"step_images_per_second": 10.0, "loader_images_per_second": 20.0, "synthetic": True}
    rows = pd.DataFrame([{"model": model} | speed for model in MODELS])
    tables.write(rows, root / study.table("affect_speed"), "affect_speed")
    for step in report_steps(study):
        if not any(isinstance(one, Figure) for one in step.each_output()):
            outputs = {
                name: [study.path(one) for one in value] if isinstance(value, list) else study.path(value)
                for name, value in step.outputs.items()
            }
            run.call(step.call, step.inputs, outputs, step.params(settings, **step.given))
    return results


@pytest.fixture
def settings(small_settings):
    over = {"study": STUDY, "kind": "affect", "evaluation": {"bootstrap": 20}}
    return small_settings(over | {"affect": {"models": {model: {} for model in MODELS}}})


def test_a_bundle_is_verified_from_the_predictions_and_a_changed_one_is_found(
    settings, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    results = finished(tmp_path, settings)
    out = bundle.write(results, tmp_path / "b.zip", pictures=False)
    found = verify.verify(out)
    assert found.equal, found.differences()
    again = {one.name.split("/")[-1] for one in found.checked if one.rests_on != verify.BY_HASH}
    named = ("training", "augmentation", "classification", "regression", "variants", "comparison", "models")
    assert {*TABLES, *(f"affect_{name}" for name in named), "predictions", "metrics"} <= again
    # Another answer of a network, in a bundle whose list has its hash: the tables alone can tell.
    path = results / "models/affect/vgg16-face/predictions.csv"
    frame = tables.read(path, "predictions")
    frame["predicted_valence"] = -frame["predicted_valence"]
    predictions_table.write(frame, path)
    with pytest.raises(FerflowError, match="do not follow from its predictions"):
        bundle.write(results, tmp_path / "c.zip", pictures=False)
    assert not (tmp_path / "c.zip").exists()


def beside(folder):
    return tables.read(folder / "affect_comparison.csv", "reference")


def test_every_published_row_stands_in_the_table(study):
    keys = ["table", "item", "metric"]
    there = set(beside(study)[keys].itertuples(index=False, name=None))
    assert there == set(published("affectnet")[keys].itertuples(index=False, name=None))


def test_each_row_has_ours_or_a_reason(study, real):
    for table in (beside(study), beside(real)):
        assert (table["ours"].notna() | (table["note"] != "")).all()


def test_synthetic_figures_stand_under_their_own_heading_without_a_difference(study):
    table = beside(study)
    row = table[(table["item"] == "vgg16-face") & (table["metric"] == "accuracy")].iloc[0]
    metrics = tables.read(study / "affect_classification.csv", "affect_metrics")
    mine = metrics[(metrics["model"] == "vgg16-face") & (metrics["metric"] == "accuracy")].iloc[0]
    assert row["ours"] == mine["value"] and row["low"] == mine["low"]
    assert row["synthetic"] and np.isnan(row["difference"]) and row["data"] == NOT_COMPARABLE
    minutes = table[table["metric"] == "minutes_per_epoch"]
    assert len(minutes) == 2 and (minutes["ours"] == 0.5).all() and minutes["synthetic"].all()
    made = reference.rendered(table, "Title")
    place = made.headings.index("ours on synthetic data (not comparable)")
    cells = next(row for row in made.rows if row[1:3] == ["vgg16-face", "accuracy"])
    assert cells[4:6] == ["–", "–"]
    assert cells[place] == f"{mine['value']:.3f} [{mine['low']:.3f}, {mine['high']:.3f}]"


def test_settings_are_compared_even_on_synthetic_data(study):
    table = beside(study).set_index("metric")
    assert table.loc["zoom", "ours"] == 0.25 and table.loc["zoom", "difference"] == pytest.approx(0.05)
    assert (table.loc["batch_size", "difference"] == 32 - 64).all()


def test_real_figures_are_compared(real):
    table = beside(real)
    row = table[(table["item"] == "vgg16-face") & (table["metric"] == "ccc_valence")].iloc[0]
    assert row["difference"] == pytest.approx(row["ours"] - 0.58) and row["data"] == "affectnet"
    recall = table[(table["item"] == "vgg16-face/contempt") & (table["metric"] == "recall")].iloc[0]
    assert recall["published"] == 0.04 and np.isfinite(recall["difference"])
    support = table[table["item"] == "support/contempt"].iloc[0]
    assert support["ours"] == 10 and support["difference"] == 10 - 499
    lacking = table[table["item"] == "resnet50-face"]
    assert lacking["ours"].isna().all() and lacking["note"].str.contains("resnet50-face is not among").all()


def test_the_annotators_agreement_says_why_it_is_not_there(study):
    row = beside(study).set_index("item").loc["annotators"]
    assert row["published"] == 0.607 and "not those of single annotators" in row["note"]


def test_without_augmentation_table_4_says_so(study, tmp_path):
    affect_tables.augmentation(None, tmp_path / "a.csv")
    compared(study, tmp_path / "b.csv", "affect", affect_augmentation=tmp_path / "a.csv")
    rows = tables.read(tmp_path / "b.csv", "reference")
    rows = rows[rows["item"] == "augmentation"]
    assert rows["ours"].isna().all() and rows["note"].str.contains("does not augment").all()
    assert tables.read(tmp_path / "a.csv", "affect_augmentation")["ours"].isna().all()


def test_table_3_tells_batch_epochs_minutes_and_loss(study):
    table = tables.read(study / "affect_training.csv", "affect_training").set_index("model")
    row = table.loc["vgg16-face-ccc"]
    assert (row["batch_size"], row["epochs"], row["minutes_per_epoch"]) == (32, 3, 0.5)
    assert row["loss"] == "concordance" and table.loc["vgg16-face", "loss"] == "the paper's"


def test_the_time_of_a_training_is_shared_out_over_its_epochs(tmp_path):
    names = [tmp_path / name for name in ("h.csv", "t.json", "a.csv")]
    tables.write(history(2), names[0], "history")
    names[1].write_text('{"seconds": 240.0}')
    tables.write(about("vgg16-face", True), names[2], "affect_models")
    outs = tmp_path / "out.csv", tmp_path / "augmentation.csv"
    affect_tables.write_training(names[2:], names[:1], names[1:2], None, *outs)
    assert tables.read(tmp_path / "out.csv", "affect_training")["minutes_per_epoch"].item() == 2


def test_losses_stand_below_one_another(study):
    table = tables.read(study / "affect_variants.csv", "affect_variants")
    assert list(table["model"]) == ["vgg16-face", "vgg16-face-ccc", "resnet50-face"]
    assert list(table["variant"]) == ["the paper's", "concordance", "the paper's"]
    assert list(table["network"]) == ["vggface", "vggface", "vggface2"]


def test_the_loss_is_that_of_the_models_table_whatever_a_model_is_called(study, tmp_path):
    results = tables.read(study / "results.csv", "results")
    info_csvs = [tmp_path / f"{model}.csv" for model in MODELS]
    for model, path in zip(MODELS, info_csvs, strict=True):
        row = about(model, True).assign(regression="ccc", weights="learned")
        tables.write(row, path, "affect_models")
    models = affect_tables.read_models(info_csvs).set_index("model")
    assert set(affect_tables.variants(results, models)["variant"]) == {"concordance, learned task weights"}


@pytest.mark.parametrize("half", ["classification", "regression"])
def test_tables_5_and_6_have_a_metric_a_row_and_a_model_a_column(study, half):
    table = tables.read(study / f"affect_{half}.csv", "affect_metrics")
    made = affect_tables.metrics_table(table, "Table", 0.9)
    assert list(made.headings[:4]) == ["metric", *MODELS] and made.marks == "synthetic data"
    assert len(made.rows) == (6 if half == "classification" else 8)
    first = table[(table["model"] == MODELS[0]) & (table["metric"] == table["metric"].iloc[0])].iloc[0]
    assert made.rows[0][1] == f"{first['value']:.3f} [{first['low']:.3f}, {first['high']:.3f}]"


def test_what_cannot_be_is_a_dash_with_its_reason(tmp_path):
    frame = predictions("vgg16-face").assign(predicted_valence=0.1)
    settings = Evaluation(bootstrap=5, confidence=0.9, by=[], controls=False)
    tables.write(results(frame, EMOTIONS_CONTEMPT, settings, 1), tmp_path / "results.csv", "results")
    tables.write(about("vgg16-face", True), tmp_path / "models.csv", "affect_models")
    outs = [tmp_path / f"{name}.csv" for name in (*HALVES, "v")]
    affect_tables.write_metrics(tmp_path / "results.csv", [tmp_path / "models.csv"], *outs)
    made = affect_tables.metrics_table(tables.read(outs[1], "affect_metrics"), "Table", 0.9)
    row = next(row for row in made.rows if row[0] == "Pearson's r, valence")
    assert row[1] == "–" and "the predictions do not vary" in row[-1]


def test_shown_tables_are_rendered_in_their_way(study, tmp_path):
    for name in ("affect_regression", "affect_comparison", "class_report", "affect_training"):
        outs = [tmp_path / f"{name}{end}" for end in table_list.SUFFIXES]
        schema = {"affect_comparison": "reference", "affect_regression": "affect_metrics"}.get(name, name)
        table_list.render(study / f"{name}.csv", schema, f"Title of {name}", outs, True, 0.9)
        for out in outs:
            assert "synthetic data" in out.read_text()
    text = (tmp_path / "affect_comparison.md").read_text()
    assert "ours on synthetic data (not comparable)" in text and "0.607" in text


def test_the_terminal_shows_the_metrics(study, tmp_path):
    import io

    from rich.console import Console

    from ferflow.report.console import print_results

    (tmp_path / "tables").mkdir()
    for name in HALVES:
        shutil.copy(study / f"{name}.csv", tmp_path / "tables")
    console = Console(width=160, record=True, file=io.StringIO())
    print_results(tmp_path, console)
    text = console.export_text()
    assert "CCC, valence" in text and "Synthetic data" in text and "resnet50-face" in text


def test_figures_are_drawn_and_marked(study, tmp_path):
    sources = study / "confusion.csv", study / "class_report.csv", study / "predictions.csv"
    outs = [[tmp_path / f"{letter}.svg"] for letter in "lcp"]
    histories = [study / "vgg16-face-history.csv"]
    affect_figures.write_figures(["vgg16-face"], True, histories, *sources, *outs)
    assert len(list(tmp_path.iterdir())) == 3
    for path in tmp_path.iterdir():
        assert "synthetic data" in path.read_text()
    with pytest.raises(InputError, match="has no rows of alexnet"):
        affect_figures.write_figures(["alexnet"], True, histories, *sources, *outs)


def test_a_history_without_concordance_has_two_panels():
    table = history().drop(columns=[c for c in history() if "_ccc_" in c])
    assert len(curves.learning_curves([table], "net", 1 / 8, "").axes) == 2
    assert len(curves.learning_curves([history()], "net", 1 / 8, "").axes) == 3


def test_the_plane_shows_true_left_and_predicted_right():
    frame = predictions("vgg16-face")
    left, right = affect_figures.plane(frame, "net", "").axes[:2]
    points = [np.concatenate([one.get_offsets() for one in axes.collections]) for axes in (left, right)]
    known = frame.dropna(subset=["valence", "arousal"])
    assert len(points[0]) == len(points[1]) == len(known) == len(frame) - 4
    np.testing.assert_allclose(np.sort(points[0][:, 0]), np.sort(known["valence"]))
    np.testing.assert_allclose(np.sort(points[1][:, 1]), np.sort(known["predicted_arousal"]))


def test_the_plane_without_any_known_values_is_empty_and_no_crash():
    frame = predictions("vgg16-face").assign(valence=np.nan)
    assert len(affect_figures.plane(frame, "net", "").axes) == 2


def test_sheets_choose_right_and_wrong_images_of_each_class():
    frame = predictions("vgg16-face").assign(source=lambda table: table["clip_id"])
    for right in (True, False):
        found = affect_figures.chosen(frame, right)
        assert list(found) == list(LOOKS)
        for emotion, rows in found.items():
            assert (rows["emotion"] == emotion).all() and len(rows) <= affect_figures.DOWN
            assert ((rows["emotion"] == rows["predicted"]) == right).all()
        again = affect_figures.chosen(frame.sample(frac=1, random_state=1), right)
        assert all(list(found[name]["clip_id"]) == list(again[name]["clip_id"]) for name in LOOKS)


def test_a_sheet_says_what_was_said_and_survives_a_missing_image(study, tmp_path):
    import cv2

    row = next(predictions("vgg16-face").iloc[[5]].itertuples())
    lines = affect_figures.described(row)
    assert lines[0].startswith(f"said: {row.predicted}") and lines[1].startswith("true (")
    unknown = next(predictions("vgg16-face").iloc[[0]].itertuples())
    assert affect_figures.described(unknown)[1] == "true not known"
    assert affect_figures.pair(-0.5, 0.25) == "(−0.50, +0.25)"
    folder = tmp_path / "val_set/images"
    folder.mkdir(parents=True)
    cv2.imwrite(str(folder / "8.jpg"), np.full((20, 30, 3), 200, np.uint8))
    assert affect_figures.small(folder / "8.jpg").shape == (affect_figures.SIDE, affect_figures.SIDE, 3)
    assert affect_figures.small(folder / "9.jpg") is None
    rows = {"clip_id": [f"validation-{i:07d}" for i in range(80)], "emotion": "happy", "split": "validation"}
    rows |= {"source": [f"{folder}/{i}.jpg" for i in range(80)], "subject_id": "", "sex": "", "sha256": ""}
    listed = pd.DataFrame(rows).assign(n_frames=1, fps=0.0, width=30, height=20, synthetic=True)
    tables.write(listed, tmp_path / "manifest.csv", "manifest")
    outs = [tmp_path / "s.svg"], [tmp_path / "w.svg"]
    inputs = tmp_path / "manifest.csv", study / "predictions.csv"
    affect_figures.write_sheets(["vgg16-face"], True, *inputs, *outs)
    text = (tmp_path / "s.svg").read_text()
    assert "synthetic data" in text and len(text) < 2_000_000


def test_a_network_without_face_weights_says_so_beside_the_paper(study):
    found = reference.read("affectnet", *zip(*sources(study), strict=True)).tables
    found["affect_training"]["weights"] = "untrained start"
    made = reference.compare("affectnet", StudyResults(found, {"dataset": "affect"}))
    made = made.set_index(["item", "metric"])
    assert made.loc[("vgg16-face", "accuracy"), "note"] == "ours: untrained start"
    assert made.loc[("vgg16-face/happy", "f1"), "note"].startswith("ours: untrained start")
    # On real data, too, it is another network than the paper's: both numbers, and no difference.
    found = {name: table.assign(synthetic=False) for name, table in found.items()}
    made = reference.compare("affectnet", StudyResults(found, {"dataset": "affectnet"}))
    row = made[(made["item"] == "vgg16-face") & (made["metric"] == "accuracy")].iloc[0]
    assert row["ours"] > 0 and pd.isna(row["difference"])
