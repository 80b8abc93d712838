"""A cache of the features of a network's frozen part, computed once for all trainings of what is behind it.

While that part does not change (thesis, section 3.2.4, phase 1; Gong, section 2.2), it gives the same numbers
for an image in every fold, epoch and trial. They are one contiguous HDF5 dataset, `features` [N,F] or
[N,C,H,W], that is read through a memory map: memory stays flat however many there are (VGG16 on FER2013:
28,709 × 25,088 in float16 make 1.4 GB). Since they are computed once, trainings see the images as they are,
without augmentation.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ferflow import hdf5
from ferflow.errors import InputError, WeightsError
from ferflow.files import atomic_write

REMEDY = "delete it and run the workflow again"
TYPES = (np.float16, np.float32)
"""Of features."""


def write(
    path: str | Path, blocks: Iterable[np.ndarray], n: int, source: dict, **columns: np.ndarray
) -> None:
    """Write the features of `n` images, which come in `blocks` of rows of one type, to `path`.

    `source` (JSON values, among them `network`) says what they come from; `columns` int64 [N] are further
    values of each image. Raises WeightsError where a feature is not finite in its type (float16 ends at
    65,504).
    """
    with atomic_write(path) as partial, hdf5.create(partial) as file:
        hdf5.set_texts(file, source=json.dumps(source, sort_keys=True))
        for name, values in columns.items():
            file[name] = values
        rows, begin = None, 0
        for block in blocks:
            if not np.isfinite(block).all():
                most = np.finfo(block.dtype).max
                problem = f"the frozen part gives features that are not numbers or exceed {most:,g}"
                raise WeightsError(path, problem, f"take other weights for {source['network']}")
            if rows is None:
                # Contiguous, so that it can be mapped; written block by block, so that memory stays flat.
                rows = file.create_dataset("features", (n, *block.shape[1:]), block.dtype)
            rows[begin : begin + len(block)] = block
            begin += len(block)


class Features:
    """A file that `write` wrote: its `source`, and `values` [N,F] or [N,C,H,W], mapped."""

    def __init__(self, path: str | Path) -> None:
        """Map it. Raises InputError where it is missing or damaged."""
        self.path = path
        with hdf5.opened(path, "run the workflow, which makes it", REMEDY) as file:
            self.source: dict = json.loads(hdf5.text(file, "source"))
            found = file.get("features")
            known = isinstance(found, h5py.Dataset) and found.dtype in TYPES
            shape = (None,) * (4 if known and found.ndim == 4 else 2)
            dtype = found.dtype if known else np.float32
            rows = hdf5.dataset(path, file, "features", shape, dtype, REMEDY)
            if (offset := rows.id.get_offset()) is None:
                raise InputError(path, "is damaged: its features are not in one piece", REMEDY)
            self.values = np.memmap(path, dtype, "r", offset, rows.shape)

    def column(self, name: str) -> np.ndarray:
        """A column int64 [N] that stands beside the features. Raises InputError as `__init__`."""
        with hdf5.opened(self.path, REMEDY, REMEDY) as file:
            return hdf5.dataset(self.path, file, name, (len(self.values),), np.int64, REMEDY)[()]


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
        return torch.from_numpy(np.asarray(self.values[self.rows[numbers]], np.float32)), self.labels[numbers]
