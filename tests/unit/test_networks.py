"""The networks that the image studies compare: their sizes, layers and blocks."""

from __future__ import annotations

from itertools import pairwise
from typing import get_args

import pytest
import torch
from torch.nn import functional

from ferflow.errors import SettingError
from ferflow.models import spatial
from ferflow.models.network import count
from ferflow.models.sequences import SelfAttention
from ferflow.settings.types import SpatialNetwork


def conv(channels, out, kernel, bias=False, groups=1):
    return channels // groups * out * kernel**2 + bias * out


def dense(*widths):
    return sum((a + 1) * b for a, b in pairwise(widths))


def lstm(n_features, units=128):
    """torch's, with its two biases."""
    return 4 * units * (n_features + units + 2)


# Batch norm has two parameters a channel.
BASE = conv(1, 24, 5) + conv(24, 48, 3) + conv(48, 96, 3) + 2 * (24 + 48 + 96)
BASIC = [  # ResNet's stages: two blocks of two convolutions, and a shortcut where the size changes
    conv(a, b, 3) + 3 * conv(b, b, 3) + 8 * b + (a != b) * (conv(a, b, 1) + 2 * b)
    for a, b in ((32, 32), (32, 64), (64, 128), (128, 256))
]
ATTENTION = 3 * 97 * 64 + 65 * 96
COUNTS = {
    "compact": 784_263,  # the paper's
    # Krizhevsky's 60,965,224 less its 1000 classes, plus seven.
    "alexnet": 60_965_224 - dense(4096, 1000) + dense(4096, 7),
    "fernet": conv(1, 32, 3)
    + conv(32, 64, 3)
    + conv(64, 128, 3)
    + conv(128, 256, 3)
    + 2 * (32 + 64 + 128 + 256)
    + (2304 + 2) * 256  # no bias before a batch norm
    + (256 + 2) * 128
    + dense(128, 7),
    "vggnet": sum(
        conv(a, b, 3, True) + conv(b, b, 3, True) + 4 * b
        for a, b in ((1, 64), (64, 128), (128, 256), (256, 512))
    )
    + dense(3 * 3 * 512, 4096, 4096, 7),
    "resnet": conv(1, 32, 3) + 64 + sum(BASIC) + dense(256, 128, 7),
    "cnn_lstm": BASE + lstm(6 * 96) + dense(128, 128, 7),
    "cnn_bilstm": BASE + 2 * lstm(6 * 96) + dense(256, 128, 7),
    "cnn_lstm2": BASE + lstm(6 * 96) + lstm(128) + dense(128, 128, 7),
    "cnn_attention": BASE + 4 * 96 + ATTENTION + dense(96, 192, 96) + dense(36 * 96, 128, 7),
    "vit": 65 * 64
    + 36 * 64
    + 3 * (4 * 64 + 4 * 65 * 64 + dense(64, 128, 64))
    + 2 * 64
    + dense(36 * 64, 128, 7),
}


@pytest.fixture(scope="module", params=COUNTS)
def network(request):
    torch.manual_seed(0)
    return spatial.build(request.param, 7)


def test_parameters_are_as_counted_by_hand(network):
    assert count(network) == COUNTS[network.name]


def test_the_layers_have_their_widths_and_the_logits_come_from_dense(network):
    images = torch.rand(2, network.channels, network.input_size, network.input_size)
    network.eval()
    with torch.inference_mode():
        for layer, width in network.layers.items():
            assert network.features(images, layer).shape == (2, width)
        features = network.features(images, "dense")
        torch.testing.assert_close(network(images), network.classifier(features))
    assert features.min() >= 0 and network(images).shape == (2, 7)


def test_only_what_is_unfrozen_learns(network):
    network.unfreeze(1)
    network.train()
    shape = (4, network.channels, network.input_size, network.input_size)
    # Blurred noise, so that batch norms see images that differ.
    images = functional.avg_pool2d(torch.rand(shape), 5, 1, 2)
    functional.cross_entropy(network(images), torch.tensor([0, 1, 2, 3])).backward()
    learns = [any(p.grad is not None for p in block.parameters()) for block in network.blocks]
    assert learns == [False] * (len(network.blocks) - 1) + [True]
    assert all(p.grad is not None for p in network.classifier.parameters())
    assert 0 < count(network, trainable=True) < count(network)
    network.unfreeze(None)
    network.zero_grad()
    assert count(network, trainable=True) == count(network)


def test_the_settings_know_every_network_and_no_other():
    assert set(get_args(SpatialNetwork)) == set(spatial.NETWORKS)
    assert set(spatial.NETWORKS) == {*COUNTS, *spatial.BACKBONES}
    with pytest.raises(ValueError, match="no spatial network lenet; there are compact, alexnet"):
        spatial.build("lenet", 7)


def test_attention_is_torchs_where_the_heads_fill_the_width():
    torch.manual_seed(1)
    ours, theirs = SelfAttention(32, 4, 8), torch.nn.MultiheadAttention(32, 4, batch_first=True)
    with torch.no_grad():
        for bias in (ours.inward.bias, ours.outward.bias):
            bias.normal_()
        theirs.in_proj_weight.copy_(ours.inward.weight)
        theirs.in_proj_bias.copy_(ours.inward.bias)
        theirs.out_proj.load_state_dict(ours.outward.state_dict())
    x = torch.randn(2, 5, 32)
    torch.testing.assert_close(ours(x), theirs(x, x, x, need_weights=False)[0])


def test_the_key_dimension_is_each_heads_own_as_in_keras():
    attention = SelfAttention(96, 8, 8)
    # Keras: queries, keys and values 96 × 8 × 8 with 8 × 8 biases each; out 8 × 8 × 96 with 96.
    assert count(attention) == 3 * (96 * 64 + 64) + 64 * 96 + 96 == ATTENTION


@pytest.mark.parametrize("name", ["cnn_lstm", "cnn_bilstm", "cnn_lstm2"])
def test_the_lstm_reads_the_rows_from_the_top(name):
    network = spatial.build(name, 7).eval()
    rows, last = network.blocks[3][0], network.pool_head
    maps = torch.arange(2 * 3 * 4 * 5.0).view(2, 3, 4, 5)
    assert torch.equal(rows(maps)[1, 2].view(5, 3), maps[1, :, 2].T)
    states = torch.rand(2, 6, network.layers["pool"])
    if name == "cnn_bilstm":  # the second direction ends at the first row
        assert torch.equal(last(states), torch.cat([states[:, 5, :128], states[:, 0, 128:]], 1))
    else:
        assert torch.equal(last(states), states[:, 5])


def test_alexnets_response_normalisation_is_the_originals():
    norm = spatial.build("alexnet", 7).blocks[0][2]
    x = torch.rand(1, 9, 1, 1) * 100
    # Krizhevsky 2012, section 3.3: k = 2, n = 5, alpha = 1e-4, beta = 0.75; two neighbours either side
    wanted = x[0, 4, 0, 0] / (2 + 1e-4 * (x[0, 2:7] ** 2).sum()) ** 0.75
    torch.testing.assert_close(norm(x)[0, 4, 0, 0], wanted)


@pytest.mark.parametrize("options", [{"dense": [256]}, {"dropout": 0.3}])
def test_only_backbones_have_a_classifier_to_choose(options):
    with pytest.raises(SettingError, match="compact: has a classifier of its own"):
        spatial.build("compact", 7, **options)


@pytest.mark.parametrize(("options", "problem"), [({"dense": []}, "dense layers"), ({"dropout": 1}, "drop")])
def test_a_classifier_that_cannot_be_is_refused(options, problem):
    with pytest.raises(SettingError, match=f"resnet50: cannot .*{problem}"):
        spatial.build("resnet50", 7, **options)
