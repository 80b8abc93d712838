"""An image study through the workflow, on a few rendered stills: whole, again, interrupted, wrong."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from running import AS_USER, IMAGE_RESULTS, IMAGES, planned, run, start

from ferflow import files, layout, tables
from ferflow.models import spatial
from ferflow.report import console
from ferflow.report.papers import published
from ferflow.steps.computing import STEPS
from preloaded import wait_for

pytestmark = pytest.mark.workflow


def table(folder: Path, name: str, schema: str | None = None) -> pd.DataFrame:
    return tables.read(folder / IMAGE_RESULTS / f"tables/{name}.csv", schema or name)


@pytest.fixture
def copy(finished_images, tmp_path) -> Path:
    """A copy of the finished folder, file times included."""
    shutil.copytree(finished_images, tmp_path / "copy", symlinks=True)
    return tmp_path / "copy"


def test_every_network_view_and_part_has_its_accuracy(finished_images):
    found = table(finished_images, "accuracies")
    run_through = found[found["test"].notna()]
    assert list(zip(run_through.model, run_through["views"], strict=True)) == [
        (model, views)
        for model in ("compact", "second", "both", "best")
        for views in ("one", "mirror", "ten")
    ]
    left = found[found["test"].isna()].set_index("model")
    assert left.loc["vggnet", "note"] == "not run: too large for a test"
    assert left.loc["lacking", "note"].endswith("not run: not all of them were")
    # The parts are those of the stills, and no rendered still is there twice.
    manifest = tables.read(finished_images / "data/interim/synth4d-stills/manifest.csv", "manifest")
    parts = manifest["split"].value_counts()
    assert (run_through["n_validation"] == parts["PublicTest"]).all()
    assert (run_through["n_test"] == parts["PrivateTest"]).all()
    assert (run_through["n_honest"] == run_through["n_test"]).all()
    assert not manifest["sha256"].duplicated().any()


def test_a_model_goes_on_from_another(finished_images):
    listed = table(finished_images, "networks").set_index("model")
    assert listed.loc[["compact", "second"], "epochs"].tolist() == [4, 5]
    assert listed.loc["second", "hours"] > listed.loc["compact", "hours"] > 0
    first, second = (
        finished_images / IMAGE_RESULTS / f"models/{name}/spatial/model.pt" for name in ("compact", "second")
    )
    origin = spatial.load(second)[1]["meta"]["start"]
    assert origin["sha256"] == files.sha256(first) and origin["meta"]["settings"]["epochs"] == 4


def test_an_accuracy_is_the_share_of_right_predictions(finished_images):
    predictions = tables.read(finished_images / IMAGE_RESULTS / "predictions.csv", "predictions")
    found = table(finished_images, "accuracies").dropna(subset="test")
    for row in found.itertuples():
        mine = predictions[(predictions["model"] == row.model) & (predictions["view"] == row.views)]
        for protocol, value in (("validation", row.validation), ("test", row.test)):
            part = mine[mine["protocol"] == protocol]
            assert value == pytest.approx((part["emotion"] == part["predicted"]).mean())
    columns = [column for column in predictions if column.startswith("p_")]
    by_model = {name: rows[columns].to_numpy() for name, rows in predictions.groupby(["model", "view"])}
    mean = (by_model["compact", "ten"] + by_model["second", "ten"]) / 2
    np.testing.assert_allclose(by_model["both", "ten"], mean, atol=1e-6)


def test_the_best_average_is_chosen_on_publictest(finished_images):
    choice = json.loads((finished_images / IMAGE_RESULTS / "ensembles/best/choice.json").read_text())
    found = table(finished_images, "accuracies").set_index(["model", "views"])
    mirror = found.xs("mirror", level="views")
    possible = ["compact", "second", "both"]
    assert choice["accuracy"] == pytest.approx(mirror.loc[possible, "validation"].max())
    assert choice["tried"] == 3 and choice["parameters"] == mirror.loc["best", "parameters"]
    same = {("compact",): "compact", ("second",): "second"}.get(tuple(choice["names"]), "both")
    assert mirror.loc["best", "test"] == mirror.loc[same, "test"]
    assert mirror.loc["best", "note"] == "average of " + ", ".join(choice["names"])


def test_every_row_of_the_paper_stands_there_with_ours_or_the_reason(finished_images):
    found = table(finished_images, "compact", "reference")
    key = ["table", "item", "metric", "split"]
    printed = published("compact")
    assert set(map(tuple, printed[key].to_numpy())) <= set(map(tuple, found[key].to_numpy()))
    assert (found["ours"].notna() | (found["note"] != "")).all()
    ours = found.set_index(["item", "metric", "split"])["ours"]
    assert ours["compact", "parameters", ""] == 784_263
    assert ours["compact", "epochs", ""] == 4
    accuracies = table(finished_images, "accuracies").set_index(["model", "views"])
    assert ours["compact", "accuracy", "PrivateTest"] == accuracies.loc[("compact", "one"), "test"]
    notes = found.set_index("item")["note"]
    assert notes["vggnet RLRP"] == "not run: too large for a test"
    assert notes["alexnet [8]"] == "not run: alexnet is not among this study's models"
    assert ours.loc["total", "images", "FER2013"] == 210
    assert notes["compact + haar cascade"] == "not measured here"


def test_what_was_measured_beside_the_study_is_shown_when_it_is_there(copy):
    speed = pd.DataFrame({"fps": [123.4], "note": ["of a test"]})
    tables.write(speed, copy / layout.SPEED, "speed")
    columns = tables.schema("sweep").names
    row = dict.fromkeys(columns) | {
        "note": "",
        "stage": "schedule",
        "run": "plateau",
        "optimiser": "nesterov",
    }
    row |= {"schedule": "plateau", "learning_rate": 0.01, "trained_on": "Training", "network": "compact"}
    row |= {
        "images": 60,
        "epochs": 1,
        "epoch": 1,
        "validation_accuracy": 0.41,
        "synthetic": True,
        "best": True,
    }
    sweep = copy / IMAGE_RESULTS / "tables/sweep.csv"
    tables.write(pd.DataFrame([row]), sweep, "sweep")
    done = run(copy, "--until", "compact", study=IMAGES)
    assert done.returncode == 0, done.stdout + done.stderr
    found = table(copy, "compact", "reference").set_index("item")
    assert found.loc["compact + haar cascade", "ours"] == 123.4
    assert found.loc["vggnet reduce on plateau", "ours"] == 0.41


def test_everything_is_called_synthetic(finished_images):
    folder = finished_images / IMAGE_RESULTS
    ours = table(finished_images, "compact", "reference")
    compared = ours[ours["ours"].notna() & ~ours["metric"].isin(["parameters", "size_mb"])]
    assert (compared["data"] == "synthetic data: not comparable").all()
    assert compared["difference"].isna().all()
    assert table(finished_images, "results")["synthetic"].all()
    for page in ("accuracies", "compact", "class_report", "networks"):
        assert "synthetic data" in (folder / f"tables/{page}.html").read_text()
    figures = list((folder / "figures").glob("*.svg"))
    assert len(figures) == 2 + 2 + 4  # accuracies, counts; two learning curves; four confusion matrices
    for drawn in figures:
        assert "synthetic" in drawn.read_text(), drawn
    out = io.StringIO()
    console.print_results(folder, Console(file=out, width=160))
    said = out.getvalue()
    assert "Synthetic data" in said
    assert "ten crops" in said
    assert "not run: too large for a test" in said


def test_second_run_has_nothing_to_do_and_other_resamples_train_nothing(finished_images):
    assert planned(finished_images, study=IMAGES) == {}
    changed = planned(finished_images, "--config", "evaluation={bootstrap: 60}", study=IMAGES)
    assert {"image_metrics", "accuracies", "compact"} <= changed.keys()
    assert not changed.keys() & STEPS.keys()  # nothing but the report


def test_an_interrupted_training_goes_on_to_the_same_predictions(copy, finished_images):
    expected = (finished_images / IMAGE_RESULTS / "predictions.csv").read_bytes()
    shutil.rmtree(copy / IMAGE_RESULTS)
    shutil.rmtree(copy / "runs")
    process = start(copy, study=IMAGES, as_user=AS_USER)
    checkpoint = copy / "runs/tiny-images/compact/last.ckpt"
    wait_for(checkpoint.exists, process)
    os.killpg(process.pid, signal.SIGINT)
    # A job that is interrupted while it imports its libraries may swallow that and run to its end.
    process.wait(timeout=400)
    assert not (copy / IMAGE_RESULTS / "models/compact/spatial/model.pt").exists()
    assert checkpoint.exists()  # what the next run goes on from
    done = run(copy, study=IMAGES)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "epoch 1/" not in (copy / "logs/spatial/compact.log").read_text()
    assert (copy / IMAGE_RESULTS / "predictions.csv").read_bytes() == expected
    assert not list(copy.rglob(".*.part*"))


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ("images={models: {compact: {epoch: 3}}}", "images.models.compact.epoch is not a setting"),
        ("images={ensembles: {all: [compact, third]}}", "ensemble all names third"),
        ("stills={source: fer2013, path: nowhere.csv}", "nowhere.csv: does not exist"),
    ],
)
def test_a_wrong_setting_is_one_line_before_any_job(tmp_path, setting, line):
    done = run(tmp_path, "--config", setting, study=IMAGES)
    assert done.returncode != 0
    said = [text for text in done.stderr.splitlines() if "rror" in text or "Traceback" in text]
    assert len(said) == 1
    assert line in said[0]
    assert not (tmp_path / "data").exists()
