"""What the networks see: maps, frames that decide, class-activation maps, against what a hand computes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from ferflow.explain import attribution, network_figures, network_run
from ferflow.models import spatial, temporal
from ferflow.models.network import SpatialNetwork


class Known(SpatialNetwork):
    """One convolution of 1×1 to two maps, x and 1 − x, and their means as features."""

    name = "known"
    input_size = 4
    channels = 1
    mean = (0.0,)
    std = (1.0,)

    def __init__(self, pool: bool = False) -> None:
        convolution = nn.Conv2d(1, 2, 1)
        with torch.no_grad():
            convolution.weight.copy_(torch.tensor([1.0, -1.0]).view(2, 1, 1, 1))
            convolution.bias.copy_(torch.tensor([0.0, 1.0]))
        layers = [convolution, nn.ReLU(inplace=True), *([nn.AvgPool2d(2)] if pool else [])]
        super().__init__([nn.Sequential(*layers)], pool=2, dense=2)
        self.pool_head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.dense_head = nn.Identity()
        self.classifier = nn.Linear(2, 3)


@pytest.fixture
def image():
    return torch.arange(16.0).view(1, 1, 4, 4) / 15


@pytest.mark.parametrize("pool", [False, True])
def test_the_class_map_is_what_a_hand_computes(image, pool):
    network = Known(pool).eval()
    # The logit is 3·mean(x) + 1·mean(1 − x); its gradient over a map of 16 places is 3/16 and 1/16.
    found = attribution.class_map(
        network, image, "pool", lambda features: 3 * features[:, 0] + features[:, 1]
    )
    expected = (3 * image + (1 - image))[0, 0] / 16
    assert found == pytest.approx(expected.numpy(), abs=1e-7)
    against = attribution.class_map(network, image, "pool", lambda features: -features[:, 0] - features[:, 1])
    assert (against == 0).all()
    assert all(p.grad is None for p in network.parameters())


def test_the_last_maps_stand_before_a_pooling():
    network = Known(pool=True).eval()
    module, before = attribution.last_maps(network, torch.zeros(1, 1, 4, 4))
    assert isinstance(module, nn.AvgPool2d) and before
    assert attribution.last_maps(Known(), torch.zeros(1, 1, 4, 4))[1] is False


@pytest.mark.parametrize(
    ("name", "side", "blocks"),
    [("compact", 6, 6), ("cnn_lstm", 6, 3), ("cnn_attention", 6, 4), ("vit", 6, 4), ("alexnet", None, None)],
)
def test_every_network_has_maps_and_a_class_map(name, side, blocks):
    torch.manual_seed(0)
    network = spatial.build(name, 7).eval()
    image = torch.rand(1, network.channels, network.input_size, network.input_size)
    found = attribution.block_maps(network, image)
    assert blocks is None or [number for number, _ in found] == list(range(1, blocks + 1))
    assert side is None or found[-1][1].shape[1:] == (side, side)
    seen = attribution.class_map(network, image, "dense", lambda features: features.sum(1))
    assert seen.ndim == 2 and np.isfinite(seen).all() and seen.min() >= 0


@pytest.mark.parametrize(("name", "side"), [("vgg16", 14), ("resnet50", 7)])
def test_published_backbones_have_class_maps(name, side):
    torch.manual_seed(0)
    network = spatial.build(name, 7).eval()
    image = torch.rand(1, 3, 224, 224)
    assert len(attribution.block_maps(network, image)) == 5
    seen = attribution.class_map(network, image, "pool", lambda features: features.sum(1))
    assert seen.shape == (side, side)


def test_sequences_of_attention_are_maps_and_those_of_rows_are_not():
    tokens = torch.arange(8.0).view(1, 4, 2)
    assert attribution.as_maps(tokens)[0, 1].tolist() == [[1, 3], [5, 7]]
    assert attribution.as_maps(torch.zeros(1, 6, 128)) is None
    assert attribution.as_maps(torch.zeros(1, 128)) is None


def test_a_mosaic_shows_each_map_in_its_own_range():
    values = np.stack([np.array([[0.0, 1.0], [2.0, 4.0]]), np.full((2, 2), 7.0), np.eye(2) * -3])
    picture, shown, flat = attribution.mosaic(values.astype(np.float32), 3, 4)
    assert (shown, flat) == (3, 1)
    assert picture.shape == (9, 9)  # twice enlarged maps of 4 pixels, a white line between
    assert picture[0, 0] == 0 and picture[3, 3] == 255 and picture[0, 2] == 64
    assert (picture[:4, 5:] == 0).all() and picture[5, 0] == 0 and picture[5, 2] == 255
    assert (picture[4] == 255).all()
    large, _, _ = attribution.mosaic(np.float32([[[0, 0, 8, 8], [0, 0, 8, 8]] * 2]), 64, 2)
    assert large.tolist() == [[0, 255], [0, 255]]


def head_of(name, small_settings, n_features=3):
    torch.manual_seed(3)
    settings = small_settings().temporal.heads[name].model_copy(update={"units": 6})
    return temporal.build(name, n_features, 4, settings).eval()


@pytest.mark.parametrize("name", ["lstm", "bilstm", "cnn1d"])
def test_contributions_add_up_to_the_rise_of_the_log_probability(name, small_settings):
    head = head_of(name, small_settings)
    rng = np.random.default_rng(1)
    clip, neutral = rng.random((12, 3)), rng.random(3)
    added, rise = attribution.contributions(head, clip, neutral, 2, steps=128)
    with torch.no_grad():
        both = torch.tensor(np.stack([clip, np.tile(neutral, (12, 1))]), dtype=torch.float32)
        logs = head(both, torch.ones(2, 12, dtype=torch.bool)).log_softmax(1)[:, 2]
    assert rise == pytest.approx(float(logs[0] - logs[1]), abs=1e-6)
    assert added.sum() == pytest.approx(rise, abs=2e-3 + 0.01 * abs(rise))


class Sums(nn.Module):
    """The first feature, weighed by the frame's number, speaks for class 0 against class 1."""

    def forward(self, features, mask):
        weights = torch.arange(features.shape[1], dtype=torch.float32)
        logit = (features[:, :, 0] * weights).sum(1)
        return torch.stack([logit, torch.zeros_like(logit)], dim=1)


def test_a_frame_gets_its_own_part_of_what_is_added():
    clip = np.array([[1.0, 9], [0.5, 9], [0.25, 9], [0.25, 9]])
    added, rise = attribution.contributions(Sums(), clip, np.array([0.25, 0.0]), 0, steps=400)
    # Parts of the way: 0 · 0.75, 1 · 0.25, 2 · 0, 3 · 0; the second feature counts nothing.
    assert added == pytest.approx([0, rise, 0, 0], abs=1e-6)
    assert rise == pytest.approx(np.log(1 / (1 + np.exp(-1.75))) - np.log(1 / (1 + np.exp(-1.5))), abs=1e-6)


def test_the_surest_clips_are_chosen():
    rows = [("b", "sad", 0.6), ("a", "sad", 0.6), ("c", "happy", 0.5), ("d", "happy", 0.9)]
    said = pd.DataFrame(rows, columns=["clip_id", "predicted", "p"]).assign(emotion="sad")
    said["p_sad"] = np.where(said.predicted == "sad", said.p, 0.1)
    said["p_happy"] = np.where(said.predicted == "happy", said.p, 0.1)
    right, wrong = network_run.surest(said)
    assert (right["clip_id"], wrong["clip_id"], wrong["probability"]) == ("a", "d", 0.9)
    assert network_run.surest(said[said.predicted == "sad"])[1] is None
    assert network_run.surest(said.head(0)) == (None, None)


def test_the_brightest_place_is_that_of_the_greatest_map():
    face = np.full((2, 2, 3), 100, np.uint8)
    lit = network_figures.spotlit(face, np.array([[0.0, 1.0], [0.5, 0.0]]))
    assert lit[..., 0].tolist() == [[30, 100], [65, 30]]
    assert (lit[..., 0] == lit[..., 2]).all()
