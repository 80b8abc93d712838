"""What storing the features of frozen stages saves: the same trainings from the store and recomputed.

python -m ferflow.bench.transfer [--network resnet18] [--images 70] [--folds 2] [--epochs 20] [--batch 64]

Both ways train the same classifiers from the same start on the same batches of generated images. The stored
way's time includes computing the features, writing and mapping them. The ratio grows with the epochs: the
paper's 200 in five folds ask for each image 800 times.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ferflow.apps.terminal import arguments, errors_in_one_line
from ferflow.bench import turns
from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.models import transfer
from ferflow.networks import TRANSFERRED
from ferflow.seeds import derive_seed
from ferflow.sfew import run as sfew
from ferflow.sfew import store
from ferflow.training.frozen import Features, Rows
from ferflow.training.transfer import train

TARGET = 10.0
"""Times as fast, at least."""
CLASSES = len(EMOTIONS_NEUTRAL)
LEARNING_RATE, WEIGHT_DECAY = 0.01, 0.001
SQUARES = 14
"""A side of the patterns, which are enlarged to 224 pixels."""


@dataclass(frozen=True)
class Found:
    """What was measured: seconds by both clocks, and what both ways say of every image.

    Probabilities are float64 [N,K], in the order in which the folds judge the images; `labels` int64 [N].
    """

    stored: turns.Taken
    recomputed: turns.Taken
    said_stored: np.ndarray
    said_recomputed: np.ndarray
    labels: np.ndarray

    def ratio(self, own: bool) -> float:
        """How many times as fast the store is, by the wall clock or the process's own time."""
        return turns.times_as_fast(self.stored, self.recomputed, own=own)

    def changed(self) -> int:
        """Images whose predicted class is another."""
        return int((self.said_stored.argmax(1) != self.said_recomputed.argmax(1)).sum())

    def accuracies(self) -> tuple[float, float]:
        """From the store, and recomputed."""
        right = [(said.argmax(1) == self.labels).mean() for said in (self.said_stored, self.said_recomputed)]
        return float(right[0]), float(right[1])


class Recomputed(Dataset):
    """Batches as those of `Rows`, for which the frozen stages compute the features of each image anew."""

    def __init__(
        self, stages: transfer.Frozen, images: np.ndarray, labels: np.ndarray, rows: np.ndarray
    ) -> None:
        """`images` uint8 [M,224,224,3] and `labels` int64 [M] are of all images."""
        self.stages, self.images, self.rows = stages, images, np.asarray(rows, np.int64)
        self.labels = torch.from_numpy(np.asarray(labels, np.int64)[self.rows])

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, numbers: Sequence[int]) -> tuple[Tensor, Tensor]:
        parts = np.array_split(self.rows[numbers], -(-len(numbers) // sfew.FROZEN_BATCH))
        features = torch.cat([self.stages(self.images[part]) for part in parts])
        return features.clone(), self.labels[numbers]


def patterns(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """`n` images uint8 [N,224,224,3] of seven noisy patterns in turn, and their labels int64 [N]."""
    rng = np.random.default_rng(derive_seed(seed, "bench", "transfer"))
    shape = (SQUARES, SQUARES, 3)
    base = rng.integers(0, 256, (CLASSES, *shape))
    labels = np.arange(n) % CLASSES
    noisy = np.clip(base[labels] * 0.5 + 64 + rng.normal(0, 60, (n, *shape)), 0, 255).astype(np.uint8)
    times = store.SIZE // SQUARES
    return noisy.repeat(times, 1).repeat(times, 2), labels


def run(network: str, n: int, n_folds: int, epochs: int, batch: int, seed: int, threads: int) -> Found:
    """Measure both ways once, in one process."""
    images, labels = patterns(n, seed)
    folds = np.arange(n) // CLASSES % n_folds
    base = transfer.start(network, None, seed)
    said: dict[str, np.ndarray] = {}

    def trainings(name: str, rows: Callable[[np.ndarray], Dataset]) -> None:
        each = []
        for fold in range(n_folds):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(derive_seed(seed, "bench", fold))
                head = transfer.head(base, network, 0, CLASSES)
            sides = rows(np.flatnonzero(folds != fold)), rows(np.flatnonzero(folds == fold))
            recipe = ([epochs], batch, LEARNING_RATE, WEIGHT_DECAY, seed, threads)
            each.append(train(head, *sides, *recipe, f"{name}, fold {fold}").probabilities[epochs])
        said[name] = np.concatenate(each)

    with tempfile.TemporaryDirectory(prefix="ferflow-bench-") as folder:
        paths = Path(folder) / "images.h5", Path(folder) / "features.h5"
        store.write(paths[0], [f"image{k}" for k in range(n)], images)

        def stored() -> None:
            sfew.write_features(paths[0], network, 0, "untrained", seed, threads, folder, paths[1])
            values = Features(paths[1]).values
            trainings("stored", lambda chosen: Rows(values, labels, chosen))

        def recomputed() -> None:
            stages = transfer.frozen(base, 0)
            trainings("recomputed", lambda chosen: Recomputed(stages, images, labels, chosen))

        taken = turns.in_turns({"stored": stored, "recomputed": recomputed}, 1, warm_up=False)
    judged = np.concatenate([labels[folds == fold] for fold in range(n_folds)])
    return Found(taken["stored"], taken["recomputed"], said["stored"], said["recomputed"], judged)


def lines(found: Found, what: str) -> list[str]:
    """What was found, in words."""
    apart = float(np.abs(found.said_stored - found.said_recomputed).max())
    one, other = found.accuracies()
    times = {"wall clock": (False, found.stored.wall[0], found.recomputed.wall[0])}
    times["own time"] = (True, found.stored.own[0], found.recomputed.own[0])
    said = [f"{what}, generated (synthetic) images"]
    for clock, (own, quick, slow) in times.items():
        ratio = found.ratio(own)
        met = "met" if ratio >= TARGET else "missed"
        said.append(
            f"{clock}: stored {quick:.2f} s, recomputed {slow:.2f} s: {ratio:.1f} times as fast "
            f"(target {TARGET:g}: {met})"
        )
    said.append(f"accuracy: stored {one:.4f}, recomputed {other:.4f}")
    said.append(f"images of another predicted class: {found.changed()} of {len(found.labels)}")
    return [*said, f"largest difference of a probability: {apart:.2g}"]


def main() -> None:
    """Measure and print; exit code 1 where predictions or accuracy differ."""
    asked = arguments("ferflow.bench.transfer", __doc__)
    asked.add_argument("--network", choices=TRANSFERRED, default="resnet18")
    asked.add_argument("--images", type=int, default=70)
    asked.add_argument("--folds", type=int, default=2)
    asked.add_argument("--epochs", type=int, default=20)
    asked.add_argument("--batch", type=int, default=64)
    asked.add_argument("--seed", type=int, default=20)
    asked.add_argument("--threads", type=int, default=1)
    given = asked.parse_args()
    if given.folds < 2 or given.images < CLASSES * given.folds:
        asked.error(f"--folds must be at least 2, --images at least {CLASSES} a fold")
    if min(given.epochs, given.batch, given.threads) < 1 or given.seed < 0:
        asked.error("--epochs, --batch and --threads must be at least 1, --seed at least 0")
    sizes = (given.images, given.folds, given.epochs, given.batch, given.seed, given.threads)
    with errors_in_one_line():
        found = run(given.network, *sizes)
    what = f"{given.network}, {given.images} images, {given.folds} folds, {given.epochs} epochs"
    print("\n".join(lines(found, what)))
    one, other = found.accuracies()
    if found.changed() or one != other:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
