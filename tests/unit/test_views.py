"""One view, mirror images and ten crops, by hand on a network that only compares two halves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from ferflow.evaluation.views import CROP, corners, looked_at, view_probabilities
from ferflow.models import spatial
from ferflow.models.network import SpatialNetwork


class Halves(SpatialNetwork):
    """Logits of a 4×4 image: the mean of its left half and of its right half (0–1)."""

    name, input_size, channels, mean, std = "halves", 4, 1, (0.0,), (1.0,)

    def __init__(self) -> None:
        super().__init__([nn.AvgPool2d((4, 2))], pool=2, dense=2)
        self.pool_head, self.dense_head, self.classifier = nn.Flatten(), nn.Identity(), nn.Identity()
        self.unused = nn.Parameter(torch.zeros(1))  # a place and a precision


def said(left: float, right: float) -> np.ndarray:
    odds = np.exp([left, right])
    return odds / odds.sum()


@pytest.fixture
def image() -> np.ndarray:
    """4×4, the left half white."""
    return np.repeat(np.array([[255, 255, 0, 0]], np.uint8), 4, axis=0)


def test_one_view_and_its_mirror_image(image):
    one = view_probabilities(Halves(), image[None], "one", 8)
    np.testing.assert_allclose(one, [said(1, 0)], rtol=1e-6)
    both = view_probabilities(Halves(), image[None], "mirror", 8)
    np.testing.assert_allclose(both, [[0.5, 0.5]], rtol=1e-6)


def test_ten_crops_by_hand():
    # One bright column at the left edge. Crops of 2×4 columns (share 1 of the height would not differ): the
    # two left ones see it in their left half, the right ones and the centre not at all; mirrored, the left
    # ones see it on the right.
    image = np.zeros((1, 8, 8), np.uint8)
    image[:, :, 0] = 255
    found = view_probabilities(Halves(), image, "ten", 8, crop=0.5)
    expected = (2 * said(0.5, 0) + 2 * said(0, 0.5) + 6 * said(0, 0)) / 10
    np.testing.assert_allclose(found, [expected], rtol=1e-6)
    # Without the mirror images that would lean to the left: the mean hides nothing but what it should.
    brighter = np.full((1, 8, 8), 255, np.uint8)
    brighter[:, :, 4:] = 0
    crops = [said(1, 0)] * 2 + [said(0, 0)] * 2 + [said(1, 0)]
    expected = (sum(crops) + sum(crop[::-1] for crop in crops)) / 10
    np.testing.assert_allclose(view_probabilities(Halves(), brighter, "ten", 1, crop=0.5), [expected])


def test_the_five_places_of_44_in_48():
    assert corners(48, 48, CROP) == [
        (0, 0, 44, 44),
        (0, 4, 44, 44),
        (4, 0, 44, 44),
        (4, 4, 44, 44),
        (2, 2, 44, 44),
    ]


def test_there_are_ten_and_colour_is_kept():
    images = np.random.default_rng(0).integers(0, 256, (2, 48, 48, 3), dtype=np.uint8)
    seen = list(looked_at(images, "ten", CROP))
    assert [part.shape for part in seen] == [(2, 44, 44, 3)] * 10
    np.testing.assert_array_equal(seen[8], images[:, 2:46, 2:46])
    np.testing.assert_array_equal(seen[9], images[:, 2:46, 2:46][:, :, ::-1])


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("views", ["one", "mirror", "ten"])
def test_the_batch_changes_nothing_and_progress_counts_images(views, one_thread):
    torch.manual_seed(0)
    network = spatial.build("compact", 7).eval().to(memory_format=torch.channels_last)
    images = np.random.default_rng(1).integers(0, 256, (4, 48, 48), dtype=np.uint8)
    done = []
    by_three = view_probabilities(network, images, views, 3, progress=done.append)
    assert done == [3, 1]
    np.testing.assert_allclose(by_three, view_probabilities(network, images, views, 100), atol=1e-6)
    np.testing.assert_allclose(by_three.sum(1), 1)
    if views != "one":
        mirrored = view_probabilities(network, np.ascontiguousarray(images[:, :, ::-1]), views, 100)
        np.testing.assert_allclose(by_three, mirrored, atol=1e-6)


def test_mistakes_are_refused(image):
    with pytest.raises(ValueError, match="no views two; there are one, mirror, ten"):
        view_probabilities(Halves(), image[None], "two", 1)
    with pytest.raises(ValueError, match="share of the image's side"):
        view_probabilities(Halves(), image[None], "ten", 1, crop=44)
    with pytest.raises(ValueError, match="no images"):
        view_probabilities(Halves(), image[None][:0], "one", 1)
