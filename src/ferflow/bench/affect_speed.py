"""Images a second through a network's training step, and from the disk: which of the two is the bottleneck.

The two are measured one after the other, each on all of its cores, by the wall clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from itertools import cycle, islice
from pathlib import Path

import pandas as pd
import torch

from ferflow import seeds, tables
from ferflow.bench import turns
from ferflow.models.affect import AffectNetwork
from ferflow.models.precision import device, resolve
from ferflow.settings.affect import AffectModel, Loading
from ferflow.training import optimise
from ferflow.training.affect import batches, build, task_of
from ferflow.training.image_files import Batch, ImageList
from ferflow.training.module import TRAIN
from ferflow.training.shards import keep_freed_memory
from ferflow.training.task import Affect

STEPS = 4
"""Timed training steps; one before them is not."""
LOADED = 8
"""Timed batches of the loader; one before them is not."""


def stepper(network: AffectNetwork, task: Affect, model: AffectModel) -> Callable[[Batch], None]:
    """A training step of `network` on a batch, which has ended when it returns; it changes the weights."""
    where = device()
    network.train().to(where)
    task.to(where)
    optimiser = optimise.optimiser([p for p in network.parameters() if p.requires_grad], model.optimiser)
    bfloat16 = resolve(model.precision, where) == torch.bfloat16

    def step(batch: Batch) -> None:
        inputs, targets = task.split([part.to(where) for part in batch])
        optimiser.zero_grad()
        with torch.autocast(where.type, torch.bfloat16, enabled=bfloat16):
            total, _ = task(network(*inputs), *targets)
        total.backward()
        optimiser.step()
        if where.type == "cuda":
            torch.cuda.synchronize()

    return step


def loaded_per_second(source) -> float:
    """Images a second from `source`, batches that can be gone through again and again."""
    stream = (batch for _ in cycle([0]) for batch in source)
    next(stream)
    start = time.perf_counter()
    images = sum(len(batch[1]) for batch in islice(stream, LOADED))
    return images / (time.perf_counter() - start)


def measure(
    manifest_csv: str | Path,
    models: Mapping[str, AffectModel],
    loading: Loading,
    seed: int,
    threads: int,
    out: str | Path,
    *,
    synthetic: bool,
) -> None:
    """Write schema `affect_speed`: each network's step on `threads` beside the loader at its size.

    A step takes as long whatever the weights are, so they are new ones.
    """
    listed = ImageList.read(manifest_csv)
    keep_freed_memory()
    rows = []
    for name, model in models.items():
        with seeds.threads(threads):
            source = batches(listed, TRAIN, model, loading, seed)
            batch = next(iter(source))
            loaded = loaded_per_second(source)
            step = stepper(build(model, None), task_of(model, listed.counts(TRAIN)), model)
            taken = turns.in_turns({"step": lambda step=step, batch=batch: step(batch)}, STEPS)
            stepped = turns.rate(len(batch.labels), taken["step"])
        rows.append(
            {
                "model": name,
                "size": model.size,
                "batch": model.batch,
                "device": device().type,
                "threads": threads,
                "workers": loading.workers,
                "step_images_per_second": round(stepped, 1),
                "loader_images_per_second": round(loaded, 1),
                "ratio": round(loaded / stepped, 2),
                "synthetic": synthetic,
            }
        )
    tables.write(pd.DataFrame(rows), out, "affect_speed")
