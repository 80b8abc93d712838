"""The network that ships: the same answers after the export, and a card whose figures come from the files."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch

import preloaded
from ferflow import tables
from ferflow.apps import models, package_model, predict
from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.errors import InputError, WeightsError
from ferflow.evaluation.predictions import table
from ferflow.evaluation.run import evaluate
from ferflow.files import sha256
from ferflow.models import spatial
from ferflow.settings import Evaluation

IMAGES = {"Training": 28709, "PublicTest": 3589, "PrivateTest": 3589}


def write_model(path, small_settings, synthetic=False, scale=20.0, start=None):
    torch.manual_seed(3)
    network = spatial.build("compact", 7)
    with torch.no_grad():
        network.classifier.weight.mul_(scale)
    meta = {
        "synthetic": synthetic,
        "protocol": "published",
        "seed": 20,
        "images": IMAGES,
        "settings": small_settings().spatial.model_dump(mode="json"),
        "start": start,
    }
    spatial.save(path, network, EMOTIONS_NEUTRAL, meta)


@pytest.fixture
def study(tmp_path, small_settings, monkeypatch):
    """results/compact as a study leaves it, with 21 images of which two are copies."""
    monkeypatch.chdir(tmp_path)
    results = tmp_path / "results" / "compact"
    folder = results / "models" / "compact" / "spatial"
    write_model(folder / "model.pt", small_settings)
    columns = [column for column in tables.schema("history").required if column != "epoch"]
    history = pd.DataFrame({"epoch": [1, 2]} | {name: [1.0, 1.0] for name in columns})
    tables.write(history, folder / "history.csv", "history")
    parts, rng = [], np.random.default_rng(0)
    clips = pd.DataFrame(
        {
            "clip_id": [f"PrivateTest_{i}" for i in range(21)],
            "subject_id": "",
            "emotion": [EMOTIONS_NEUTRAL[i % 7] for i in range(21)],
        }
    )
    for views in ("one", "ten"):
        shares = rng.dirichlet(np.ones(7), 21) + 0.3 * np.eye(7)[np.arange(21) % 7]
        shares /= shares.sum(1, keepdims=True)
        said = (EMOTIONS_NEUTRAL, "compact", "test", None, 20)
        parts.append(table(clips, shares, *said, view=views))
    tables.write(pd.concat(parts), tmp_path / "p.csv", "predictions")
    copied = pd.DataFrame({"clip_id": ["PrivateTest_3", "PrivateTest_4"], "copy_of": "Training_1"})
    tables.write(copied.assign(model="compact", split="PrivateTest"), tmp_path / "c.csv", "copies")
    manifest = clips.assign(split="PrivateTest", sex="", source="x", n_frames=1, fps=0.0, width=48)
    manifest = manifest.assign(height=48, sha256="0" * 64, synthetic=False)
    tables.write(manifest, tmp_path / "m.csv", "manifest")
    names = ("results", "confusion", "class_report", "copies")
    outs = {f"out_{name}": results / "tables" / f"{name}.csv" for name in names}
    settings = Evaluation(bootstrap=50, confidence=0.9, by=[], controls=False)
    given = ([tmp_path / "p.csv"], tmp_path / "m.csv", settings, EMOTIONS_NEUTRAL, "published", 20)
    evaluate(*given, results / "metrics.json", **outs, copies_csvs=[tmp_path / "c.csv"])
    return results


def test_five_pictures_get_the_same_probabilities_before_and_after(study, tmp_path):
    target, difference = package_model.package_model(study, "compact", tmp_path / "out")
    before, after = (models.Single(path) for path in (study / "models/compact/spatial/model.pt", target))
    pictures = package_model.generated(5)
    assert pictures.shape == (5, 160, 160, 3) and pictures.std(axis=(1, 2, 3)).min() > 20
    found = np.abs(before.frames(pictures)[1] - after.frames(pictures)[1])
    assert found.shape == (5, 7) and 0 < found.max() <= 1e-3
    assert difference == pytest.approx(found.max())
    assert target.stat().st_size < 2_000_000


@pytest.mark.wheel
def test_predict_says_the_same_of_five_stills_before_and_after(study, real_faces, tmp_path):
    import cv2

    from ferflow.faces.video import open_clip

    target, _ = package_model.package_model(study, "compact", tmp_path / "out")
    stills = []
    for i, frame in enumerate(open_clip(real_faces / "single_face.mp4")):
        if i % 15 == 0:
            stills.append(str(tmp_path / f"still{i}.png"))
            cv2.imwrite(stills[-1], frame[:, :, ::-1])
    assert len(stills) == 5
    said = []
    for model in (study / "models/compact/spatial/model.pt", target):
        out = tmp_path / "said.csv"
        assert predict.run(predict.Options(stills, model, out, detector="haar")) == 0
        said.append(
            tables.read(out, "recognised")[[f"p_{name}" for name in EMOTIONS_NEUTRAL]].to_numpy(float)
        )
    assert said[0].shape == (5, 7)
    np.testing.assert_allclose(said[0], said[1], atol=1e-3)


def test_the_card_has_the_figures_of_the_files(study, tmp_path):
    target, _ = package_model.package_model(study, "compact", tmp_path / "out")
    card = target.with_suffix(".md").read_text()
    metrics = json.loads((study / "metrics.json").read_text())["models"]
    for views, shown in (("one", "one"), ("ten", "ten crops")):
        for protocol, part, n in (
            ("test", "PrivateTest", 21),
            ("honest", "PrivateTest without copies of training images", 19),
        ):
            number = metrics["compact"][views][protocol]["accuracy"]
            low, high = 100 * number["low"], 100 * number["high"]
            cell = f"{100 * number['value']:.2f} [{low:.2f}, {high:.2f}]"
            assert f"| {part} | {n} | {shown} | {cell} |" in card
    report = tables.read(study / "tables/class_report.csv", "class_report")
    happy = report[(report.model == "compact") & (report.protocol == "test") & (report.emotion == "happy")]
    assert f"| happy | 3 | {100 * happy.precision.iloc[0]:.1f} |" in card
    assert "784,263 parameters" in card and "Training: 28,709 images; PublicTest: 3,589" in card
    assert "snakemake --configfile workflow/studies/compact.yaml" in card
    assert "The learning curve has 2 epochs" in card and "90 % intervals" in card
    assert "optimiser:" in card and "label_smoothing: 0.1" in card and "Licence of the data" in card
    assert sha256(target) in card and "{{" not in card and "Speed" not in card
    assert "mirror image |" not in card  # no such view in this study
    speed = pd.DataFrame({"fps": [151.26], "note": ["v.mp4, 640x480"]})
    tables.write(speed, tmp_path / "benchmarks/speed.csv", "speed")
    card = package_model.package_model(study, "compact", tmp_path / "out")[0].with_suffix(".md").read_text()
    assert "151.3 frames a second (v.mp4, 640x480)" in card


def test_the_same_network_ships_as_the_same_bytes(study, tmp_path):
    one = package_model.package_model(study, "compact", tmp_path / "a")[0].read_bytes()
    assert one == package_model.package_model(study, "compact", tmp_path / "b")[0].read_bytes()


def test_what_must_not_ship_does_not(study, tmp_path, small_settings, monkeypatch):
    model, out = study / "models/compact/spatial/model.pt", tmp_path / "out"
    good = model.read_bytes()
    write_model(model, small_settings, synthetic=True)
    with pytest.raises(WeightsError, match="was trained on synthetic data"):
        package_model.package_model(study, "compact", out)
    write_model(model, small_settings, scale=1e9)
    with pytest.raises(
        WeightsError, match=r"spatial/model\.pt: classifier\.weight has values beyond float16"
    ):
        package_model.package_model(study, "compact", out)
    model.write_bytes(good)
    with monkeypatch.context() as strict:
        strict.setattr(package_model, "TOLERANCE", 1e-9)
        with pytest.raises(WeightsError, match="in a probability as float16; ship another"):
            package_model.package_model(study, "compact", out)
        strict.setattr(package_model, "LARGEST", 1_000_000)
        with pytest.raises(WeightsError, match=r"takes 1,\d+,\d+ bytes, more than 1,000,000"):
            package_model.package_model(study, "compact", out)
    with pytest.raises(WeightsError, match=r"models/other/spatial/model\.pt: does not exist"):
        package_model.package_model(study, "other", out)
    metrics = study / "metrics.json"
    metrics.write_text(metrics.read_text().replace('"compact"', '"fernet"'))
    with pytest.raises(InputError, match="has no figures of compact"):
        package_model.package_model(study, "compact", out)
    metrics.write_text("{")
    with pytest.raises(InputError, match=r"metrics\.json: cannot be read"):
        package_model.package_model(study, "compact", out)
    assert not out.exists() or not list(out.iterdir())


def test_from_the_shell(study, tmp_path):
    done = preloaded.python("ferflow.apps.package_model", study, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "compact-fer2013.pt: 1." in done.stdout and "compact-fer2013.md" in done.stdout
    done = preloaded.python("ferflow.apps.package_model", tmp_path)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1 and "does not exist" in done.stderr


def test_the_card_has_the_recipe_of_every_run(study, small_settings, tmp_path):
    first = tmp_path / "first.pt"
    write_model(first, lambda: small_settings({"spatial": {"epochs": 77}}))
    write_model(study / "models/compact/spatial/model.pt", small_settings, start=spatial.origin(first))
    card = package_model.package_model(study, "compact", tmp_path / "out")[0].with_suffix(".md").read_text()
    assert card.index("# run 1\n") < card.index("epochs: 77") < card.index("# run 2, from the weights")
    assert card.count("label_smoothing:") == 2 and "The last learning curve" in card
    assert spatial.origin(first)["sha256"] == sha256(first)
