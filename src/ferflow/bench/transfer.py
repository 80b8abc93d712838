"""Time saved by storing the features of frozen stages: the same trainings from the store and recomputed.

python -m ferflow.bench.transfer [--network resnet18] [--images 70] [--folds 2] [--epochs 20] [--batch 64]

Both ways train the same classifiers from the same start on the same batches of generated images. The time
of the stored way includes computing, writing and mapping the features. The ratio grows with the epochs: the
paper's 200 epochs in five folds use each image 800 times.
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
class Comparison:
    """The measurements: seconds by both clocks, and the probabilities of every image by both ways.

    Probabilities are float64 [N,K], in the order in which the folds predict the images; `labels` int64 [N].
    """

    stored: turns.Taken
    recomputed: turns.Taken
    stored_probabilities: np.ndarray
    recomputed_probabilities: np.ndarray
    labels: np.ndarray

    def ratio(self, own: bool) -> float:
        """How many times as fast the store is, by the wall clock or the process's own time."""
        return turns.times_as_fast(self.stored, self.recomputed, own=own)

    def changed(self) -> int:
        """Images whose predicted class is another."""
        return int((self.stored_probabilities.argmax(1) != self.recomputed_probabilities.argmax(1)).sum())

    def accuracies(self) -> tuple[float, float]:
        """From the store, and recomputed."""
        both = (self.stored_probabilities, self.recomputed_probabilities)
        one, other = (float((rows.argmax(1) == self.labels).mean()) for rows in both)
        return one, other


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


def run(network: str, n: int, n_folds: int, epochs: int, batch: int, seed: int, threads: int) -> Comparison:
    """Measure both ways once, in one process."""
    images, labels = patterns(n, seed)
    folds = np.arange(n) // CLASSES % n_folds
    base = transfer.start(network, None, seed)
    probabilities: dict[str, np.ndarray] = {}

    def trainings(name: str, rows: Callable[[np.ndarray], Dataset]) -> None:
        each = []
        for fold in range(n_folds):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(derive_seed(seed, "bench", fold))
                head = transfer.head(base, network, 0, CLASSES)
            sides = rows(np.flatnonzero(folds != fold)), rows(np.flatnonzero(folds == fold))
            recipe = ([epochs], batch, LEARNING_RATE, WEIGHT_DECAY, seed, threads)
            each.append(train(head, *sides, *recipe, f"{name}, fold {fold}").probabilities[epochs])
        probabilities[name] = np.concatenate(each)

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
    both = probabilities["stored"], probabilities["recomputed"]
    in_folds = np.concatenate([labels[folds == fold] for fold in range(n_folds)])
    return Comparison(taken["stored"], taken["recomputed"], *both, in_folds)


def lines(result: Comparison, what: str) -> list[str]:
    """The result as text."""
    apart = float(np.abs(result.stored_probabilities - result.recomputed_probabilities).max())
    one, other = result.accuracies()
    times = {"wall clock": (False, result.stored.wall[0], result.recomputed.wall[0])}
    times["own time"] = (True, result.stored.own[0], result.recomputed.own[0])
    text = [f"{what}, generated (synthetic) images"]
    for clock, (own, quick, slow) in times.items():
        ratio = result.ratio(own)
        met = "met" if ratio >= TARGET else "missed"
        text.append(
            f"{clock}: stored {quick:.2f} s, recomputed {slow:.2f} s: {ratio:.1f} times as fast "
            f"(target {TARGET:g}: {met})"
        )
    text.append(f"accuracy: stored {one:.4f}, recomputed {other:.4f}")
    text.append(f"images of another predicted class: {result.changed()} of {len(result.labels)}")
    return [*text, f"largest difference of a probability: {apart:.2g}"]


def main() -> None:
    """Measure and print; exit code 1 where predictions or accuracy differ."""
    parser = arguments("ferflow.bench.transfer", __doc__)
    parser.add_argument("--network", choices=TRANSFERRED, default="resnet18")
    parser.add_argument("--images", type=int, default=70)
    parser.add_argument("--folds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    if options.folds < 2 or options.images < CLASSES * options.folds:
        parser.error(f"--folds must be at least 2, --images at least {CLASSES} a fold")
    if min(options.epochs, options.batch, options.threads) < 1 or options.seed < 0:
        parser.error("--epochs, --batch and --threads must be at least 1, --seed at least 0")
    sizes = (options.images, options.folds, options.epochs, options.batch, options.seed, options.threads)
    with errors_in_one_line():
        result = run(options.network, *sizes)
    what = f"{options.network}, {options.images} images, {options.folds} folds, {options.epochs} epochs"
    print("\n".join(lines(result, what)))
    one, other = result.accuracies()
    if result.changed() or one != other:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
