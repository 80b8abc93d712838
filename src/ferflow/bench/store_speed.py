"""Time and memory of training a head from the store of features where they do not fit in memory.

Features of VGG16's last pooling (25,088 a frame) are generated, written as the features step writes them, and
trained on by the training that the folds use: from the store with nothing kept, and from memory.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import median

import h5py
import numpy as np
import pandas as pd

from ferflow.bench import turns
from ferflow.bench.machine import peak
from ferflow.classes import EMOTIONS
from ferflow.errors import FerflowError
from ferflow.features import store
from ferflow.models import temporal
from ferflow.seeds import derive_seed, reproducible
from ferflow.settings import Settings
from ferflow.training import optimise
from ferflow.training.data import MIB, ORIGINAL, ClipFeatures, Study, loader

CLIPS = 1200
WIDTH = 25_088
FRAMES = (60, 100)
"""Shortest and longest clip."""
ZEROS = 0.5
"""Share of zeros that a ReLU leaves in the features; VGG16's last pooling has more and compresses better."""
SPARE = 1.2
"""Free space that is required, as a multiple of the uncompressed features."""
KEPT = 256
"""MiB of features that the process whose size is measured keeps, as `temporal.memory` of the study thesis."""
HEAD = "lstm"


def generate(
    folder: Path,
    clips: int,
    width: int = WIDTH,
    frames: tuple[int, int] = FRAMES,
    seed: int = 0,
    zeros: float = ZEROS,
) -> Study:
    """Write the features of `clips` clips, six a subject, into `folder`; returns the study to train on.

    Nothing larger than a clip is in memory. Raises FerflowError where the disk has too little space.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(derive_seed(seed, "bench", "lengths"))
    lengths = rng.integers(frames[0], frames[1] + 1, clips)
    need, free = SPARE * 2 * width * int(lengths.sum()), shutil.disk_usage(folder).free
    if need > free:
        problem = f"has {free / 2**30:.1f} GiB free, and {clips} clips take up to {need / 2**30:.1f}"
        raise FerflowError(folder, problem, "free some space, or ask for fewer clips")
    source = {
        "model_sha256": "0" * 64,
        "network": "vgg16",
        "layer": "pool",
        "n_features": width,
        "listing": False,
        "precision": "bfloat16",
    }
    rows, files, windows = [], {}, {}
    for begin in range(0, clips, len(EMOTIONS)):
        subject = f"S{begin // len(EMOTIONS):04d}"
        path = files[ORIGINAL, subject] = folder / f"{subject}.h5"
        with h5py.File(path, "w") as file:
            file.attrs.update(source | {"synthetic_model": True, "transformation": ORIGINAL})
            for number, emotion in zip(range(begin, clips), EMOTIONS, strict=False):
                clip_id, n = f"{subject}_{emotion}", int(lengths[number])
                store.create(file, clip_id, n, width)[...] = _features(n, width, seed, number, zeros)
                rows.append((clip_id, subject, emotion))
                windows[clip_id] = (0, n)
        settle(path)
    table = pd.DataFrame(rows, columns=["clip_id", "subject_id", "emotion"])
    return Study(table, windows, EMOTIONS, files, source, max(frames))


def _features(n: int, width: int, seed: int, number: int, zeros: float) -> np.ndarray:
    """Features float16 [n,width] as after a ReLU: a share `zeros` of them 0, the others half-normal."""
    rng = np.random.default_rng(derive_seed(seed, "bench", number))
    rows = np.abs(rng.standard_normal((n, width), np.float32))
    rows[rng.random((n, width), np.float32) < zeros] = 0
    return rows.astype(np.float16)


def settle(path: Path) -> None:
    """Write a file to the disk and drop it from the page cache."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


class Trainer:
    """A head that is trained one epoch at a time by `settings.temporal`, as in a fold."""

    def __init__(self, study: Study, settings: Settings, head: str = HEAD) -> None:
        self.settings, self.classes = settings.temporal, study.classes
        self.seed = derive_seed(settings.seed, "bench", head)
        with reproducible(self.seed, self.settings.threads):
            self.network = temporal.build(
                head, study.width, len(study.classes), settings.temporal.heads[head]
            )

    def epoch(self, items: ClipFeatures) -> float:
        """Train on `items` once; the loss."""
        from ferflow.training.fit import fit
        from ferflow.training.module import Recipe
        from ferflow.training.task import Expression

        plan = self.settings
        with reproducible(self.seed, plan.threads):
            batches = loader(items, plan.batch, self.seed)
            recipe = Recipe(optimise.adam(plan.learning_rate), 1)
            history = fit(self.network, Expression(), recipe, batches, None, "bench", seed=self.seed)
        return float(history.train_loss.iloc[-1])


def peak_from_store(study: Study, settings: Settings, memory: int) -> float:
    """Train an epoch from the store, keeping at most `memory` MiB; the process's greatest size in GB (10^9).

    Run it in a process of its own.
    """
    Trainer(study, settings).epoch(study.features(study.clips, (), memory))
    return peak()


def run(
    folder: Path, settings: Settings, study: Study, rounds: int = 2, kept: int = KEPT
) -> dict[str, object]:
    """Measure with the features that `generate` wrote into `folder`; JSON values.

    `kept`: MiB that the process whose size is measured keeps; the others keep nothing, or all. `ratio` is the
    speed from the store over that from memory. The files are read from the disk in each epoch: they are
    dropped from the page cache.
    """
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as other:
        peak = other.submit(peak_from_store, study, settings, kept).result()
    on_disk = sum(path.stat().st_size for path in study.files.values())
    width = study.width
    real = sum(end - begin for begin, end in study.windows.values())
    from_store = study.features(study.clips, (), 0)
    from_memory = study.features(study.clips, (), 2 * real * width // MIB + 1)
    for number in range(len(from_memory)):
        from_memory.sequence(number)
    trained = {"store": Trainer(study, settings), "memory": Trainer(study, settings)}
    losses: dict[str, list[float]] = {name: [] for name in trained}

    def epoch(name: str, items: ClipFeatures) -> None:
        losses[name].append(trained[name].epoch(items))

    taken = {"store": turns.Taken(), "memory": turns.Taken()}
    for _ in range(rounds):
        for path in study.files.values():
            settle(path)
        turns.timed(lambda: epoch("store", from_store), taken["store"])
        turns.timed(lambda: epoch("memory", from_memory), taken["memory"])
    if losses["store"] != losses["memory"]:
        raise FerflowError(folder, "gives another loss from the store than from memory", "report it")
    padded = len(study.clips) * study.max_frames
    return {
        "clips": len(study.clips),
        "width": width,
        "head": HEAD,
        "batch": settings.temporal.batch,
        "kept_mib": kept,
        "peak_gb": peak,
        "disk_gb": on_disk / 1e9,
        "real_gb": 2 * width * real / 1e9,
        "padded_gb": 2 * width * padded / 1e9,
        "disk_of_real": on_disk / (2 * width * real),
        "epoch": {
            clock: {name: median(one.clock(own)) for name, one in taken.items()}
            for clock, own in turns.CLOCKS.items()
        },
        "ratio": {
            clock: turns.times_as_fast(taken["store"], taken["memory"], own=own)
            for clock, own in turns.CLOCKS.items()
        },
    }
