"""Expression with valence and arousal through the workflow, on a few rendered faces."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from running import planned

from ferflow import layout, tables
from ferflow.models import affect as networks
from ferflow.report.papers import NOT_COMPARABLE, published
from ferflow.training.affect import UNTRAINED, predict
from ferflow.training.image_files import Batches, ImageList

pytestmark = pytest.mark.workflow

STUDY = Path(__file__).with_name("tiny_affect.yaml")
NAME = "tiny-affect"
MODELS = ["compact", "compact-ccc", "compact-learned", "resnet50-face"]
VALIDATION = 8 * 3


@pytest.fixture(scope="module")
def finished(run_once) -> Path:
    """The folder in which the tiny study has run through."""
    return run_once(STUDY)


def table(folder: Path, name: str, schema: str | None = None):
    return tables.read(folder / f"results/{NAME}/tables/{name}.csv", schema or name)


def of_model(folder: Path, name: str) -> Path:
    return folder / layout.AFFECT_MODEL.format(study=NAME, model=name)


def test_every_network_is_judged_on_all_of_the_validation_part(finished):
    for name in MODELS:
        found = tables.read(of_model(finished, name) / "predictions.csv", "predictions")
        assert len(found) == VALIDATION and set(found["model"]) == {name}
        assert set(found["protocol"]) == {"validation"} and found["predicted_valence"].notna().all()
        assert set(found["emotion"].value_counts()) == {3}
        assert found["clip_id"].is_unique
        history = tables.read(of_model(finished, name) / "history.csv", "history")
        assert len(history) == (1 if name == "resnet50-face" else 2)
        accuracy = (found["emotion"] == found["predicted"]).mean()
        assert history["validation_accuracy"].iloc[-1] == pytest.approx(accuracy, abs=1e-5)
    everything = tables.read(finished / layout.PREDICTIONS.format(study=NAME), "predictions")
    assert len(everything) == len(MODELS) * VALIDATION


def test_the_table_of_networks_says_what_each_starts_from(finished):
    about = table(finished, "affect_models").set_index("model")
    assert list(about.index) == MODELS
    assert about.loc["resnet50-face", "start"] == UNTRAINED
    assert about.loc["compact", "start"].startswith("FER2013")
    learned, plain = about.loc["compact-learned"], about.loc["compact"]
    assert learned["frozen"] and learned["trained"] < learned["parameters"] == plain["trained"]
    assert about.loc["compact-ccc", "regression"] == "ccc" and learned["weights"] == "learned"
    assert (about["validation_images"] == VALIDATION).all() and about["synthetic"].all()
    history = tables.read(of_model(finished, "compact-learned") / "history.csv", "history")
    assert history["expression_weight"].iloc[-1] != 1
    speed = table(finished, "affect_speed")
    assert list(speed["model"]) == MODELS and (speed["step_images_per_second"] > 0).all()


def test_a_saved_network_says_what_its_predictions_say(finished):
    network, about = networks.load(of_model(finished, "compact") / "model.pt")
    listed = ImageList.read(finished / layout.MANIFEST.format(dataset="affect"))
    # Its sources lie relative to the study's working folder.
    listed = replace(listed, folders=tuple(str(finished / folder) for folder in listed.folders))
    batches = Batches(listed, "validation", about["options"]["size"], 8, None, 1, 1, shuffle=False)
    ids = [listed.clip_id(row) for row in listed.rows("validation")]
    again = predict(network, batches, pd.DataFrame({"clip_id": ids, "subject_id": ""}), "compact", 20)
    written = tables.read(of_model(finished, "compact") / "predictions.csv", "predictions")
    assert again["clip_id"].tolist() == written["clip_id"].tolist() == sorted(ids)
    for column in ("p_happy", "predicted_valence", "valence"):
        np.testing.assert_allclose(again[column], written[column], atol=2e-6)
    assert about["meta"]["model"] == "compact" and about["meta"]["synthetic"] is True


def test_every_published_number_has_its_place(finished):
    beside = table(finished, "affect_comparison", "reference")
    items = published("affectnet")[["table", "item"]].apply(tuple, axis=1)
    assert set(beside[["table", "item"]].apply(tuple, axis=1)) == set(items)
    rendered = beside["data"] == NOT_COMPARABLE
    assert rendered.any() and beside["synthetic"][rendered].all()
    assert beside["difference"][rendered | beside["ours"].isna()].isna().all()
    assert beside["note"][beside["ours"].isna()].str.len().gt(0).all()


def test_tables_and_figures_say_that_the_faces_are_synthetic(finished):
    results = finished / f"results/{NAME}"
    for name in MODELS:
        for kind in ("learning", "confusion", "plane"):
            assert "synthetic data" in (results / f"figures/affect_{kind}-{name}.svg").read_text()
    assert "synthetic data" in (results / "tables/affect_models.html").read_text()


def test_what_is_trained_stays_trained(finished):
    assert planned(finished, study=STUDY) == {}
