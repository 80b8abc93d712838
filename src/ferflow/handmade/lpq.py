"""Local phase quantisation (Ojansivu and Heikkilä, 2008): texture that a symmetric blur leaves as it is."""

from __future__ import annotations

from functools import cache

import numpy as np

CODES = 256
"""A code has eight bits: the signs of the real and imaginary parts at four frequencies."""
_NOTHING = 1e-6
"""Grey levels: a response below it is rounding and counts as zero (an even image has code 255)."""
_UNEQUAL = np.diag([1 + 1e-6 * step for step in (7, 6, 5, 4, 3, 2, 1, 0)])
"""Keeps singular values apart, as the authors' own code does, so that their vectors are determined."""


def codes(grey: np.ndarray, window: int, rho: float | None) -> np.ndarray:
    """LPQ code of each pixel whose whole window lies in the image; uint8 [H-window+1,W-window+1].

    `grey` is [H,W] in grey levels, `window` odd. Responses are those of a uniform window at the frequencies
    (a,0), (0,a), (a,a) and (a,-a) in (x,y), a = 1/window (section 2.1); bit j, from 0, is set where the
    j-th of the four real, then four imaginary parts is not negative (equation 10). With `rho` they are first
    decorrelated for neighbours whose grey levels correlate by `rho` (section 2.2), without it (None) not.

    Raises ValueError where the image is smaller than the window.
    """
    from scipy.ndimage import convolve1d

    if window % 2 == 0 or min(grey.shape) < window:
        raise ValueError(f"a window of {window} in an image of {grey.shape[0]}x{grey.shape[1]} pixels")
    flat, wave = _waves(window)
    inner = window // 2
    rows, columns = (slice(inner, size - inner) for size in grey.shape)

    def response(along_y: np.ndarray, along_x: np.ndarray) -> np.ndarray:
        part = convolve1d(grey.astype(np.complex128), along_x, axis=1)
        return convolve1d(part, along_y, axis=0)[rows, columns]

    four = [
        response(flat, wave),
        response(wave, flat),
        response(wave, wave),
        response(wave.conj(), wave),
    ]
    responses = np.stack([part.real for part in four] + [part.imag for part in four], axis=-1)
    if rho is not None:
        responses = responses @ decorrelation(window, rho)
    bits = responses >= -_NOTHING
    return (bits * 2 ** np.arange(8)).sum(-1).astype(np.uint8)


def _waves(window: int) -> tuple[np.ndarray, np.ndarray]:
    """The uniform window and the wave of frequency 1/window on it, complex [window]."""
    place = np.arange(window) - window // 2
    return np.ones(window, complex), np.exp(-2j * np.pi * place / window)


@cache
def decorrelation(window: int, rho: float) -> np.ndarray:
    """V [8,8] of the whitening G = V'F: the singular vectors of the responses' covariance (section 2.2).

    Each column's greatest part is positive, since a vector's sign is free.
    """
    flat, wave = _waves(window)
    # Convolution turns the window over.
    x, y = wave[::-1], wave[::-1]
    four = [
        np.outer(flat, x),
        np.outer(y, flat),
        np.outer(y, x),
        np.outer(y.conj(), x),
    ]
    basis = np.stack([part.real.ravel() for part in four] + [part.imag.ravel() for part in four])
    at = np.stack(np.meshgrid(np.arange(window), np.arange(window), indexing="ij"), -1).reshape(-1, 2)
    apart = np.linalg.norm(at[:, None] - at[None, :], axis=-1)
    covariance = basis @ rho**apart @ basis.T
    _, _, rows = np.linalg.svd(_UNEQUAL @ covariance @ _UNEQUAL)
    vectors = rows.T
    greatest = np.abs(vectors).argmax(axis=0)
    return vectors * np.sign(vectors[greatest, np.arange(8)])


def features(grey: np.ndarray, window: int, rho: float | None, grid: int) -> np.ndarray:
    """Histograms of the codes in `grid` × `grid` blocks, row by row, float64 [grid²·256]; each sums to 1.

    `grey` as in `codes`. Raises ValueError where a block would have no pixel.
    """
    code = codes(grey, window, rho)
    if min(code.shape) < grid:
        raise ValueError(f"{grid} blocks across {code.shape[0]}x{code.shape[1]} codes")
    blocks = [part for band in np.array_split(code, grid, 0) for part in np.array_split(band, grid, 1)]
    return np.concatenate([np.bincount(b.ravel(), minlength=CODES) / b.size for b in blocks])
