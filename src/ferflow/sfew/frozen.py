"""What the frozen stages of a network say of every image, computed once for all folds, epochs and batches.

The frozen stages give the same numbers for an image whenever they are asked, so that they are asked once.
float32, in one piece, and read through a memory map: memory stays flat however large the maps are.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ferflow import hdf5
from ferflow.errors import InputError, WeightsError
from ferflow.files import atomic_write, sha256
from ferflow.models import transfer
from ferflow.models.precision import device
from ferflow.seeds import reproducible
from ferflow.sfew import store
from ferflow.weights import start_file

BATCH = 16
"""Images that are held at a time."""


def write(
    images_h5: str | Path,
    network: str,
    unfrozen: int,
    start: str,
    weights: str | Path | None,
    seed: int,
    threads: int,
    features_h5: str | Path,
) -> None:
    """Write the features of all images of a store (`sfew.store`) to `features_h5`.

    `start` is imagenet or shipped, with its file `weights`, or untrained (a random start from `seed`). Raises
    InputError for a damaged store, WeightsError for weights that do not fit and for a feature that is not
    finite.
    """
    with reproducible(seed, threads), store.read(images_h5) as (ids, images):
        stages = transfer.frozen(transfer.start(network, weights, seed), unfrozen).to(device())
        source = {
            "network": network,
            "unfrozen": unfrozen,
            "start": start,
            "sha256": sha256(weights) if start == "imagenet" else "",
            "seed": seed,
        }
        with atomic_write(features_h5) as partial, hdf5.create(partial) as file:
            file.attrs["source"] = json.dumps(source, sort_keys=True)
            store.write_ids(file, ids)
            rows = None
            for begin in range(0, len(ids), BATCH):
                values = stages(images[begin : begin + BATCH]).cpu().numpy()
                if not np.isfinite(values).all():
                    problem = "its frozen stages give features that are no numbers"
                    raise WeightsError(weights or network, problem, "take other weights")
                if rows is None:
                    # Contiguous, so that it can be mapped.
                    rows = file.create_dataset("features", (len(ids), *values.shape[1:]), np.float32)
                rows[begin : begin + len(values)] = values


def write_published(
    images_h5: str | Path,
    network: str,
    unfrozen: int,
    start: str,
    seed: int,
    threads: int,
    weights_folder: str | Path,
    out: str | Path,
) -> None:
    """The same with the weights of `start` in `weights_folder`, which are checked."""
    weights = start_file(network, start, weights_folder)
    write(images_h5, network, unfrozen, start, weights, seed, threads, out)


class Features:
    """A file that `write` wrote: `ids`, `source`, and `values` float32 [N,F] or [N,C,H,W], mapped."""

    def __init__(self, path: str | Path) -> None:
        """Map it. Raises InputError where it is missing or damaged."""
        with hdf5.opened(path, "run the workflow, which makes it", store.REMEDY) as file:
            self.source: dict = json.loads(file.attrs["source"])
            self.ids = store.read_ids(path, file)
            n_dims = file["features"].ndim if isinstance(file.get("features"), h5py.Dataset) else 2
            wanted = (len(self.ids), *(None,) * (n_dims - 1))
            rows = hdf5.dataset(path, file, "features", wanted, np.float32, store.REMEDY)
            shape, offset = rows.shape, rows.id.get_offset()
        if offset is None or len(shape) not in (2, 4):
            raise InputError(path, "is damaged: its features are not in one piece", store.REMEDY)
        self.values = np.memmap(path, np.float32, "r", offset, shape)


class Rows(Dataset):
    """Features and labels of some images; a list of numbers gives a batch.

    The batch is (features float32 [N,F] or [N,C,H,W], labels int64 [N]).
    """

    def __init__(self, values: np.ndarray, labels: np.ndarray, rows: Sequence[int] | np.ndarray) -> None:
        """`values` [M,...] and `labels` int64 [M] are of all images, `rows` the numbers of those meant."""
        self.values, self.rows = values, np.asarray(rows, np.int64)
        self.labels = torch.from_numpy(np.asarray(labels, np.int64)[self.rows])

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, numbers: Sequence[int]) -> tuple[Tensor, Tensor]:
        return torch.from_numpy(np.asarray(self.values[self.rows[numbers]])), self.labels[numbers]


class Recomputed(Dataset):
    """The same batches with the frozen stages asked again for each: what storing saves (`bench.transfer`)."""

    def __init__(
        self, stages: transfer.Frozen, images: np.ndarray, labels: np.ndarray, rows: np.ndarray
    ) -> None:
        """`images` uint8 [M,224,224,3] and `labels` int64 [M] are of all images."""
        self.stages, self.images, self.rows = stages, images, np.asarray(rows, np.int64)
        self.labels = torch.from_numpy(np.asarray(labels, np.int64)[self.rows])

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, numbers: Sequence[int]) -> tuple[Tensor, Tensor]:
        parts = np.array_split(self.rows[numbers], -(-len(numbers) // BATCH))
        features = torch.cat([self.stages(self.images[part]) for part in parts])
        return features.clone(), self.labels[numbers]
