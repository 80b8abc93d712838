"""The images of a study in one file beside their manifest, so that no job need unpack the data set again."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from ferflow import tables
from ferflow.datasets.images import ImageSet
from ferflow.errors import InputError
from ferflow.files import atomic_write

BLOCK = 64
"""Images that share a checksum."""


def write(images: ImageSet, pixels_h5: str | Path) -> None:
    """Write `pixels` uint8 [N,...], row for row those of the set's manifest, with its name and root."""
    from ferflow import hdf5  # and with it h5py, which the reading of the rules has no use for

    with atomic_write(pixels_h5) as partial, hdf5.create(partial) as file:
        chunks = (min(BLOCK, len(images)), *images.pixels.shape[1:])
        file.create_dataset("pixels", data=images.pixels, chunks=chunks, fletcher32=True)
        file.attrs.update(name=images.name, root=images.root, clips=_digest(images.table))


def read(pixels_h5: str | Path, manifest_csv: str | Path) -> ImageSet:
    """The set that `write` wrote, with its manifest.

    Raises InputError for a damaged file, and for a manifest of other images or in another order.
    """
    from ferflow import hdf5

    remedy = "delete it and run again"
    table = tables.read(manifest_csv, "manifest")
    with hdf5.opened(pixels_h5, remedy, remedy) as file:
        shape = (None,) * file["pixels"].ndim if "pixels" in file else ()
        pixels = hdf5.dataset(pixels_h5, file, "pixels", shape, np.uint8, remedy)[...]
        name, root, clips = (str(file.attrs[key]) for key in ("name", "root", "clips"))
    if clips != _digest(table) or len(pixels) != len(table):
        raise InputError(pixels_h5, f"does not hold the images of {manifest_csv}", remedy)
    return ImageSet(name, root, table, pixels)


def _digest(table: pd.DataFrame) -> str:
    return hashlib.sha256("\n".join(table["clip_id"] + " " + table["sha256"]).encode()).hexdigest()
