"""Time a training step of a network for images, and loading and augmentation of its batch.

Random images of FER2013's size stand for real ones. A batch is trained on by torch's own threads and in
shards (`training.shards`), in turns, so that other work on the machine disturbs both alike.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import nn

from ferflow.bench import turns
from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.models import spatial
from ferflow.models.precision import resolve
from ferflow.settings import Spatial
from ferflow.training import optimise, shards
from ferflow.training.images import Images, Labelled

STEPS = 6
"""Steps in each round."""


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

    ways = {"loading": lambda: data[numbers], "torch's own threads": lambda: step(False)}
    if parts:
        ways[f"{n} shards"] = lambda: step(True)

    def repeat(work: Callable[[], object]) -> None:
        for _ in range(STEPS):
            work()

    taken = turns.in_turns({way: partial(repeat, work) for way, work in ways.items()}, rounds)
    if parts:
        parts.close()
    seconds = {way: 1 / turns.rate(STEPS, one) for way, one in taken.items()}
    plain, *cut = (taken[way] for way in ways if way != "loading")
    return {
        "network": name,
        "batch": batch,
        "threads": threads,
        "precision": "bfloat16" if bfloat16 else "float32",
        "loading": seconds.pop("loading"),
        "steps": seconds,
        "shards": turns.times_as_fast(cut[0], plain) if cut else None,
    }
