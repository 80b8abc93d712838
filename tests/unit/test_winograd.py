"""Convolutions by Winograd's way agree with torch's, and stand where they fit and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from ferflow.models import winograd
from ferflow.models.fuse import for_single_images, fused
from ferflow.models.spatial import build


def test_one_dimension_is_numpys_correlation():
    rng = np.random.default_rng(0)
    for outputs, kernel, points in ((2, 3, (0, 1, -1)), (4, 5, winograd._POINTS)):
        a, g, b = winograd.matrices(outputs, kernel, points)
        data, weights = rng.normal(size=outputs + kernel - 1), rng.normal(size=kernel)
        found = a.T @ ((g @ weights) * (b @ data))
        np.testing.assert_allclose(found, np.correlate(data, weights, "valid"), atol=1e-12)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("side", [4, 24])
def test_the_convolution_and_pooling_are_torchs(side, bias):
    torch.manual_seed(1)
    convolution = nn.Conv2d(3, 7, 5, padding=2, bias=bias)
    images = torch.randn(5, 3, side, side)
    with torch.no_grad():
        wanted = nn.functional.max_pool2d(convolution(images), 2)
        found = winograd.ConvolutionPooled(convolution, side)(images)
    assert found.shape == wanted.shape == (5, 7, side // 2, side // 2)
    torch.testing.assert_close(found, wanted, atol=3e-5, rtol=1e-5)  # sums of 75 products in float32


def test_it_stands_where_it_fits_alone():
    def sequence(*first, pool=2):
        return nn.Sequential(nn.Conv2d(*first), nn.Identity(), nn.MaxPool2d(pool), nn.ReLU())

    fitting = sequence(1, 2, 5, 1, 2)
    others = [sequence(2, 2, 3, 1, 1), sequence(2, 2, 5, 2, 2), sequence(2, 2, 5, 1, 2, pool=3)]
    network = nn.Sequential(fitting, *others).eval()
    images = torch.rand(2, 1, 48, 48)
    with torch.no_grad():
        wanted = network(images)
        winograd.replace(network, images[:1])
        torch.testing.assert_close(network(images), wanted, atol=1e-5, rtol=1e-5)
    assert isinstance(fitting[0], winograd.ConvolutionPooled)
    assert all(isinstance(one[0], nn.Conv2d) for one in others)


def test_a_side_that_tiles_do_not_cover_is_left_alone():
    network = nn.Sequential(nn.Conv2d(1, 2, 5, padding=2), nn.Identity(), nn.MaxPool2d(2)).eval()
    winograd.replace(network, torch.rand(1, 1, 6, 6))
    assert isinstance(network[0], nn.Conv2d)


def test_the_compact_networks_costly_layer_is_replaced():
    torch.manual_seed(2)
    network = build("compact", 7).eval()
    quick = for_single_images(network)
    assert sum(isinstance(m, winograd.ConvolutionPooled) for m in quick.modules()) == 1
    images = torch.rand(3, 1, 48, 48)
    with torch.inference_mode():
        torch.testing.assert_close(
            quick(images).softmax(1), fused(network)(images).softmax(1), atol=1e-5, rtol=0
        )
