"""EfficientNet-Lite0: its size, its published names, and its place in every kind of study."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import torch

from ferflow import weights
from ferflow.errors import WeightsError
from ferflow.models import export, spatial, transfer
from ferflow.models.efficientnet import SamePadding
from ferflow.models.fuse import optimize_for_cpu, placed
from ferflow.models.network import count
from ferflow.networks import NETWORKS
from ferflow.settings.sfew import TransferName
from ferflow.settings.types import SpatialNetwork

NAME = "efficientnet_lite0"
PUBLISHED = 4_652_008
"""Parameters with ImageNet's classifier of 1000, in the published file."""


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(3)
    return spatial.build(NAME, 7).eval()


def images(n: int) -> np.ndarray:
    return np.random.default_rng(8).integers(0, 256, (n, 7, 7, 3), np.uint8).repeat(32, 1).repeat(32, 2)


def test_it_has_the_published_size(network):
    assert count(network.blocks) == PUBLISHED - 1281 * 1000
    sides = []
    handles = [b.register_forward_hook(lambda *of: sides.append(of[2].shape[1:])) for b in network.blocks]
    with torch.inference_mode():
        network(torch.rand(1, 3, 224, 224))
    for handle in handles:
        handle.remove()
    assert [tuple(shape) for shape in sides] == [
        (32, 112, 112),
        (16, 112, 112),
        (24, 56, 56),
        (40, 28, 28),
        (80, 14, 14),
        (112, 14, 14),
        (192, 7, 7),
        (1280, 7, 7),
    ]


def test_padding_is_tensorflows(network):
    # 4 and 5 pixels give 2 and 3 outputs, of 5 and 7 pixels seen.
    assert SamePadding(3, 2)(torch.ones(1, 1, 4, 5)).shape == (1, 1, 5, 7)
    padded = SamePadding(5, 2)(torch.ones(1, 1, 6, 6))[0, 0]
    assert padded[:, 4].tolist() == [0, 1, 1, 1, 1, 1, 1, 0, 0]


def test_images_are_scaled_as_the_published_weights_were_trained(network):
    grey = torch.full((1, 3, 224, 224), 127 / 255)
    assert network.normalised(grey).abs().max() < 1e-6
    torch.testing.assert_close(network.normalised(torch.ones(1, 3, 224, 224)), torch.ones(1, 3, 224, 224))


def test_the_published_file_is_taken_whole_or_not_at_all(network, tmp_path):
    state = {name: value.clone() for name, value in network.base.state_dict().items()}
    for name in ("_conv_stem.weight", "_blocks.0._depthwise_conv.weight", "_blocks.15._bn2.running_var"):
        assert name in state
    assert "_blocks.0._expand_conv.weight" not in state and "_bn1.bias" in state
    file = tmp_path / weights.entry(NETWORKS[NAME].pretrained[0]).name
    torch.save(state | {"_fc.weight": torch.zeros(1000, 1280), "_fc.bias": torch.zeros(1000)}, file)
    other = spatial.build(NAME, 7).eval()
    spatial.load_pretrained(other, file)
    with torch.inference_mode():
        x = torch.rand(1, 3, 64, 64)
        assert torch.equal(other.features(x, "pool"), network.features(x, "pool"))
    del state["_blocks.7._expand_conv.weight"]
    torch.save(state, file)
    with pytest.raises(WeightsError, match=r"_blocks\.7\._expand_conv\.weight is missing"):
        spatial.load_pretrained(other, file)


def test_it_is_a_network_for_images_clips_and_scenes(network):
    assert NAME in get_args(SpatialNetwork) and NAME in get_args(TransferName)
    # Scenes: the frozen blocks and what learns behind them are the whole network.
    frozen = transfer.frozen(transfer.start(NAME, None, 20), 1)
    head = transfer.head(frozen.network, NAME, 1, 7).eval()
    with torch.no_grad():
        whole = head.classifier(frozen.network.features(spatial.prepare(images(2), network), "pool"))
        torch.testing.assert_close(head(frozen(images(2)).clone()), whole, rtol=1e-4, atol=1e-4)
        # Clips: what a frame's features come from, its batch norms folded; and one image, quickly.
        x = spatial.prepare(images(2), network)
        torch.testing.assert_close(placed(network).features(x, "pool"), network.features(x, "pool"))
        torch.testing.assert_close(optimize_for_cpu(network)(x), network(x), rtol=1e-4, atol=1e-4)


def test_it_can_be_exported(network):
    assert export.disagreement(network, export.serialise(network, {})) < export.TOLERANCE
