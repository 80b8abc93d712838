"""A network of an image study that learns from further sets too: who is on which side, and what is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fer2013_csv import write_stills
from ferflow import layout, tables
from ferflow.datasets import ckplus, fer2013
from ferflow.errors import SettingError, WeightsError
from ferflow.models import spatial as networks
from ferflow.report import image_tables
from ferflow.report.papers import published
from ferflow.settings import Faces, Sequences, Sweep, check, load
from ferflow.steps import preflight
from ferflow.steps.files import files_of
from ferflow.training import spatial, stills

PARTS = {"Training": 2, "PublicTest": 1, "PrivateTest": 1}


@pytest.fixture
def copies(tmp_path):
    """FER2013; and of CK+ two faces a class, the first of which is one of FER2013's test images."""
    write_stills(tmp_path / "fer2013.csv", PARTS)
    lines = (tmp_path / "fer2013.csv").read_text().splitlines()
    tested = next(line for line in lines if line.endswith("PrivateTest")).split(",")[1]
    rng = np.random.default_rng(3)
    rows = ["emotion,pixels,Usage", f"0,{tested},Training"]
    rows += [
        f"{code},{' '.join(map(str, rng.integers(0, 256, 48 * 48)))},Training"
        for code in (*range(8), *range(1, 8))
    ]
    (tmp_path / "ck").mkdir()
    (tmp_path / "ck" / ckplus.CSV_NAME).write_text("\n".join(rows) + "\n")
    merged = tmp_path / layout.FURTHER.format(further="ckplus")
    out = merged, merged.with_name("manifest.csv")
    stills.write_further("ckplus", tmp_path / "ck", Faces(), Sequences(), tmp_path, *out)
    return tmp_path / "fer2013.csv", merged


def test_a_face_is_brought_to_fer2013s_form():
    colours = np.zeros((160, 160, 3), np.uint8)
    colours[:80] = 200, 100, 50
    grey = stills.reduced(colours)
    assert grey.shape == (fer2013.SIZE, fer2013.SIZE) == (48, 48) and grey.dtype == np.uint8
    assert grey[0, 0] == round(0.299 * 200 + 0.587 * 100 + 0.114 * 50) and grey[-1, -1] == 0


@pytest.mark.parametrize("protocol", ["honest", "published"])
def test_all_of_a_further_set_is_on_the_training_side_less_what_a_test_part_has(copies, protocol):
    official, merged = copies
    plain, joined = stills.read(official, protocol), stills.read(official, protocol, [merged])
    for side in ("PublicTest", "PrivateTest"):
        assert np.array_equal(plain.parts[side].images, joined.parts[side].images)
        assert plain.listed[side].equals(joined.listed[side])
    learnt = joined.parts["Training"]
    assert np.array_equal(learnt.images[:14], plain.parts["Training"].images)
    # Of 16 images two show contempt, and one is an image of PrivateTest.
    assert joined.further == {"ckplus": 13} and len(learnt.labels) == len(joined.listed["Training"]) == 27
    judged = {
        image.tobytes() for side in ("PublicTest", "PrivateTest") for image in joined.parts[side].images
    }
    assert not judged & {image.tobytes() for image in learnt.images[14:]}
    described = joined.described()
    assert described["images"] == plain.described()["images"] == {name: 7 * n for name, n in PARTS.items()}
    assert described["further"] == {"ckplus": 13} and "further" not in plain.described()
    assert described["images_sha256"] != plain.described()["images_sha256"]


def test_an_accuracy_without_what_was_learnt_from():
    images = np.arange(4 * 4, dtype=np.uint8).reshape(4, 2, 2)
    right = np.array([True, True, False, True])
    assert stills.honest_accuracy(right, images, images[:1]) == pytest.approx(2 / 3)
    assert stills.honest_accuracy(right, images, images) is None


def test_the_table_of_networks_counts_them(copies, small_settings, tmp_path):
    official, merged = copies
    recipe = small_settings({"spatial": {"weights": None, "epochs": 1, "batch": 8}}).spatial
    about = {"synthetic": False, "protocol": "published", "further": [merged]}
    spatial.write(official, tmp_path / "merged", recipe, 20, **about)
    assert networks.load(tmp_path / "merged/model.pt")[1]["meta"]["further"] == {"ckplus": 13}
    folder = tmp_path / "merged"
    images = check({"kind": "images", "images": {"models": {"merged": {"further": ["ckplus"]}}}}).images
    files = ([folder / name] for name in ("model.pt", "history.csv", "time.json"))
    image_tables.networks(["merged"], *files, images, tmp_path / "networks.csv")
    (row,) = tables.read(tmp_path / "networks.csv", "networks").to_dict("records")
    assert row["learnt"] == 27 and row["note"] == "also learnt from 13 images of CK+"


STUDY = {
    "kind": "images",
    "stills": {"source": "fer2013", "path": "fer2013.csv"},
    "images": {
        "folders": {"ckplus": "ck", "jaffe": None, "kdef": "gone"},
        "models": {
            "merged": {"further": ["ckplus", "kdef"]},
            "more": {"start": "merged"},
            "none": {"further": ["jaffe", "kdef"]},
            "after": {"start": "none"},
            "last": {"start": "after"},
        },
    },
}


def test_sets_without_a_copy_are_left_out_and_without_any_the_model_is_not_run(copies, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    ready = preflight.look(check(STUDY))
    images = ready.settings.images
    assert list(images.trained()) == ["merged", "more"]
    assert images.models["none"].not_run == "no copy of jaffe, kdef (images.folders)"
    assert images.models["last"].not_run == "none, which it goes on from, is not run"
    assert "images.models.merged: trained without kdef, of which there is no copy" in ready.notes
    files = files_of(ready)
    assert files.further("merged") == [layout.FURTHER.format(further="ckplus")]
    assert files.further("more") == []
    swept = files_of(preflight.look(check(STUDY | {"sweep": {"studied": True}})))
    assert (files.included, swept.included) == ((), ("sweep",))


def test_further_sets_want_official_parts_and_a_training():
    by_subject = STUDY | {"stills": {"source": "kdef", "path": "kdef"}}
    with pytest.raises(SettingError, match=r"models\.merged\.further needs FER2013's parts"):
        check(by_subject)
    adopted = {"further": ["ckplus"], "weights": "compact.pt"}
    with pytest.raises(SettingError, match=r"merged\.further: leave weights and method out"):
        check({"kind": "images", "images": {"models": {"merged": adopted}}})


def test_such_a_network_is_not_shipped(copies, small_settings, tmp_path):
    from ferflow.apps.package_model import package_model

    official, merged = copies
    recipe = small_settings({"spatial": {"weights": None, "epochs": 1, "batch": 8}}).spatial
    folder = tmp_path / layout.SPATIAL.format(study="compact", model="merged")
    spatial.write(official, folder, recipe, 20, synthetic=False, protocol="published", further=[merged])
    with pytest.raises(WeightsError, match="was also trained on ckplus"):
        package_model(tmp_path / layout.RESULTS.format(study="compact"), "merged", tmp_path / "out")


def test_the_compact_study_has_the_papers_own_recipe_and_its_sweep():
    repository = Path(__file__).parents[2]
    study = load(repository / "params.yaml", repository / "workflow/studies/compact.yaml")
    recipe = study.images.models["compact-paper"]
    printed = published("compact", "1").query("metric == 'epochs'").iloc[0]
    ours = f"{recipe.optimiser.name.upper()}, lr {recipe.optimiser.learning_rate:g}, batch {recipe.batch}"
    assert (recipe.network, recipe.epochs) == ("compact", printed["value"])
    assert printed["note"] == f"{ours}, cross entropy" and recipe.label_smoothing == recipe.average == 0
    assert recipe.schedule.name == "plateau"
    merged, own = study.images.models["compact-merged"], study.images.models["compact"]
    assert merged.further == ["ckplus", "jaffe", "kdef"] == list(study.images.folders)
    assert merged.recipe() == own.recipe()  # nothing but the images differs
    assert study.sweep == Sweep(studied=True)
