"""Same settings, same bytes: seeds from stable names, a fixed number of threads, deterministic algorithms."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager

_CUBLAS = "CUBLAS_WORKSPACE_CONFIG"


def derive_seed(seed: int, *names: str | int) -> int:
    """A seed in 0..2^63-1 that depends on `seed` and `names` alone, in every process and on every machine."""
    text = "/".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Let torch use `n` threads inside the block."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def reproducible(seed: int, threads: int) -> Iterator[None]:
    """Seed torch, fix its threads and allow deterministic algorithms alone; undo it all afterwards."""
    import torch

    os.environ.setdefault(_CUBLAS, ":4096:8")  # without it cuBLAS is not deterministic
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng():
        try:
            torch.manual_seed(seed)
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(True)
            yield
        finally:
            torch.set_num_threads(before[0])
            torch.use_deterministic_algorithms(before[1])
