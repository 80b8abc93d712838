"""Transfer learning on frozen features: the networks, their store, the trainings and the tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from ferflow import settings, tables
from ferflow.bench import transfer as benchmark
from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.errors import InputError, SettingError, WeightsError
from ferflow.models import spatial
from ferflow.models import transfer as split
from ferflow.models.vision import torchvision
from ferflow.settings.sfew import TrainingRun, Transfer
from ferflow.sfew import folds, run, store
from ferflow.training import frozen, transfer
from ferflow.weights import shipped, start_file

STUDY = Path(__file__).parents[2] / "workflow/studies/sfew.yaml"
SEED = 20
PROTOCOLS = ("random", "film", "spi")


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    return split.start("resnet18", None, SEED)


def images(n: int) -> np.ndarray:
    rng = np.random.default_rng(8)
    return rng.integers(0, 256, (n, 7, 7, 3), np.uint8).repeat(32, 1).repeat(32, 2)


@pytest.fixture(scope="module")
def state(tmp_path_factory) -> Path:
    """Weights as torchvision publishes them."""
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("weights") / "resnet18-f37072fd.pth"
    torch.save(torchvision.models.resnet18(weights=None).state_dict(), path)
    return path


@pytest.mark.parametrize("unfrozen", [0, 1, 2])
def test_both_parts_together_are_the_whole_network(network, unfrozen):
    first = split.frozen(network, unfrozen)
    torch.manual_seed(3)
    head = split.head(network, "resnet18", unfrozen, 7).eval()
    with torch.no_grad():
        whole = head.classifier(network.features(spatial.prepare(images(2), network), "pool"))
        parts = head(first(images(2)).clone())
    torch.testing.assert_close(parts, whole, rtol=1e-4, atol=1e-4)


def test_frozen_stages_never_train(network):
    first = split.frozen(network, 1)
    torch.nn.Sequential(first).train()
    assert not any(module.training for module in first.modules())
    assert not any(parameter.requires_grad for parameter in first.parameters())
    before = {name: value.clone() for name, value in first.state_dict().items()}
    first(images(1))
    assert all(torch.equal(value, before[name]) for name, value in first.state_dict().items())
    head = split.head(network, "resnet18", 1, 7)
    assert all(parameter.requires_grad for parameter in head.parameters())


def test_inputs_are_standardised_by_imagenet(network):
    given = network.normalised(spatial.prepare(np.full((1, 224, 224, 3), 51, np.uint8), network))
    expected = (0.2 - np.array((0.485, 0.456, 0.406))) / np.array((0.229, 0.224, 0.225))
    np.testing.assert_allclose(given[0, :, 5, 5], expected, rtol=1e-5)


def test_a_random_start_depends_on_its_seed_alone(network):
    again, other = split.start("resnet18", None, SEED), split.start("resnet18", None, SEED + 1)
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), again.parameters(), strict=True))
    assert not torch.equal(network.base.conv1.weight, other.base.conv1.weight)
    with torch.no_grad():
        assert (
            torch.nn.Sequential(*network.blocks)(torch.randn(2, 3, 64, 64)).std() < 10
        )  # values do not grow from block to block


def test_published_weights_are_taken_whole_or_not_at_all(state, tmp_path):
    made = split.start("resnet18", state, SEED)
    assert torch.equal(made.base.conv1.weight, torch.load(state, weights_only=True)["conv1.weight"])
    with pytest.raises(WeightsError, match="does not fit the network resnet34"):
        split.start("resnet34", state, SEED)
    with pytest.raises(WeightsError, match=r"is missing.*resnet18-f37072fd"):
        start_file("resnet18", "imagenet", tmp_path)
    with pytest.raises(WeightsError, match="not the expected file"):
        start_file("resnet18", "imagenet", state.parent)
    assert start_file("resnet18", "untrained", tmp_path) is None


@pytest.fixture(scope="module")
def stored(tmp_path_factory) -> Path:
    """Features of 18 images of two frozen parts."""
    folder = tmp_path_factory.mktemp("features")
    store.write(folder / "images.h5", [f"image{k}" for k in range(18)], images(18))
    for unfrozen in (0, 1):
        out = folder / f"{unfrozen}.h5"
        run.write_features(folder / "images.h5", "resnet18", unfrozen, "untrained", SEED, 1, folder, out)
    return folder


@pytest.mark.parametrize(("unfrozen", "shape"), [(0, (512,)), (1, (256, 14, 14))])
def test_stored_features_are_those_computed_anew(stored, network, unfrozen, shape):
    found = frozen.Features(stored / f"{unfrozen}.h5")
    assert found.values.shape == (18, *shape)
    assert found.source["images"] == store.digest(f"image{k}" for k in range(18))
    assert found.source["start"] == "untrained" and found.source["unfrozen"] == unfrozen
    labels = np.arange(18) % 7
    rows = [17, 2, 5]
    one = frozen.Rows(found.values, labels, rows)[[0, 1, 2]]
    other = benchmark.Recomputed(split.frozen(network, unfrozen), images(18), labels, rows)[[0, 1, 2]]
    torch.testing.assert_close(one[0], other[0], rtol=1e-3, atol=1e-4)
    assert one[1].tolist() == other[1].tolist() == [3, 2, 5]


def test_the_network_that_comes_with_ferflow_is_frozen_up_to_its_dense_layer(stored, tmp_path):
    made = tmp_path / "compact.h5"
    run.write_features(stored / "images.h5", "compact", 0, "shipped", SEED, 1, tmp_path, made)
    found = frozen.Features(made)
    network, _ = spatial.load(shipped())
    wanted = network.features(spatial.prepare(images(18), network), "dense").detach()
    torch.testing.assert_close(torch.from_numpy(np.array(found.values)), wanted, rtol=1e-4, atol=1e-5)
    assert found.source["start"] == "shipped"


def test_damaged_features_are_refused(stored, tmp_path):
    whole = (stored / "0.h5").read_bytes()
    path = tmp_path / "cut.h5"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError):
        frozen.Features(path)
    with pytest.raises(InputError, match="does not exist"):
        frozen.Features(tmp_path / "none.h5")


def easy(n: int = 70) -> tuple[np.ndarray, np.ndarray]:
    """Features that tell the classes, and labels."""
    labels = np.arange(n) % 7
    values = np.random.default_rng(2).normal(0, 0.05, (n, 512)).astype(np.float32)
    values[np.arange(n), labels] += 3
    return values, labels


def trained(epochs: list[int]) -> transfer.Trained:
    values, labels = easy()
    torch.manual_seed(4)
    head = split.head(None, "resnet18", 0, 7)
    training, judged = (frozen.Rows(values, labels, rows) for rows in (np.arange(56), np.arange(56, 70)))
    return transfer.train(head, training, judged, epochs, 32, 0.01, 0.001, SEED, 1, "test")


def test_a_shorter_run_is_the_beginning_of_a_longer_one():
    short, long = trained([2]), trained([2, 6])
    np.testing.assert_array_equal(short.probabilities[2], long.probabilities[2])
    assert not np.array_equal(long.probabilities[2], long.probabilities[6])
    assert (long.probabilities[6].argmax(1) == np.arange(56, 70) % 7).all()
    assert long.history["learning_rate"].tolist() == [0.01] * 6 and long.seconds > 0


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """A manifest of 70 images, their folds, and features that tell the classes."""
    folder = tmp_path_factory.mktemp("sfew")
    values, labels = easy()
    rows = {
        "clip_id": [f"image{k}" for k in range(70)],
        "source": "x.png",
        "emotion": [EMOTIONS_NEUTRAL[k] for k in labels],
        "group_id": [f"film{k // 7}" for k in range(70)],
        "split": "",
        "subject_id": "",
        "sex": "",
        "n_frames": 1,
        "fps": 0.0,
        "sha256": [f"{k:064x}" for k in range(70)],
        "width": 50,
        "height": 50,
        "synthetic": True,
    }
    tables.write(pd.DataFrame(rows), folder / "manifest.csv", "manifest")
    for protocol in PROTOCOLS:
        folds.write(folder / "manifest.csv", protocol, 5, SEED, folder / f"{protocol}.csv")
    store.write(folder / "images.h5", rows["clip_id"], np.zeros((70, 224, 224, 3), np.uint8))
    features = folder / "features.h5"
    run.write_features(folder / "images.h5", "resnet18", 0, "untrained", SEED, 1, folder, features)
    import h5py

    with h5py.File(features, "r+") as file:
        file["features"][...] = values
    return folder


def asked_run(**changes) -> TrainingRun:
    base = {"network": "resnet18", "images": "originals", "unfrozen": 0, "batch": 256, "epochs": [2, 5]}
    base |= {"learning_rate": 0.01, "protocols": ["random", "film", "spi"]}
    return TrainingRun(**base | changes)


def recipe() -> Transfer:
    return settings.load(STUDY).sfew.transfer


@pytest.fixture(scope="module")
def runs(study) -> Path:
    asked = [("film", 256), ("spi", 256), ("random", 256), ("random", 16)]
    for protocol, batch in asked:
        folder = study / f"{protocol}-{batch}"
        given = (study / "manifest.csv", study / f"{protocol}.csv", study / "features.h5")
        run.train(*given, asked_run(batch=batch), recipe(), protocol, None, SEED, folder)
    return study


def test_a_run_judges_every_image_once_after_each_number_of_epochs(runs):
    found = tables.read(runs / "film-256/predictions.csv", "predictions")
    assert found.groupby("model").size().to_dict() == {"resnet18-2-originals": 70, "resnet18-5-originals": 70}
    assert not found.duplicated(["model", "clip_id"]).any()
    assert found.groupby("subject_id")["fold"].nunique().max() == 1  # films
    last = found[found["model"] == "resnet18-5-originals"]
    assert (last["emotion"] == last["predicted"]).mean() > 0.9
    each = tables.read(runs / "film-256/runs.csv", "sfew_runs")
    assert (each["n_training"] + each["n"] == 70).all() and len(each) == 5
    curves = tables.read(runs / "film-256/history.csv", "sfew_history")
    assert curves.groupby("fold")["epoch"].max().tolist() == [5] * 5
    assert len(tables.read(runs / "spi-256/runs.csv", "sfew_runs")) == 2


def test_a_run_comes_out_the_same_again(runs, tmp_path):
    given = (runs / "manifest.csv", runs / "spi.csv", runs / "features.h5")
    run.train(*given, asked_run(), recipe(), "spi", None, SEED, tmp_path)
    assert (tmp_path / "predictions.csv").read_text() == (runs / "spi-256/predictions.csv").read_text()


def test_features_of_another_network_or_other_images_are_refused(runs, stored, tmp_path):
    given = (runs / "manifest.csv", runs / "film.csv")
    with pytest.raises(InputError, match="another network"):
        other = asked_run(network="resnet34")
        run.train(*given, runs / "features.h5", other, recipe(), "film", None, SEED, tmp_path)
    with pytest.raises(InputError, match="images of the manifest"):
        run.train(*given, stored / "0.h5", asked_run(), recipe(), "film", None, SEED, tmp_path)


def test_the_tables_of_folds_protocols_and_batches(runs, tmp_path):
    said = [runs / f"{name}/predictions.csv" for name in ("film-256", "random-256", "random-16")]
    models = {"resnet18-5-originals": {"network": "resnet18", "start": "untrained"}}
    out = tmp_path / "folds.csv"
    run.write_folds(said, models, runs / "manifest.csv", out)
    found = tables.read(out, "sfew_folds")
    one = found[(found["model"] == "resnet18-5-originals") & (found["protocol"] == "film")]
    each, mean = one[one["fold"].notna()], one[one["fold"].isna()].iloc[0]
    assert mean["accuracy"] == pytest.approx(each["accuracy"].mean()) and mean["n"] == 70
    assert mean["sd"] == pytest.approx(each["accuracy"].std()) and mean["start"] == "untrained"
    assert found.groupby("protocol")["leaky"].first().to_dict() == {"film": False, "random": True}
    each_run = [runs / f"random-{batch}/runs.csv" for batch in (256, 16)]
    run.write_batches(out, each_run, tmp_path / "batches.csv")
    batches = tables.read(tmp_path / "batches.csv", "sfew_batches")
    assert batches["batch"].tolist() == [16, 256] and (batches["seconds"] > 0).all()
    assert batches["model"].tolist() == ["resnet18-5-originals-batch16", "resnet18-5-originals"]
    paths = [runs / f"{protocol}.csv" for protocol in PROTOCOLS]
    run.write_protocols(runs / "manifest.csv", paths, PROTOCOLS, tmp_path / "protocols.csv")
    made = tables.read(tmp_path / "protocols.csv", "sfew_protocols").set_index("protocol")
    assert made["films_on_two_sides"].to_dict() == {"random": 10, "film": 0, "spi": 0}


def test_predictions_of_other_images_are_refused(runs, tmp_path):
    path = tmp_path / "predictions.csv"
    text = (runs / "film-256/predictions.csv").read_text()
    path.write_text(text.replace("image3,", "another,"))
    with pytest.raises(InputError, match="clip another is not in"):
        run.write_folds([path], {}, runs / "manifest.csv", tmp_path / "folds.csv")


def test_unfrozen_stages_learn(network):
    batch = split.frozen(network, 1)(images(14)).numpy()
    labels = np.arange(14) % 7
    torch.manual_seed(4)
    head = split.head(network, "resnet18", 1, 7)
    before = head.blocks[0][0].conv1.weight.clone()
    rows = frozen.Rows(batch, labels, np.arange(14))
    found = transfer.train(head, rows, rows, [1], 7, 0.001, 0.001, SEED, 1, "test")
    assert not torch.equal(before, head.blocks[0][0].conv1.weight)
    assert torch.equal(before, network.blocks[4][0].conv1.weight)  # the next fold starts where this one did
    assert found.probabilities[1].shape == (14, 7)


def test_the_papers_rows_are_runs_of_the_study():
    made = recipe()
    models = {name for one in made.trained().values() for name in one.models(made.batch).values()}
    for asked in ("50-200-originals", "50-100-originals", "50-200-crops", "50-100-crops", "50-50-crops"):
        assert f"resnet{asked}" in models
    assert {f"resnet{n}-{epochs}-crops" for n in (18, 34) for epochs in (50, 100)} <= models
    assert {"resnet50-200-originals-batch64", "resnet50-200-originals-batch128"} <= models
    assert asked_run(unfrozen=1, batch=32).models(256)[2] == "resnet18-unfrozen1-2-originals"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"epochs": [5, 2]}, "epochs must rise"),
        ({"unfrozen": 3}, "less than or equal to 2"),
        ({"network": "resnet99"}, "resnet18"),
    ],
)
def test_a_wrong_run_is_one_line(changes, said):
    runs = {"mine": asked_run().model_dump() | changes}
    with pytest.raises(SettingError, match=said):
        settings.check({"kind": "sfew", "sfew": {"transfer": {"runs": runs}}})


def test_two_runs_of_one_name_are_refused():
    runs = {"mine": asked_run().model_dump(), "yours": asked_run().model_dump()}
    with pytest.raises(SettingError, match="runs mine and yours both make"):
        settings.check({"kind": "sfew", "sfew": {"transfer": {"runs": runs}}})


def test_the_benchmark_gives_the_same_predictions_both_ways():
    found = benchmark.run("resnet18", 14, 2, 2, 16, SEED, 1)
    one, other = found.accuracies()
    assert found.changed() == 0 and one == other
    assert found.stored_probabilities.shape == (14, 7)
    assert sorted(found.labels) == sorted([*range(7), *range(7)])
    said = "\n".join(benchmark.lines(found, "resnet18"))
    assert "times as fast (target 10:" in said and "another predicted class: 0 of 14" in said
