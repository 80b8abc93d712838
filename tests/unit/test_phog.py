"""Pyramids of edge directions against pictures whose edges are known."""

from __future__ import annotations

import numpy as np
import pytest

from ferflow.handmade import phog


def step(vertical: bool = True, rising: bool = True) -> np.ndarray:
    """16×16, dark and bright halves."""
    image = np.zeros((16, 16), np.uint8)
    image[:, 8:] = 200
    image = image if rising else 200 - image
    return image if vertical else image.T


@pytest.mark.parametrize(("levels", "bins", "length"), [(0, 8, 8), (1, 20, 100), (3, 8, 680)])
def test_length_and_sum(levels, bins, length):
    image = np.random.default_rng(1).integers(0, 256, (32, 40), dtype=np.uint8)
    found = phog.features(image, levels, bins, 360, (50, 100))
    assert found.shape == (length,) == (bins * sum(4**level for level in range(levels + 1)),)
    assert found.sum() == pytest.approx(1) and found.min() >= 0


@pytest.mark.parametrize(
    ("vertical", "rising", "angle"),
    [(True, True, 0), (False, True, 90), (True, False, 180), (False, False, 270)],
)
def test_a_straight_edge_falls_into_the_bin_of_its_gradient(vertical, rising, angle):
    image = step(vertical, rising)
    whole = phog.features(image, 0, 8, 360, (50, 100))
    assert np.flatnonzero(whole).tolist() == [angle // 45] and whole[angle // 45] == 1
    half = phog.features(image, 0, 8, 180, (50, 100))
    assert np.flatnonzero(half).tolist() == [int(angle % 180 // 22.5)]


def test_cells_of_a_straight_edge():
    found = phog.features(step(), 1, 4, 360, (50, 100))
    level, cells = found[:4], found[4:].reshape(2, 2, 4)
    # One column of edge pixels, on one side of the middle, in both halves of the height alike.
    assert level.tolist() == [0.5, 0, 0, 0]
    assert sorted(cells[0, :, 0]) == [0, 0.25] and sorted(cells[1, :, 0]) == [0, 0.25]
    assert cells[..., 1:].sum() == 0


def test_a_pyramid_counted_by_hand():
    # Four edge pixels in 4×4: (0,0) gradient 3 across (0°), (0,1) 4 down (90°), (1,3) 3 across and 4 up
    # (-53° = 307°), (3,2) 1 to the left (180°).
    edges, across, down = np.zeros((4, 4), bool), np.zeros((4, 4)), np.zeros((4, 4))
    for row, column, x, y in ((0, 0, 3, 0), (0, 1, 0, 4), (1, 3, 3, -4), (3, 2, -1, 0)):
        edges[row, column], across[row, column], down[row, column] = True, x, y
    across[2, 0] = 99  # no edge there
    total = 2 * (3 + 4 + 5 + 1)
    expected = [
        *(3, 4, 1, 5),  # whole image: bins 0-90, 90-180, 180-270, 270-360
        *(3, 4, 0, 0),  # upper left
        *(0, 0, 0, 5),  # upper right
        *(0, 0, 0, 0),  # lower left
        *(0, 0, 1, 0),  # lower right
    ]
    found = phog.pyramid(edges, across, down, 1, 4, 360)
    assert np.allclose(found * total, expected)
    # Over 180°: 0°, 90°, 127°, 0°, in bins of 45°.
    folded = phog.pyramid(edges, across, down, 0, 4, 180)
    assert np.allclose(folded * 13, [4, 0, 9, 0])


def test_each_level_sums_to_the_one_above():
    image = np.random.default_rng(2).integers(0, 256, (37, 29), dtype=np.uint8)
    found = phog.features(image, 2, 8, 360, (20, 60))
    one, four, sixteen = found[:8], found[8:40].reshape(2, 2, 8), found[40:].reshape(4, 4, 8)
    assert np.allclose(four.sum((0, 1)), one)
    assert np.allclose(sixteen.reshape(2, 2, 2, 2, 8).sum((1, 3)), four)


def test_no_edge_no_count():
    assert not phog.features(np.full((20, 20), 90, np.uint8), 2, 8, 180, (50, 100)).any()
