"""The order of a training's images: drawn from seed and epoch alone, so that it can be taken up anywhere."""

from __future__ import annotations

import numpy as np

ORDER, AUGMENT = 0, 1
"""Last parts of the seeds of the order of an epoch and of what is drawn for a batch's images."""


def order(n: int, seed: int, epoch: int, shuffle: bool = True) -> np.ndarray:
    """Places 0 to `n` - 1 in the order of `epoch`, int32 [n]; as they are without `shuffle`."""
    places = np.arange(n, dtype=np.int32)
    return np.random.default_rng([seed, epoch, ORDER]).permutation(places) if shuffle else places


def n_batches(n: int, batch: int) -> int:
    """Batches of at most `batch` images that `n` images make."""
    return -(-n // batch)


def of_batch(places: np.ndarray, batch: int, number: int) -> np.ndarray:
    """The places of batch `number`, a view."""
    return places[number * batch : (number + 1) * batch]


def draws(seed: int, epoch: int, number: int) -> np.random.Generator:
    """What batch `number` of `epoch` draws from, whichever thread makes it."""
    return np.random.default_rng([seed, epoch, AUGMENT, number])
