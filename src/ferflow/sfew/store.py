"""Images of the study in one file: uint8 [N,224,224,3] RGB and their names, in the order of the manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import h5py
import numpy as np

from ferflow import hdf5
from ferflow.datasets import manifest as clip_list
from ferflow.datasets.sfew import scenes
from ferflow.errors import InputError
from ferflow.files import atomic_write

SIZE = 224
"""Pixels of a side (Gong, section 2.1)."""
BLOCK = 8
"""Images that share a checksum."""
REMEDY = "delete it and run the workflow again"


def write(path: str | Path, ids: Sequence[str], images: Iterable[np.ndarray]) -> None:
    """Write `images` uint8 [224,224,3], taken a block at a time, under the names `ids`.

    Raises ValueError where there are not as many images as names, or one has another shape or type, and
    where names are not different.
    """
    if len(ids) == 0 or len(set(ids)) != len(ids):
        raise ValueError("the names of images must be some, and different")
    shape, images, count = (len(ids), SIZE, SIZE, 3), iter(images), 0
    with atomic_write(path) as partial, hdf5.create(partial) as file:
        file.create_dataset("ids", data=list(ids), dtype=h5py.string_dtype())
        chunks = (min(BLOCK, len(ids)), *shape[1:])
        rows = file.create_dataset("images", shape, np.uint8, chunks=chunks, fletcher32=True)
        while taken := list(islice(images, BLOCK)):
            block = np.stack(taken)
            if block.dtype != np.uint8 or block.shape[1:] != shape[1:]:
                raise ValueError(f"an image is {block.dtype} {block.shape[1:]}, not uint8 {shape[1:]}")
            begin, count = count, count + len(block)
            if count > len(ids):
                break
            rows[begin:count] = block
        if count != len(ids):
            raise ValueError(f"{count} images for {len(ids)} names")


def write_originals(manifest_csv: str | Path, out: str | Path) -> None:
    """Write the scenes of a manifest, each as a whole scaled to 224×224, in its order.

    Raises InputError for an image that has changed since the manifest was made.
    """
    manifest = clip_list.read(manifest_csv)
    write(out, manifest["clip_id"].tolist(), map(fitted, scenes(manifest)))


@contextmanager
def read(path: str | Path) -> Iterator[tuple[list[str], h5py.Dataset]]:
    """The names, and the images as a dataset that reads only the rows that are taken, within the block.

    Raises InputError for a missing or damaged file.
    """
    with hdf5.opened(path, "run the workflow, which makes it", REMEDY) as file:
        names = file.get("ids")
        if not (isinstance(names, h5py.Dataset) and names.ndim == 1 and h5py.check_string_dtype(names.dtype)):
            raise InputError(path, "is damaged: it has no names of its images", REMEDY)
        ids = [str(name) for name in names.asstr()[()]]
        yield ids, hdf5.dataset(path, file, "images", (len(ids), SIZE, SIZE, 3), np.uint8, REMEDY)


def digest(ids: Iterable[str]) -> str:
    """SHA-256 over names of images, in their order."""
    return hashlib.sha256("\n".join(ids).encode()).hexdigest()


def refuse_others(path: str | Path, ids: Sequence[str], wanted: Sequence[str]) -> None:
    """Raise InputError where a file does not hold the images `wanted`, in their order."""
    if list(ids) != list(wanted):
        raise InputError(path, "does not hold the images of the manifest in its order", REMEDY)


def fitted(image: np.ndarray) -> np.ndarray:
    """An image uint8 [H,W,3] as [224,224,3], whatever its shape: shrinking averages, growing is bilinear."""
    import cv2

    shrinks = min(image.shape[:2]) >= SIZE
    return cv2.resize(image, (SIZE, SIZE), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
