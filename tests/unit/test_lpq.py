"""Local phase quantisation against sums written out, and what it is for: blur and brightness."""

from __future__ import annotations

import cmath
import math

import numpy as np
import pytest

from ferflow.handmade import lpq

TINY = [
    [10, 20, 30, 90],
    [40, 50, 200, 15],
    [70, 80, 5, 60],
    [33, 121, 64, 250],
]
"""Grey levels; with a window of 3 it has four codes."""


def written_out(image: list[list[int]], row: int, column: int, window: int) -> list[complex]:
    """F(u) = Σ f(x - y) e^(-2πi u·y) over the window, term by term, at the four frequencies (x, y)."""
    found = []
    for fx, fy in ((1, 0), (0, 1), (1, 1), (1, -1)):
        total = 0j
        for dy in range(-(window // 2), window // 2 + 1):
            for dx in range(-(window // 2), window // 2 + 1):
                phase = -2 * math.pi * (fx * dx + fy * dy) / window
                total += image[row - dy][column - dx] * cmath.exp(1j * phase)
        found.append(total)
    return found


def noise(size: int = 48) -> np.ndarray:
    """A smooth random picture, uint8."""
    from scipy.ndimage import gaussian_filter

    rough = gaussian_filter(np.random.default_rng(3).normal(size=(size, size)), 1.5)
    return np.uint8(np.clip(128 + 300 * rough, 0, 255))


def test_codes_of_a_tiny_image_are_those_of_the_sums_written_out():
    found = lpq.codes(np.array(TINY, np.uint8), 3, None)
    for row in (1, 2):
        for column in (1, 2):
            four = written_out(TINY, row, column, 3)
            signs = [part.real >= 0 for part in four] + [part.imag >= 0 for part in four]
            assert found[row - 1, column - 1] == sum(2**j for j, sign in enumerate(signs) if sign)
    assert len(set(found.ravel())) > 1


def test_one_code_counted_on_paper():
    # A white pixel left of the middle, y = (1, 0) in f(x - y): its phase is -120° at every frequency with
    # a part across, and 0° at (0, a). Real parts: -½, 1, -½, -½; imaginary: -0.87, 0, -0.87, -0.87.
    image = np.zeros((3, 3), np.uint8)
    image[1, 0] = 100
    assert lpq.codes(image, 3, None).tolist() == [[0b00100010]]
    # Right of the middle the imaginary parts are positive.
    assert lpq.codes(image[:, ::-1], 3, None).tolist() == [[0b11110010]]


def test_decorrelated_codes_are_those_of_a_covariance_written_out():
    window, rho, image = 3, 0.9, TINY
    at = [(y, x) for y in range(window) for x in range(window)]
    rows = []
    for part in ("real", "imag"):
        for fx, fy in ((1, 0), (0, 1), (1, 1), (1, -1)):
            # The pixel at (y, x) of the window is f(x - y) for y = (1 - x, 1 - y).
            rows.append(
                [
                    getattr(cmath.exp(-2j * math.pi * (fx * (1 - x) + fy * (1 - y)) / window), part)
                    for y, x in at
                ]
            )
    m = np.array(rows)
    c = np.array([[rho ** math.dist(p, q) for q in at] for p in at])
    v = lpq.decorrelation(window, rho)
    assert np.allclose(v.T @ v, np.eye(8))
    d = v.T @ m @ c @ m.T @ v
    assert np.abs(d - np.diag(np.diag(d))).max() < 1e-4 * d.max()
    assert np.all(np.diff(np.diag(d)) < 1e-9)
    found = lpq.codes(np.array(image, np.uint8), window, rho)
    patch = np.array([[image[y][x] for x in range(3)] for y in range(3)], float).ravel()
    assert found[0, 0] == sum(2**j for j, value in enumerate(v.T @ (m @ patch)) if value >= 0)


@pytest.mark.parametrize("rho", [None, 0.9])
def test_an_even_image_has_one_code_and_brightness_changes_none(rho):
    assert set(lpq.codes(np.full((12, 15), 77, np.uint8), 7, rho).ravel()) == {255}
    image = noise() // 2
    assert np.array_equal(lpq.codes(image, 7, rho), lpq.codes(image + 60, 7, rho))


def test_a_centrally_symmetric_blur_leaves_most_codes_and_a_shift_does_not():
    from scipy.ndimage import convolve

    image = noise(64).astype(float)
    kernel = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16  # its transform is positive at 1/7
    before = lpq.codes(image, 7, None)[4:-4, 4:-4]
    after = lpq.codes(convolve(image, kernel), 7, None)[4:-4, 4:-4]
    moved = lpq.codes(np.roll(image, 3, axis=1), 7, None)[4:-4, 4:-4]

    def bits_kept(other: np.ndarray) -> float:
        return 1 - np.unpackbits(before ^ other).mean()

    assert bits_kept(after) > 0.93 and bits_kept(moved) < 0.65


def test_histograms_by_block():
    image = noise(20)
    found = lpq.features(image, 7, None, 2)
    assert found.shape == (4 * 256,) and np.allclose(found.reshape(4, 256).sum(1), 1)
    codes = lpq.codes(image, 7, None)
    assert found[256 + int(codes[0, 7])] == np.mean(codes[:7, 7:] == codes[0, 7])


def test_too_small_images_are_refused():
    with pytest.raises(ValueError, match="window of 7"):
        lpq.codes(np.zeros((6, 20)), 7, None)
    with pytest.raises(ValueError, match="4 blocks"):
        lpq.features(np.zeros((9, 20)), 7, None, 4)
