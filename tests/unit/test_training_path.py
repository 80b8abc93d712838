"""The training path of images and clips: optimisers, schedules, interruption, shards, class weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch import nn

from ferflow import tables
from ferflow.models.network import SpatialNetwork
from ferflow.seeds import reproducible
from ferflow.settings import Optimiser, Schedule
from ferflow.training import checkpoints, module, optimise, shards
from ferflow.training.data import loader
from ferflow.training.images import Images, Labelled, balanced, fit_images, probabilities
from ferflow.training.task import Affect, Expression


class Small(SpatialNetwork):
    """16×16 grey; batch normalisation and, where asked for, dropout."""

    name, input_size, channels, mean, std = "small", 16, 1, (0.5,), (0.25,)

    def __init__(self, dropout: float = 0.0) -> None:
        block = nn.Sequential(nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(4))
        super().__init__([block], pool=96, dense=8)
        self.pool_head = nn.Flatten()
        self.dense_head = nn.Sequential(nn.Linear(96, 8), nn.ReLU(), nn.Dropout(dropout))
        self.classifier = nn.Linear(8, 7)


def labelled(n: int, seed: int) -> Labelled:
    """Class k has a bright row 2k."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(n) % 7
    images = rng.integers(0, 90, (n, 16, 16)).astype(np.uint8)
    images[np.arange(n), 2 * labels] += 130
    return Labelled(images, labels.astype(np.int64))


TRAINING, VALIDATION = labelled(210, 1), labelled(70, 2)


@pytest.fixture
def settings(small_settings):
    changes = {
        "epochs": 4,
        "batch": 70,
        "optimiser": {"name": "nesterov", "learning_rate": 0.05},
        "schedule": {"name": "one_cycle"},
        "average": 0.9,
        "keep": "best",
        "precision": "float32",
        "threads": 2,
        "online": {"flip": False, "rotation": 0, "shift": 0, "zoom": 0},
    }
    return small_settings({"spatial": changes}).spatial


def train(settings, folder=None, dropout=0.0):
    with reproducible(3, 1):
        network = Small(dropout)
    history = fit_images(network, TRAINING, VALIDATION, settings, 3, "small", folder=folder)
    return network, history


def same(one: nn.Module, two: nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), two.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_an_interrupted_run_goes_on_to_the_same_weights(settings, tmp_path, monkeypatch, dropout):
    undisturbed, curve = train(settings, dropout=dropout)
    step = module.Learner.training_step

    class Stop(Exception):
        pass

    def stopping(self, batch, number):
        if self.current_epoch == 2 and number == 1:
            raise Stop
        return step(self, batch, number)

    with monkeypatch.context() as patch, pytest.raises(Stop):
        patch.setattr(module.Learner, "training_step", stopping)
        train(settings, tmp_path / "run", dropout)
    assert len(tables.read(tmp_path / "run" / checkpoints.CURVE, "history")) == 2
    before = checkpoints.seconds(tmp_path / "run")
    epochs = []

    def counting(self, batch, number):
        epochs.append(self.current_epoch)
        return step(self, batch, number)

    monkeypatch.setattr(module.Learner, "training_step", counting)
    resumed, again = train(settings, tmp_path / "run", dropout)
    assert sorted(set(epochs)) == [2, 3]  # the first two are not trained again
    assert same(resumed, undisturbed)
    assert again.equals(curve) and curve.epoch.tolist() == [1, 2, 3, 4]
    assert tables.read(tmp_path / "run" / checkpoints.CURVE, "history").equals(curve)
    assert any((tmp_path / "run" / "tensorboard").iterdir())
    assert checkpoints.seconds(tmp_path / "run") > before > 0  # over both starts
    accuracy = (probabilities(resumed, VALIDATION.images, 32).argmax(1) == VALIDATION.labels).mean()
    assert accuracy == pytest.approx(curve.validation_accuracy.max(), abs=1e-6)  # the best epoch's weights


def test_another_run_and_a_damaged_checkpoint_start_anew(settings, tmp_path, capsys):
    first, _ = train(settings, tmp_path)
    other, _ = train(settings.model_copy(update={"label_smoothing": 0.3}), tmp_path)
    assert "is of another run" in capsys.readouterr().err and not same(first, other)
    content = (tmp_path / checkpoints.LAST).read_bytes()
    (tmp_path / checkpoints.LAST).write_bytes(content[: len(content) // 2])
    again, _ = train(settings, tmp_path)
    assert "is damaged" in capsys.readouterr().err and same(first, again)


def test_shards_give_the_gradient_of_the_whole_batch():
    torch.manual_seed(0)
    network = Small().eval()  # fixed statistics: a shard's own would differ from the batch's
    images, labels = torch.rand(64, 1, 16, 16), torch.arange(64) % 7
    loss = nn.CrossEntropyLoss(label_smoothing=0.1)
    whole = loss(network(images), labels)
    expected = torch.autograd.grad(whole, list(network.parameters()))
    parts = shards.Shards(network, 3)  # 22, 22 and 20 images
    value, logits = parts([images], labels, loss)
    value.backward()
    parts.close()
    torch.testing.assert_close(value, whole.detach())
    torch.testing.assert_close(logits, network(images).detach())
    for weight, gradient in zip(network.parameters(), expected, strict=True):
        torch.testing.assert_close(weight.grad, gradient, atol=1e-6, rtol=1e-4)


def test_batches_are_cut_only_where_no_layer_draws_random_numbers():
    assert shards.count(Small(), 128, 2) == 2
    assert shards.count(Small(), 128, 16) == 4  # 32 images are the least
    assert shards.count(Small(), 48, 2) == 1
    assert shards.count(Small(0.5), 128, 2) == 1


def rates(name: str, epochs: int = 6, steps: int = 10, **changes) -> list[float]:
    """The learning rate at the beginning of every epoch, from a peak of 1."""
    values = {"factor": 0.5, "patience": 2, "period": 2, "warmup": 0.5}
    settings = Schedule(**({"name": name} | values | changes))
    weights = [nn.Parameter(torch.zeros(1))]
    optimiser = optimise.optimiser(
        weights, Optimiser(name="sgd", learning_rate=1, momentum=0, weight_decay=0)
    )
    told = optimise.schedule(optimiser, settings, epochs, steps, "validation_accuracy")
    seen = []
    for _ in range(epochs):
        seen.append(optimiser.param_groups[0]["lr"])
        for _ in range(steps if told and told.get("interval") == "step" else bool(told)):
            optimiser.step()
            told["scheduler"].step(*([0.5] if name == "plateau" else []))
    return seen


def test_schedules():
    assert rates("constant") == [1] * 6
    assert rates("step") == [1, 1, 0.5, 0.5, 0.25, 0.25]
    # The first accuracy is the best so far; two epochs without a better one halve the rate.
    assert rates("plateau") == [1, 1, 1, 0.5, 0.5, 0.25]
    np.testing.assert_allclose(rates("cosine"), (1 + np.cos(np.pi * np.arange(6) / 6)) / 2, atol=1e-6)
    np.testing.assert_allclose(rates("warm_restarts"), [1, 0.5] * 3, atol=1e-6)
    cycle = rates("one_cycle", steps=100)
    assert cycle[0] == pytest.approx(1 / 25) and max(cycle) == pytest.approx(1, abs=0.01)
    assert cycle.index(max(cycle)) == 3 and cycle[-1] < 0.3


@pytest.mark.parametrize(
    "name", ["sgd", "nesterov", "asgd", "adam", "amsgrad", "adamw", "adadelta", "adagrad"]
)
def test_every_optimiser_goes_downhill(name):
    weight = nn.Parameter(torch.tensor([3.0]))
    settings = Optimiser(name=name, learning_rate=0.1, momentum=0.9, weight_decay=0.0)
    optimiser = optimise.optimiser([weight], settings)
    assert optimiser.defaults.get("nesterov", name == "nesterov") == (name == "nesterov")
    assert optimiser.defaults.get("amsgrad", False) == (name == "amsgrad")
    for _ in range(30):
        optimiser.zero_grad()
        (weight**2).sum().backward()
        optimiser.step()
    assert abs(weight.item()) < 3


def test_class_weights_are_scikit_learns():
    labels = np.array([0, 0, 0, 1, 2, 2])
    np.testing.assert_allclose(
        balanced(labels, 3), compute_class_weight("balanced", classes=np.arange(3), y=labels)
    )
    assert balanced(labels, 4)[3] == 0


def test_augmentation_repeats_for_the_same_batch_and_differs_between_batches(settings):
    moving = settings.online.model_copy(update={"rotation": 20.0})
    items = Images(TRAINING, Small(), moving, seed=5)
    first, again, other = items[[1, 2, 3]][0], items[[1, 2, 3]][0], items[[1, 2, 4]][0]
    assert torch.equal(first, again) and not torch.equal(first[:2], other[:2])
    assert not torch.equal(first, Images(TRAINING, Small(), moving, seed=6)[[1, 2, 3]][0])


def test_a_network_learns_from_mixed_images_too(settings):
    mixing = settings.model_copy(
        update={"epochs": 8, "average": 0.0, "online": settings.online.model_copy(update={"mixup": 0.4})}
    )
    network = Small()
    history = fit_images(network, TRAINING, VALIDATION, mixing, 3, "mixed")
    images, targets = Images(TRAINING, network, mixing.online, 3)[[0, 1, 2]]
    assert images.shape == (3, 1, 16, 16) and targets.shape == (3, 7)
    assert history["validation_accuracy"].iloc[-1] > 0.6
    # Mixed labels keep the loss above what a network that is sure of them would have.
    assert history["train_loss"].iloc[-1] > history["validation_loss"].iloc[-1]


def test_the_validation_loss_is_plain_cross_entropy(settings):
    """Smoothed labels and weights of classes belong to the training alone."""
    shaped = {"label_smoothing": 0.3, "class_weights": True, "average": 0.0, "keep": "last"}
    network, history = train(settings.model_copy(update=shaped))
    right = probabilities(network, VALIDATION.images, 70)[np.arange(70), VALIDATION.labels]
    assert history["validation_loss"].iloc[-1] == pytest.approx(-np.log(right).mean(), abs=2e-6)
    weights = torch.tensor([1.0, 5.0])
    logits, labels = torch.tensor([[2.0, 0.0], [0.5, 1.0]]), torch.tensor([0, 1])
    task = Expression(weights.tolist(), 0.2)
    smoothed = nn.functional.cross_entropy(logits, labels, weights, label_smoothing=0.2)
    assert task(logits, labels)[0] == smoothed != task.validation_loss(logits, labels)[0]
    affect = Affect(weights.tolist(), "mse", (1, 1, 1), learned=False)
    targets = labels, torch.zeros(2, 2), torch.zeros(2, 2, dtype=torch.bool)
    loss, parts = affect.validation_loss((logits, torch.zeros(2, 2)), *targets)
    assert loss == parts[0] == nn.functional.cross_entropy(logits, labels)
    assert affect((logits, torch.zeros(2, 2)), *targets)[0] == nn.functional.cross_entropy(
        logits, labels, weights
    )


def test_the_running_average_is_what_is_judged(settings):
    still = settings.model_copy(update={"average": 0.9999, "keep": "last", "epochs": 2})
    network, history = train(still)
    with reproducible(3, 1):
        start = Small()
    # With so slow an average the weights kept stay where they began, while the training loss falls.
    for kept, began in zip(network.parameters(), start.parameters(), strict=True):
        torch.testing.assert_close(kept, began, atol=0.02, rtol=0)
    assert history.train_loss.iloc[1] < history.train_loss.iloc[0]


def test_loaders_cover_every_image_once(settings):
    batches = list(loader(Images(TRAINING, Small()), 32, seed=1))
    assert sum(len(labels) for _, labels in batches) == 210
    assert batches[0][0].dtype == torch.float32 and 0 <= batches[0][0].min() <= batches[0][0].max() <= 1


def test_a_running_average_has_the_statistics_of_its_own_weights_on_images_as_they_are(settings):
    darker = settings.online.model_copy(update={"brightness": (0.3, 0.5)})
    network, _ = train(settings.model_copy(update={"keep": "last", "online": darker}))
    kept = network.blocks[0][1].running_mean.clone()
    network.train()
    network.blocks[0][1].momentum = None  # the plain mean over the batches

    def mean_of(images: Images) -> torch.Tensor:
        network.blocks[0][1].reset_running_stats()
        with torch.no_grad():
            network(images[range(210)][0])
        return network.blocks[0][1].running_mean.clone()

    plain, augmented = mean_of(Images(TRAINING, network)), mean_of(Images(TRAINING, network, darker))
    torch.testing.assert_close(kept, plain, atol=1e-3, rtol=1e-3)
    assert (plain - augmented).abs().max() > 0.05


@pytest.mark.parametrize("changes", [{}, {"patience": 1, "epochs": 30, "optimiser_rate": 1e-9}])
def test_a_run_interrupted_after_its_last_epoch_ends_as_it_would_have(settings, tmp_path, changes):
    changes = {"keep": "last"} | changes
    rate = changes.pop("optimiser_rate", 0.05)
    changes["optimiser"] = settings.optimiser.model_copy(update={"learning_rate": rate})
    settings = settings.model_copy(update=changes)
    whole, curve = train(settings, tmp_path)
    again, same_curve = train(settings, tmp_path)  # all its epochs are in the checkpoint
    assert same(whole, again) and same_curve.equals(curve)
    assert len(curve) < 30
