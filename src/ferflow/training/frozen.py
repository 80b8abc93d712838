"""What a frozen base says of every image, computed once for all classifiers that are tried on it.

While the base does not change (thesis, section 3.2.4, phase 1), its last pooling gives the same numbers for
an image in every epoch of every trial. They are written to one HDF5 file as float16 [N,F], contiguous, and
read through a memory map: memory stays flat however many there are (VGG16 on FER2013: 28,709 × 25,088 make
1.4 GB). Since they are computed once, phase 1 sees the images as they are, where the thesis augmented them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ferflow import hdf5
from ferflow.errors import InputError, WeightsError
from ferflow.files import atomic_write
from ferflow.models.fuse import placed
from ferflow.models.network import SpatialNetwork
from ferflow.models.precision import device
from ferflow.models.spatial import prepare

if TYPE_CHECKING:
    from ferflow.training.images import Labelled

LAYER = "pool"
"""The last pooling: what the classifier, which is all that learns, reads."""


def write(
    path: str | Path,
    network: SpatialNetwork,
    parts: dict[str, Labelled],
    batch: int,
    precision: torch.dtype,
    source: dict,
) -> None:
    """Write `network`'s features at the last pooling of all images of `parts` to `path`.

    `batch` images are held at a time. `source` (JSON values) says what they come from; `Frozen.source` gives
    it back. Raises WeightsError where a feature is not finite or exceeds float16's 65,504.
    """
    base = placed(network, precision)
    with atomic_write(path) as partial, hdf5.create(partial) as file, torch.inference_mode():
        file.attrs["source"] = json.dumps(source, sort_keys=True)
        for side, part in parts.items():
            group = file.create_group(side)
            group["labels"] = part.labels
            shape = (len(part.images), network.layers[LAYER])
            # Contiguous, so that it can be mapped; written row by row, so that memory stays flat.
            rows = group.create_dataset("features", shape, np.float16)
            for begin in range(0, len(part.images), batch):
                images = prepare(part.images[begin : begin + batch], network).to(device(), precision)
                features = base.features(images, LAYER).to(torch.float16).cpu().numpy()
                if not np.isfinite(features).all():
                    raise WeightsError(
                        path,
                        "the base gives features that are not numbers or exceed 65,504",
                        f"take other weights for {network.name}",
                    )
                rows[begin : begin + len(features)] = features


class Frozen(Dataset):
    """Features and labels of one part of a file that `write` made; a list of numbers gives a batch.

    The batch is (features float32 [N,F], labels int64 [N]).
    """

    def __init__(self, path: str | Path, side: str) -> None:
        """Map the part. Raises InputError where the file is missing, damaged or lacks it."""
        remedy = "delete it and run again"
        with hdf5.opened(path, remedy, remedy) as file:
            self.source: dict = json.loads(file.attrs["source"])
            group = file[side]
            labels = hdf5.dataset(path, group, "labels", (None,), np.int64, remedy)
            rows = hdf5.dataset(path, group, "features", (len(labels), None), np.float16, remedy)
            shape, offset = rows.shape, rows.id.get_offset()
            if offset is None:
                raise InputError(path, "is damaged: its features are not in one piece", remedy)
            self.labels = torch.from_numpy(labels[()])
        self.features = np.memmap(path, np.float16, "r", offset, shape)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, numbers: list[int]) -> tuple[Tensor, Tensor]:
        return torch.from_numpy(self.features[numbers].astype(np.float32)), self.labels[numbers]
