"""Training of expression, valence and arousal: what it learns, and that it goes on where it was broken
off."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import mean_squared_error

import ferflow.models.vision  # noqa: F401  torchmetrics imports torchvision, which needs this first

# isort: split
from torchmetrics.functional import concordance_corrcoef

from ferflow import settings, tables
from ferflow.datasets.affectnet import CLASSES
from ferflow.errors import LossError, SettingError, WeightsError
from ferflow.models import affect as networks
from ferflow.report.affect_tables import write_models
from ferflow.settings.affect import AffectModel
from ferflow.training import affect as train
from ferflow.training import checkpoints
from ferflow.training import fit as fitting
from ferflow.training.affect import predict
from ferflow.training.checkpoints import LAST
from ferflow.training.fit import fit
from ferflow.training.module import Recipe
from ferflow.training.task import agreement, moments
from ferflow.weights import start_file

SMALL = {
    "backbone": "compact",
    "start": "untrained",
    "batch": 4,
    "size": 32,
    "epochs": 3,
    "threads": 1,
    "precision": "float32",
    "heads": {"expression": [8], "valence": [8], "arousal": [8], "dropout": 0.5},
    "checkpoint_steps": 3,
    "optimiser": {"learning_rate": 0.003},
    "schedule": {"name": "one_cycle"},
}


def shown(names) -> pd.DataFrame:
    """Images of these names, of nobody known."""
    return pd.DataFrame({"clip_id": list(names)}).assign(subject_id="")


class Made:
    """Batches of made-up images whose brightness says everything, in memory."""

    def __init__(self, n: int, batch: int, seed: int, shuffle: bool = True) -> None:
        rng = np.random.default_rng(99)
        grey = rng.uniform(-0.9, 0.9, n)
        images = 127 + 110 * grey[:, None, None, None] + rng.normal(0, 5, (n, 3, 32, 32))
        self.images = torch.from_numpy(images.clip(0, 255).astype(np.uint8))
        self.labels = torch.from_numpy((grey * 4 + 4).astype(np.int64))
        self.pair = torch.from_numpy(np.stack([grey, -grey], 1).astype(np.float32))
        self.known = torch.from_numpy(rng.random((n, 2)) > 0.2)
        self.n, self.batch, self.seed, self.shuffle = n, batch, seed, shuffle
        self.at = (0, 0)

    def __len__(self) -> int:
        return -(-self.n // self.batch)

    def __iter__(self):
        epoch, first = self.at
        order = np.arange(self.n)
        if self.shuffle:
            order = np.random.default_rng([self.seed, epoch]).permutation(order)
        for number in range(first, len(self)):
            self.at = (epoch, number + 1) if number + 1 < len(self) else (epoch + 1, 0)
            rows = order[number * self.batch : (number + 1) * self.batch]
            yield self.images[rows], self.labels[rows], self.pair[rows], self.known[rows]

    def state(self):
        return {"epoch": self.at[0], "batch": self.at[1]}

    def resume(self, state):
        self.at = (state["epoch"], state["batch"])


class Killed(Exception):
    """What ends a training in the middle."""


def recipe(**changes) -> AffectModel:
    values = {"kind": "affect", "affect": {"models": {"small": {**SMALL, **changes}}}}
    return settings.check(values).affect.models["small"]


@pytest.fixture(autouse=True)
def in_the_repository(monkeypatch, request):
    monkeypatch.chdir(request.config.rootpath)


def run(model, folder=None, *, breaks_at=None, identity="same", keep=None):
    """Train a new network; with `breaks_at`, the batch of that number (from 1 on, over all epochs) is never
    given."""
    torch.manual_seed(4)
    network = train.build(model, None)
    training, validation = Made(20, model.batch, 1), Made(12, model.batch, 2, shuffle=False)
    if breaks_at is not None:
        training = Breaking(training, breaks_at)
    task = train.task_of(model, np.bincount(training.labels, minlength=8))
    own = Recipe.of(model, checkpoint_steps=model.checkpoint_steps)
    history = fit(network, task, own, training, validation, "small", seed=7, folder=folder, identity=identity)
    return network, task, history, checkpoints.seconds(folder) if folder else None


class Breaking(Made):
    def __init__(self, like: Made, after: int) -> None:
        super().__init__(like.n, like.batch, like.seed)
        self.left = after

    def __iter__(self):
        for batch in super().__iter__():
            if self.left == 0:
                raise Killed
            self.left -= 1
            yield batch


@pytest.fixture(scope="module")
def models():
    return {
        "plain": {},
        "learned": {"loss": {"learned": True, "regression": "ccc"}},
        "plateau": {"schedule": {"name": "plateau", "patience": 1}},
    }


# 5 batches an epoch, kept after the third: broken off within the second epoch, after a kept batch and some
# that were not; right after an epoch's end; before anything was kept.
@pytest.mark.parametrize(
    ("kind", "breaks"),
    [("plain", (9,)), ("learned", (9, 4)), ("plateau", (5,)), ("plain", (2,))],
)
def test_a_training_broken_off_ends_with_the_same_weights(tmp_path, models, kind, breaks):
    model = recipe(**models[kind])
    whole, loss, history, _ = run(model, tmp_path / "whole")
    for after in breaks:
        with pytest.raises(Killed):
            run(model, tmp_path / "broken", breaks_at=after)
    again, its_loss, its_history, seconds = run(model, tmp_path / "broken")
    for (name, a), b in zip(whole.state_dict().items(), again.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    assert loss.weights() == its_loss.weights()
    pd.testing.assert_frame_equal(history, its_history)
    assert list(history["epoch"]) == [1, 2, 3] and seconds > 0


def test_where_it_goes_on_is_the_middle_of_an_epoch(tmp_path):
    with pytest.raises(Killed):
        run(recipe(), tmp_path, breaks_at=9)
    kept = torch.load(tmp_path / LAST, weights_only=True)
    assert kept["ferflow"]["at"] == {"epoch": 1, "batch": 3} and kept["global_step"] == 8
    assert kept["ferflow"]["sums"]["n"] == 12
    # A run of other settings starts anew; one that is done is not trained again.
    shutil.copytree(tmp_path, tmp_path / "copy")
    _, _, other, _ = run(recipe(epochs=2), tmp_path / "copy", identity="other")
    assert len(other) == 2
    first = run(recipe(), tmp_path)
    second = run(recipe(), tmp_path, breaks_at=0)
    for a, b in zip(first[0].state_dict().values(), second[0].state_dict().values(), strict=True):
        assert torch.equal(a, b)
    tables.read(tmp_path / "history.csv", "history")


def test_it_learns_all_three_and_says_so(tmp_path):
    model = recipe(epochs=12, batch=5, heads={"dropout": 0.0}, optimiser={"learning_rate": 0.001})
    network, _, history, _ = run(model)
    first, last = history.iloc[0], history.iloc[-1]
    assert last["train_loss"] < 0.8 * first["train_loss"]
    assert last["train_rmse_valence"] < first["train_rmse_valence"]
    assert last["train_ccc_arousal"] > 0.5
    tables.write(history, tmp_path / "history.csv", "history")
    # The last row's validation figures are those of the predictions.
    batches = Made(12, 4, 2, shuffle=False)
    found = predict(network, batches, shown(f"{i}.jpg" for i in range(12)), "small", 1)
    tables.write(found, tmp_path / "predictions.csv", "predictions")
    assert (found["emotion"] == found["predicted"]).mean() == pytest.approx(last["validation_accuracy"])
    assert list(found["emotion"]) == [CLASSES[label] for label in batches.labels]
    assert found.filter(regex="^p_").sum(axis=1).tolist() == pytest.approx([1] * 12, abs=1e-5)
    winner = found.filter(regex="^p_").idxmax(axis=1).str.removeprefix("p_")
    assert (winner == found["predicted"]).all()
    told = found["valence"].notna()
    assert told.tolist() == batches.known[:, 0].tolist() and not told.all()
    error = mean_squared_error(found["valence"][told], found["predicted_valence"][told]) ** 0.5
    assert error == pytest.approx(last["validation_rmse_valence"], abs=1e-4)


def test_figures_added_up_over_batches_are_those_of_the_whole():
    rng = torch.Generator().manual_seed(1)
    x, y = torch.rand(50, generator=rng).double(), torch.rand(50, generator=rng).double()
    sums = {}
    for part in (slice(0, 13), slice(13, 14), slice(14, 50)):
        for name, value in moments(x[part], y[part]).items():
            sums[name] = sums.get(name, 0) + value
    error, ccc = agreement(sums)
    assert error == pytest.approx(((x - y) ** 2).mean().sqrt().item())
    assert ccc == pytest.approx(concordance_corrcoef(x, y).item())
    assert agreement(dict.fromkeys(sums, 0.0)) == (None, None)


def test_the_best_epoch_is_kept_where_it_is_asked_for():
    model = recipe(keep="best", epochs=4, optimiser={"learning_rate": 0.02})
    network, _, history, _ = run(model)
    found = predict(network, Made(12, 4, 2, shuffle=False), shown("abcdefghijkl"), "small", 1)
    best = history.loc[history["validation_loss"].idxmin()]
    right = (found["emotion"] == found["predicted"]).mean()
    assert right == pytest.approx(best["validation_accuracy"], abs=1e-5)


def test_a_loss_that_is_no_number_ends_the_training():
    with pytest.raises(LossError, match="epoch 1: the training loss is not finite"):
        run(recipe(optimiser={"learning_rate": 1e30}))


def test_a_model_is_the_recipe_with_its_own_laid_over():
    model = recipe()
    assert model.loss.class_weights and model.heads.output == "tanh" and model.heads.dropout == 0.5
    assert settings.check({"kind": "affect"}).affect.models == {}
    own = {"backbone": "vgg16", "start": "face"}
    paper = settings.check({"kind": "affect", "affect": {"models": {"paper": own}}}).affect.models["paper"]
    assert (paper.batch, paper.epochs, paper.size) == (64, 31, 224)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"backbone": "vgg16", "start": "shipped"}, "start: shipped is a compact network"),
        ({"start": "face"}, "there are no face weights of compact"),
        ({"frozen": True}, "may have learnt nothing"),
        ({"size": 33}, "size must be even"),
        ({"backbone": "vgg17"}, "backbone"),
    ],
)
def test_settings_that_cannot_be(changes, said):
    with pytest.raises(SettingError, match=said):
        recipe(**changes)


def test_what_a_network_starts_from(tmp_path):
    # Without the published weights: face_if_there trains anew, with a colour scale that can be trained from.
    model = recipe(backbone="resnet50", start="face_if_there")
    assert start_file(model.backbone, model.start, tmp_path) is None
    assert train.build(model, None).base.name == "resnet50"
    file = tmp_path / "rcmalli_vggface_tf_notop_resnet50.h5"
    file.write_bytes(b"no weights")
    assert start_file(model.backbone, model.start, tmp_path) == file
    with pytest.raises(WeightsError, match="weights file"):
        train.build(model, file)
    assert train.started_from(model, file) == "VGGFace2"
    assert train.started_from(model, None) == train.UNTRAINED
    missing = start_file("vgg16", "face", tmp_path)
    assert missing.name == "rcmalli_vggface_tf_notop_vgg16.h5" and not missing.exists()
    shipped = recipe(start="shipped", size=48, frozen=True)
    network = train.build(shipped, start_file("compact", "shipped", tmp_path))
    about = train.describe("compact", shipped, network, "x", (9, 8), True)
    tables.write(about, tmp_path / "model_info.csv", "affect_models")
    write_models([str(tmp_path / "model_info.csv")] * 2, tmp_path / "models.csv")
    row = tables.read(tmp_path / "models.csv", "affect_models").iloc[1]
    assert row["trained"] < row["parameters"] and row["start"].startswith("FER2013") and row["frozen"]
    networks.save(tmp_path / "model.pt", network, CLASSES, {"synthetic": True})
    assert networks.load(tmp_path / "model.pt")[1]["classes"] == list(CLASSES)


def test_the_checkpoint_is_whole_at_any_moment(tmp_path, monkeypatch):
    """A write that fails leaves the checkpoint before it."""
    monkeypatch.setattr(fitting.lightning.Trainer, "save_checkpoint", _fails_at_the_second())
    with pytest.raises(OSError, match="gone"):
        run(recipe(), tmp_path)
    assert torch.load(tmp_path / LAST, weights_only=True)["ferflow"]["at"] == {"epoch": 0, "batch": 3}
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def _fails_at_the_second():
    real, calls = fitting.lightning.Trainer.save_checkpoint, []

    def save(trainer, path, *more):
        calls.append(path)
        if len(calls) == 2:
            path.write_bytes(b"half")
            raise OSError("gone")
        real(trainer, path, *more)

    return save
