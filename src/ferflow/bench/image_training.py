"""How long a training step of a network for images takes, and loading and augmentation of its batch.

Random images of FER2013's size stand for real ones. A batch is trained on by torch's own threads and in
shards (`training.shards`), in turns, so that other work on the machine disturbs both alike.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.models import spatial
from ferflow.models.precision import resolve
from ferflow.settings import Spatial
from ferflow.training import optimise, shards
from ferflow.training.images import Images, Labelled

STEPS = 6
"""Of each round."""


def seconds(work: Callable[[], object], steps: int = STEPS) -> float:
    """Seconds of one call of `work`, the mean of `steps`, by the wall clock."""
    start = time.perf_counter()
    for _ in range(steps):
        work()
    return (time.perf_counter() - start) / steps


def measure(chosen: Spatial, rounds: int) -> dict[str, object]:
    """Measure with the recipe `chosen`; JSON values: `loading` and each of `steps` in seconds a batch.

    `shards` is how many times as fast the shards are as torch's own threads, None where they are not used.
    """
    name, batch, threads = chosen.network, chosen.batch, chosen.threads
    torch.set_num_threads(threads)
    shards.keep_freed_memory()
    network = spatial.build(name, len(EMOTIONS_NEUTRAL)).to(memory_format=torch.channels_last)
    rng = np.random.default_rng(0)
    items = Labelled(
        rng.integers(0, 256, (4 * batch, 48, 48)).astype(np.uint8), rng.integers(0, 7, 4 * batch)
    )
    data = Images(items, network, chosen.online, seed=1)
    numbers = rng.permutation(len(items.images))[:batch]
    images, labels = data[numbers]
    loss = nn.CrossEntropyLoss(label_smoothing=chosen.label_smoothing)
    optimiser = optimise.optimiser(network.parameters(), chosen.optimiser)
    bfloat16 = resolve(chosen.precision) == torch.bfloat16
    n = shards.count(network, batch, threads)
    parts = shards.Shards(network, n) if n > 1 else None

    def step(cut: bool) -> None:
        optimiser.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            value = parts([images], labels, loss)[0] if cut else loss(network(images), labels)
        value.backward()
        optimiser.step()

    ways = {"torch's own threads": lambda: step(False)} | (
        {f"{n} shards": lambda: step(True)} if parts else {}
    )
    taken: dict[str, list[float]] = {way: [] for way in ways}
    loading: list[float] = []
    for way in ways.values():
        way()
    for _ in range(rounds):
        loading.append(seconds(lambda: data[numbers]))
        for way, work in ways.items():
            taken[way].append(seconds(work))
    if parts:
        parts.close()
    ratio = statistics.median(a / b for a, b in zip(*taken.values(), strict=True)) if parts else None
    return {
        "network": name,
        "batch": batch,
        "threads": threads,
        "precision": "bfloat16" if bfloat16 else "float32",
        "loading": statistics.median(loading),
        "steps": {way: statistics.median(values) for way, values in taken.items()},
        "shards": ratio,
    }
