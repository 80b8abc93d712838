"""The table of results by a column of the manifest: every kind of study has it, from its own files."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ferflow import tables
from ferflow.classes import EMOTIONS_CONTEMPT, EMOTIONS_NEUTRAL
from ferflow.errors import SettingError
from ferflow.evaluation.groups import grouped_by
from ferflow.evaluation.predictions import table, write
from ferflow.parts import results_by_column
from ferflow.settings import Evaluation
from ferflow.steps.files import files_of
from ferflow.steps.preflight import Ready

EVALUATION = Evaluation(bootstrap=50, confidence=0.9)
BY = {"evaluation": {"by": ["split"]}}
PREDICTIONS = "results/table/predictions.csv"
KINDS = {
    "images": ({"images": {"models": {"one": None}}}, [PREDICTIONS], "synth4d-stills"),
    "datacentric": (
        {
            "kind": "images",
            "datacentric": {"studied": True, "variants": ["vit"], "networks": {"vit": ["none", "smote"]}},
        },
        [
            f"results/table/datacentric/models/vit/{sampling}-{policy}/predictions.csv"
            for sampling in ("none", "smote")
            for policy in ("published", "honest")
        ],
        "synth4d-stills",
    ),
    "sfew": ({}, [PREDICTIONS], "scenes"),
    "affect": ({}, [PREDICTIONS], "affect"),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_study_has_the_table(small_settings, name):
    changes, sources, dataset = KINDS[name]
    settings = small_settings({"study": "table", "kind": name, **changes, **BY})
    (step,) = results_by_column.steps(files_of(Ready(settings, by=tuple(grouped_by(settings)))))
    manifest = f"data/interim/{dataset}/manifest.csv"
    assert step.inputs == {"predictions_csvs": sources, "manifest_csv": manifest}
    classes = EMOTIONS_CONTEMPT if name == "affect" else EMOTIONS_NEUTRAL
    assert step.given == {"emotions": list(classes), "by": ["split"]}


def test_images_have_no_sex_but_those_whose_names_tell_it(small_settings):
    images = {"kind": "images", "evaluation": {"by": ["sex", "split"]}}
    assert grouped_by(small_settings(images)) == ["split"]
    kdef = {"stills": {"source": "kdef", "path": "kdef"}}
    assert grouped_by(small_settings(images | kdef)) == ["sex", "split"]
    with pytest.raises(SettingError, match=r"evaluation.by: the images have no light; known: clip_id"):
        grouped_by(small_settings({"kind": "images", "evaluation": {"by": ["light"]}}))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Predictions of a network for images of nobody known, of two films, under two protocols."""
    folder, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(2)
    rows = pd.DataFrame({"clip_id": [f"i{n:03d}" for n in range(70)], "subject_id": "", "sex": ""})
    rows = rows.assign(emotion=EMOTIONS_NEUTRAL * 10, split="", source="a.png", n_frames=1, fps=0.0)
    rows = rows.assign(width=9, height=9, sha256="0" * 64, synthetic=False, film=["one", "two"] * 35)
    tables.write(rows, folder / "manifest.csv", "manifest")
    said = []
    for protocol in ("film", "random"):
        probabilities = rng.dirichlet(np.ones(7), len(rows))
        said.append(table(rows, probabilities, EMOTIONS_NEUTRAL, "vit+none", protocol, 0, 1))
    made = said[1].iloc[:1].assign(clip_id="i000+1")  # by resampling: an image of no film
    write(pd.concat([*said, made]), folder / "predictions.csv")
    return folder


def make(folder, *by):
    out, given = folder / "results_by.csv", ([folder / "predictions.csv"], folder / "manifest.csv")
    results_by_column.write(*given, EVALUATION, EMOTIONS_NEUTRAL, "honest", 1, by, out)
    return tables.read(out, "results_by")


def test_accuracy_and_number_of_images_of_each_film(files):
    said = tables.read(files / "predictions.csv", "predictions")
    said = said[said["clip_id"].str.len() == 4].assign(film=["one", "two"] * 70)
    made = make(files, "sex", "film").query("metric == 'accuracy' and group != 'difference'")
    assert len(made) == 4 and not made["synthetic"].any() and set(made["by"]) == {"film"}
    for row in made.itertuples():
        own = said[(said["film"] == row.group) & (said["protocol"] == row.protocol)]
        right = (own["emotion"] == own["predicted"]).mean()
        assert (row.model, row.n_clips, row.value) == ("vit+none", 35, pytest.approx(right))
        assert row.low < right < row.high


def test_a_column_that_the_manifest_lacks_is_named(files):
    with pytest.raises(SettingError, match=r"evaluation.by: the clips have no light"):
        make(files, "light")
