"""A batch in passes: the gradient, the learning curve and the schedule of the whole batch."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from ferflow.errors import SettingError
from ferflow.models import endtoend, temporal
from ferflow.settings import Optimiser, Schedule
from ferflow.training import module
from ferflow.training.fit import fit
from ferflow.training.footprint import reckon
from ferflow.training.module import Recipe, backward_but_last
from ferflow.training.task import Affect, Expression

N = 7
"""Clips of a batch: in passes of 3 the last one has a single clip."""


@pytest.fixture
def networks(small_settings):
    """A small network of each kind with its batch, by name; none draws random numbers."""
    end_to_end = small_settings(
        {
            "end_to_end": {
                "c3d": {"frames": 8, "size": 16, "filters": [4], "dense": [8]},
                "convlstm": {"frames": 8, "size": 12, "filters": [3, 2]},
            },
            "temporal": {"heads": {"lstm": {"units": 6, "dropout": 0}}},
        }
    )
    torch.manual_seed(0)
    made = {name: endtoend.build(name, 6, end_to_end.end_to_end.of(name)) for name in ("c3d", "convlstm")}
    made["lstm"] = temporal.build("lstm", 10, 6, end_to_end.temporal.heads["lstm"])
    lengths = torch.tensor([8, 3, 5, 8, 1, 6, 7])
    batches = {}
    for name, network in made.items():
        shape = (8, 10) if name == "lstm" else network.shape
        clips = torch.rand(N, *shape)
        batches[name] = clips, torch.arange(8) < lengths[:, None], torch.arange(N) % 6
    return {name: (network.train(), batches[name]) for name, network in made.items()}


def relative(ours: list[torch.Tensor], theirs: list[torch.Tensor]) -> float:
    scale = max(one.abs().max() for one in theirs)
    return float(max((a - b).abs().max() for a, b in zip(ours, theirs, strict=True)) / scale)


def whole(network: nn.Module, task: Expression, batch: tuple) -> tuple[float, list[torch.Tensor]]:
    loss = task(network(*batch[:-1]), batch[-1])[0]
    return loss.item(), list(torch.autograd.grad(loss, list(network.parameters())))


@pytest.mark.parametrize("weights", [None, (1, 2, 3, 0.5, 1, 4)])
@pytest.mark.parametrize(
    ("name", "dtype", "most"),
    [
        ("c3d", torch.float32, 1e-5),
        ("convlstm", torch.float32, 1e-5),
        ("lstm", torch.float32, 1e-5),
        ("c3d", torch.float64, 1e-13),
        ("convlstm", torch.float64, 1e-13),
    ],
)
def test_the_gradient_is_that_of_the_whole_batch(networks, name, weights, dtype, most):
    """But for rounding, which double precision shows to be all that is left."""
    network, (clips, *rest) = networks[name]
    network.to(dtype)
    batch = clips.to(dtype), *rest
    task = Expression(weights, 0.1).to(dtype)
    expected, gradients = whole(network, task, batch)
    share, loss, outputs = backward_but_last(network, task, batch, 3)
    share.backward()
    assert relative([weight.grad for weight in network.parameters()], gradients) < most
    assert loss.item() == pytest.approx(expected, rel=1e-6)
    torch.testing.assert_close(outputs, network(*batch[:-1]).detach())


def test_the_gradient_in_bfloat16_is_one_of_bfloat16(networks):
    network, batch = networks["c3d"]
    with torch.autocast("cpu", torch.bfloat16):
        _, gradients = whole(network, Expression(), batch)
        share = backward_but_last(network, Expression(), batch, 3)[0]
    share.backward()
    assert relative([weight.grad for weight in network.parameters()], gradients) < 0.02
    assert all(weight.grad.dtype == torch.float32 for weight in network.parameters())


@pytest.mark.parametrize("run", ["c3d", "convlstm", "c3d-batch-norm"])
def test_a_batch_of_the_thesis_fits_a_card_of_22_gb(small_settings, run):
    """At 100×160×160 in float32, with gradients and Adam's moments; 3 to 12 GB, pooled as on a GPU."""
    thesis = small_settings({}, "thesis")
    network = thesis.end_to_end.of(run) if run in ("c3d", "convlstm") else thesis.of_run(run)
    assert (network.batch, network.frames, network.size) == (16, 100, 160)
    described = {"kind": "frames", "name": "convlstm" if run == "convlstm" else "c3d", "trained": True}
    described |= {"settings": network.model_dump(mode="json"), "classes": 6, "items": network.at_once}
    step = reckon(described)
    assert step["gpu_peak"] + 12 * step["parameters"] < 12 * 2**30


def test_a_loss_that_is_no_mean_is_refused():
    with pytest.raises(NotImplementedError):
        Affect(None, "ccc", (1, 1, 1), learned=False).weight(torch.zeros(2))


class Recorded(nn.Module):
    """Two dense layers that note how many items they are shown while they are trained."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        layers = nn.Linear(5, 8), nn.ReLU(), nn.Dropout(dropout), nn.Linear(8, 3)
        self.layers, self.seen = nn.Sequential(*layers), []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            self.seen.append(len(x))
        return self.layers(x)


def trained(micro_batch: int | None, **changes) -> tuple[Recorded, object]:
    torch.manual_seed(1)
    x = torch.randn(30, 5)
    items = list(zip(x, x[:, :3].argmax(1), strict=True))
    network = Recorded()
    recipe = {"schedule": Schedule(name="one_cycle"), "average": 0.5, "best": True} | changes
    recipe = Recipe(Optimiser(name="adam", learning_rate=0.05), 3, micro_batch=micro_batch, **recipe)
    loader = DataLoader(items, batch_size=10)
    return network, fit(network, Expression(), recipe, loader, loader, "x", seed=1)


def test_a_run_in_passes_is_the_run(monkeypatch):
    """Each epoch's curve, the schedule that moves with the steps, and the running average are the same."""
    plain, curve = trained(None)
    parts, again = trained(4)
    assert plain.seen[:3] == [10] * 3 and parts.seen[:6] == [4, 4, 2] * 2
    for name in curve:
        assert again[name].tolist() == pytest.approx(curve[name].tolist(), abs=2e-5), name
    assert curve.train_accuracy.iloc[-1] > curve.train_accuracy.iloc[0]
    for ours, theirs in zip(parts.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)
    monkeypatch.setattr(module, "backward_but_last", None)  # nor is it used where a batch is one pass
    same, _ = trained(None)
    assert all(torch.equal(a, b) for a, b in zip(same.parameters(), plain.parameters(), strict=True))


def test_each_pass_draws_its_own_dropout(monkeypatch):
    drawn = []
    real = nn.functional.dropout
    monkeypatch.setattr(nn.functional, "dropout", lambda x, *rest: drawn.append(real(x, *rest)) or drawn[-1])
    network = Recorded(0.5).train()
    batch = torch.ones(4, 5), torch.tensor([0, 1, 2, 0])
    backward_but_last(network, Expression(), batch, 2)[0].backward()
    assert [len(one) for one in drawn] == [2, 2]
    assert not torch.equal(drawn[0] == 0, drawn[1] == 0)


def test_a_batch_that_is_one_pass_is_no_other_training(small_settings):
    settings = small_settings({"temporal": {"batch": 8, "micro_batch": 16}}).temporal
    assert settings.at_once == 8
    assert small_settings({"end_to_end": {"c3d": {"micro_batch": 2}}}).end_to_end.c3d.at_once == 2
    with pytest.raises(SettingError, match="micro_batch"):
        small_settings({"end_to_end": {"c3d": {"micro_batch": 0}}})
