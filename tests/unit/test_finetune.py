"""Fine-tuning in three phases: the search, its interruption, the frozen base, and what is kept."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from fer2013_csv import write_stills
from ferflow import tables
from ferflow.errors import FerflowError, InputError, LossError, SettingError, WeightsError
from ferflow.models import backbones, resnet
from ferflow.models import spatial as networks
from ferflow.networks import NETWORKS
from ferflow.training import classifier, finetune, frozen
from ferflow.training.images import probabilities
from ferflow.training.search import Outcome, Shape, best, search

SEED = 20


@pytest.fixture(scope="module")
def settings(small_settings):
    still = {"flip": False, "rotation": 0, "shear": 0, "shift": 0, "zoom": 0, "brightness": (1, 1)}
    return small_settings(
        {
            "spatial": {
                "network": "resnet50",
                "weights": None,
                "method": "finetune",
                "pretrained": "made-up.pth",
                "batch": 14,
                "precision": "float32",
                "online": still,
                "optimiser": {"name": "sgd"},
                "label_smoothing": 0,
            },
            "finetune": {
                "classifier": {
                    "trials": 3,
                    "startup": 2,
                    "neurons": [8, 16],
                    "epochs": 6,
                    "learning_rate": 0.1,
                },
                "unfreeze": {"epochs": 3, "learning_rate": 0.02},
                "refine": {"epochs": 1},
            },
        }
    )


class SmallResNet(backbones.Backbone):
    """Five blocks under ResNet50's name that cost next to nothing: 16 pixels, 24 features."""

    name = "resnet50"
    prefixes = ("fc.",)

    def make(self):
        base = nn.Module()
        base.layers = nn.ModuleList(
            nn.Sequential(nn.Conv2d(3 if n == 0 else 24, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU())
            for n in range(5)
        )
        return base, list(base.layers)


SmallResNet.input_size = 16


@pytest.fixture(scope="module", autouse=True)
def small_resnet():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resnet, "ResNet50", SmallResNet)
        patch.setitem(NETWORKS, "resnet50", replace(NETWORKS["resnet50"], pool=24))
        yield


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory, small_resnet):
    """A state dict as torchvision's are, with a classifier of its own and weights nobody trained."""
    path = tmp_path_factory.mktemp("weights") / "made-up.pth"
    torch.manual_seed(1)
    state = networks.build("resnet50", 7).base.state_dict()
    torch.save(state | {"fc.weight": torch.zeros(1000, 24), "fc.bias": torch.zeros(1000)}, path)
    return path


@pytest.fixture(scope="module")
def stills(tmp_path_factory):
    path = tmp_path_factory.mktemp("stills") / "fer2013.csv"
    write_stills(path, {"Training": 8, "PublicTest": 3, "PrivateTest": 2})
    return path


@pytest.fixture(scope="module")
def frozen_h5(tmp_path_factory, stills, pretrained, settings):
    path = tmp_path_factory.mktemp("frozen") / "frozen.h5"
    classifier.write_frozen(stills, pretrained, path, settings.spatial, SEED, "honest")
    return path


@pytest.fixture(scope="module")
def searched(tmp_path_factory, frozen_h5, pretrained, settings):
    folder = tmp_path_factory.mktemp("searched")
    _search(frozen_h5, pretrained, folder, settings)
    return folder


def _search(frozen_h5, pretrained, folder, settings, storage=None):
    classifier.search_classifier(
        frozen_h5,
        pretrained,
        folder,
        folder / "trials.csv",
        settings.spatial,
        settings.finetune,
        SEED,
        storage or folder / "trials.db",
        synthetic=True,
        protocol="honest",
    )


def _judge(shape: Shape) -> Outcome:
    value = 1 - abs(shape.dropout - 0.5) - abs(sum(shape.dense) - 768) / 5000
    return Outcome(round(value, 6), 0.5, 3, 5)


class Killed(BaseException):
    pass


@pytest.mark.parametrize("sampler", ["gp", "tpe"])
def test_an_interrupted_search_ends_as_an_undisturbed_one(tmp_path, settings, sampler):
    asked = settings.finetune.classifier.model_copy(
        update={"trials": 5, "startup": 2, "neurons": [256, 512, 1024], "sampler": sampler}
    )
    undisturbed = search(tmp_path / "one.db", {"base": "a"}, asked, SEED, _judge)
    seen = []

    def dies(shape: Shape) -> Outcome:
        seen.append(shape)
        if len(seen) in (2, 5):
            raise Killed
        return _judge(shape)

    for _ in range(2):
        with pytest.raises(Killed):
            search(tmp_path / "two.db", {"base": "a"}, asked, SEED, dies)
    again = search(tmp_path / "two.db", {"base": "a"}, asked, SEED, dies)
    pd.testing.assert_frame_equal(again, undisturbed)
    assert len(seen) == 5 + 2  # what had ended was not run again
    assert seen[1] == seen[2] and seen[4] == seen[5]  # what was under way was
    assert again.best_so_far.tolist() == again.validation_accuracy.cummax().tolist()
    other = search(tmp_path / "two.db", {"base": "b"}, asked, SEED, dies)
    assert len(seen) == 12 and len(other) == 5  # trials on another base are none of this search


def test_the_search_stays_in_its_space(tmp_path, settings):
    asked = settings.finetune.classifier.model_copy(
        update={"trials": 12, "startup": 12, "neurons": [256, 512, 1024]}
    )
    shapes = []

    def note(shape: Shape) -> Outcome:
        shapes.append(shape)
        if shape.dropout > 0.75:
            raise LossError("epoch 1", "the training loss is not finite", "lower the learning rate")
        return _judge(shape)

    trials = search(tmp_path / "trials.db", {}, asked, SEED, note)
    assert {len(shape.dense) for shape in shapes} == {1, 2}
    assert {n for shape in shapes for n in shape.dense} == {256, 512, 1024}
    rates = {shape.dropout for shape in shapes}
    assert rates <= {0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9} and len(rates) > 3
    assert (trials.neurons_2.isna() == (trials.layers == 1)).all()
    lost = trials.dropout > 0.75
    assert lost.any() and (trials.validation_accuracy.isna() == lost).all()
    top = max(
        (shape for shape in shapes if shape.dropout < 0.75), key=lambda s: _judge(s).validation_accuracy
    )
    assert best(trials) == top

    def diverges(shape: Shape) -> Outcome:
        raise LossError("epoch 1", "the training loss is not finite", "lower the learning rate")

    with pytest.raises(FerflowError, match="no trial has a finite loss"):
        search(tmp_path / "trials.db", {"other": 1}, asked, SEED, diverges)
    (tmp_path / "bad.db").write_text("no database")
    with pytest.raises(InputError, match="is no store of trials"):
        search(tmp_path / "bad.db", {}, asked, SEED, _judge)


def test_frozen_features_stand_for_the_frozen_base(frozen_h5, searched, stills):
    """The classifier on stored features says what the whole network says of the images."""
    network, description = networks.load(searched / "model.pt")
    assert description["meta"]["phase"] == "classifier"
    cached = frozen.Features(frozen_h5)
    watched = classifier.rows_of(cached, "PublicTest")
    assert cached.values.dtype == np.float16 and cached.values.shape == (56 + 21, 24) and len(watched) == 21
    features, labels = watched[list(range(21))]
    with torch.inference_mode():
        logits = network.classifier(network.dense_head(features))
    from ferflow.datasets.fer2013 import read

    images = read(stills).part("PublicTest").pixels
    whole = probabilities(network, images, 14)
    np.testing.assert_allclose(logits.double().softmax(1).numpy(), whole, atol=2e-3)
    history = tables.read(searched / "history.csv", "history")
    trials = tables.read(searched / "trials.csv", "trials")
    accuracy = (whole.argmax(1) == labels.numpy()).mean()
    assert accuracy == pytest.approx(history.validation_accuracy.max(), abs=1e-6)
    assert accuracy == pytest.approx(trials.validation_accuracy.max(), abs=1e-6)
    assert len(trials) == 3 and trials.synthetic.all()


def test_a_search_in_the_workflow_repeats(tmp_path, frozen_h5, searched, pretrained, settings):
    shutil.copy(searched / "trials.db", tmp_path / "trials.db")
    _search(frozen_h5, pretrained, tmp_path, settings)  # from finished trials alone
    for name in ("trials.csv", "history.csv", "model.pt"):
        assert (tmp_path / name).read_bytes() == (searched / name).read_bytes()


def _finetune(stills, searched, folder, settings):
    finetune.finetune(
        stills,
        searched,
        folder,
        settings.spatial,
        settings.finetune,
        SEED,
        folder / "run",
        synthetic=True,
        protocol="honest",
    )


def test_phases_keep_what_is_better_and_go_on_where_they_stopped(
    tmp_path, monkeypatch, stills, searched, settings
):
    from ferflow.training import images

    one, two = tmp_path / "one", tmp_path / "two"
    _finetune(stills, searched, one, settings)
    phases = tables.read(one / "phases.csv", "phases")
    assert list(dict.fromkeys(phases.attempt))[1:3] == ["1 block", "2 blocks"]
    values = phases.groupby("attempt", sort=False).validation_accuracy.max()
    kept = list(dict.fromkeys(phases.attempt[phases.kept]))
    assert values[kept].is_monotonic_increasing and values[kept].is_unique
    assert values[kept[-1]] == values.max()
    history = tables.read(one / "history.csv", "history")
    assert history.epoch.tolist() == list(range(1, phases.kept.sum() + 1))
    network, description = networks.load(one / "model.pt")
    assert list(description["meta"]["kept"].values()) == kept
    base = networks.load(searched / "model.pt")[0].state_dict()
    moved = {
        name.split(".")[1]
        for name, weight in network.state_dict().items()
        if name.startswith("blocks.") and not torch.equal(weight, base[name])
    }
    assert moved <= {"3", "4"}  # of the five blocks only the last two may learn
    predictions = tables.read(one / "predictions.csv", "predictions")
    assert len(predictions) == 14 and set(predictions.protocol) == {"test"}

    calls, fit_images = [], images.fit_images

    def dies(*args, **options):
        calls.append(args[5])
        if len(calls) == 2:
            raise Killed
        return fit_images(*args, **options)

    monkeypatch.setattr(images, "fit_images", dies)
    with pytest.raises(Killed):
        _finetune(stills, searched, two, settings)
    assert not (two / "model.pt").exists()
    _finetune(stills, searched, two, settings)
    assert calls.count(calls[0]) == 1  # the attempt that had ended was not run again
    for name in ("phases.csv", "history.csv", "predictions.csv", "model.pt"):
        assert (one / name).read_bytes() == (two / name).read_bytes()


def test_an_attempt_is_kept_only_where_it_is_better(tmp_path):
    def attempt(name, *accuracies):
        history = pd.DataFrame({"epoch": range(1, len(accuracies) + 1), "validation_accuracy": accuracies})
        return finetune.Attempt("refine", name, history, tmp_path)

    before = attempt("before", 0.4, 0.6)
    equal, worse, top = attempt("equal", 0.6, 0.1), attempt("worse", 0.5), attempt("top", 0.7, 0.3)
    assert finetune.better([equal, worse], before) == []
    assert finetune.better([equal, top, worse], before) == [top]


def test_dropout_of_the_refined_network_is_kept_in_its_file(tmp_path):
    network = networks.build("resnet50", 7, [8, 8], 0.4)
    finetune.set_dropout(network, 0.5)
    networks.save(tmp_path / "model.pt", network, ["a"] * 7, {"synthetic": True})
    again, _ = networks.load(tmp_path / "model.pt")
    drops = [m.p for m in again.modules() if isinstance(m, nn.Dropout)]
    assert drops == [0.5, 0.5]


def test_a_base_is_taken_from_a_file_of_ferflow_too(tmp_path, pretrained):
    trained = classifier.build("resnet50", pretrained, Shape((8,), 0.2))
    networks.save(tmp_path / "model.pt", trained, ["a"] * 7, {"synthetic": True})
    network = classifier.build("resnet50", tmp_path / "model.pt", Shape((16, 8), 0.3))
    for name, weight in trained.blocks.state_dict().items():
        assert torch.equal(weight, network.blocks.state_dict()[name])
    with pytest.raises(WeightsError, match="holds resnet50, not densenet201"):
        classifier.build("densenet201", tmp_path / "model.pt", Shape((8,), 0.2))


def test_features_that_float16_cannot_hold_are_refused(tmp_path, pretrained):
    network = classifier.build("resnet50", pretrained)
    with torch.no_grad():
        network.blocks[-1][1].bias += 1e6
    blocks = classifier.pooled(network, [np.zeros((3, 48, 48), np.uint8)], 2, torch.float32)
    with pytest.raises(WeightsError, match="exceed 65,504"):
        frozen.write(tmp_path / "x.h5", blocks, 3, {"network": "resnet50"})
    assert not list(tmp_path.iterdir())
    with pytest.raises(InputError, match="does not exist"):
        frozen.Features(tmp_path / "x.h5")


def test_finetuning_without_weights_is_refused(small_settings):
    with pytest.raises(SettingError, match="`pretrained` names none"):
        small_settings({"spatial": {"network": "vgg16", "weights": None, "method": "finetune"}})


def test_table_3_4_stands_beside_ours():
    from ferflow.models.network import count
    from ferflow.report.finetune import finetuned

    network = networks.build("resnet50", 7, [8], 0.5)
    found = [
        (
            "mine",
            network,
            {"synthetic": False, "kept": {"unfreeze": "2 blocks"}, "honest_accuracy": 0.6},
            0.65,
        )
    ]
    table = finetuned(found, "").set_index("network")
    assert table.published.dropna().to_dict() == {"vgg16": 0.65, "resnet50": 0.63, "vggface": 0.69}
    assert table.published_parameters.dropna().to_dict() == {
        "vgg16": 38677511, "resnet50": 24189959, "vggface": 39727111,
    }  # fmt: skip
    mine = table.loc["resnet50"]
    learning = [*network.blocks[3:], network.dense_head, network.classifier]
    assert mine.parameters == sum(count(part) for part in learning)
    assert mine.honest == 0.6  # on the images that no copy of was learnt from
    assert mine.difference == pytest.approx(2) and "strongly overfitted" in mine.note
    assert set(table.note[table.ours.isna()]) == {"not run", "thesis: no reasonable result; not run"}
    made_up = finetuned([("mine", network, {"synthetic": True, "kept": {}}, 0.65)], "").set_index("network")
    assert np.isnan(made_up.difference["resnet50"].astype(float)) and made_up.blocks["resnet50"] == 0


def test_a_network_that_failed_says_so_in_table_3_4():
    from ferflow.report.finetune import finetuned

    rows = finetuned([], "", {"resnet50": "failed: it ran out of time (finetune resnet50)"}).set_index(
        "network"
    )
    assert rows.loc["resnet50", "note"].endswith("failed: it ran out of time (finetune resnet50)")
    assert rows.loc["densenet201", "note"].endswith("not run")
    assert rows["ours"].isna().all()
