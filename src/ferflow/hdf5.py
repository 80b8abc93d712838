"""HDF5 files whose damage is found: written with checksums, and checked before anything is read from them.

A file says of its datasets how long they are, and HDF5 takes its word: what was never written reads as
zeros, a chunk of some bytes may unpack to any number, a link may lead to another file. So a dataset is read
only where its shape and type are the expected ones and all of it is stored in the file itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from ferflow.errors import InputError

LARGEST_CHUNK = 2**26
"""Bytes of an unpacked chunk; ferflow's own have at most some hundred thousand."""
_DAMAGE = (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError, OverflowError)
"""What h5py raises of a damaged file, depending on where the damage is."""


def create(path: str | Path) -> h5py.File:
    """A new file at `path`, in the format in which HDF5 keeps a checksum of all but the values themselves.

    Datasets get one of their values by `fletcher32=True`.
    """
    return h5py.File(path, "w", libver="v110")


def set_texts(group: h5py.Group, **texts: str) -> None:
    """Write attributes of `group` as bytes in its header, which has a checksum.

    HDF5 keeps a string of any length in a heap without one, where damage can make it read without end.
    """
    group.attrs.update({name: np.bytes_(text.encode()) for name, text in texts.items()})


def text(group: h5py.Group, name: str) -> str:
    """The attribute `name` of `group` that `set_texts` (or, of earlier versions, h5py alone) wrote."""
    value = group.attrs[name]
    return value.decode() if isinstance(value, bytes) else str(value)


@contextmanager
def opened(path: str | Path, missing: str, remedy: str) -> Iterator[h5py.File]:
    """The file at `path`, to read in the block; `missing` is what to do where it is not there.

    Raises InputError with `remedy` for a file that is damaged or no HDF5, also where the block finds it out.
    """
    if not Path(path).is_file():
        raise InputError(path, "does not exist", missing)
    try:
        with h5py.File(path, "r") as file:
            yield file
    except _DAMAGE as error:
        raise InputError(path, f"is damaged or no HDF5 file ({error})", remedy) from None


def dataset(
    path: str | Path, group: h5py.Group, name: str, shape: tuple[int | None, ...] | None, dtype, remedy: str
) -> h5py.Dataset:
    """The dataset `name` of `group`, if it is what it should be and stored whole; else InputError.

    `shape` has None for what may have any length, and is None where the array may have any shape.
    """
    problem = _problem(group, name, shape, np.dtype(dtype))
    if problem:
        where = f"{group.name}/{name}".strip("/")
        raise InputError(path, f"is damaged: {where} {problem}", remedy)
    return group[name]


def _problem(group: h5py.Group, name: str, shape: tuple[int | None, ...] | None, dtype: np.dtype) -> str:
    if name not in group:
        return "is missing"
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        return "is a link"
    found = group[name]
    if not isinstance(found, h5py.Dataset):
        return "is no array"
    if found.dtype != dtype:
        return f"is of type {found.dtype}, not {dtype}"
    shape = found.shape if shape is None else shape
    fits = len(found.shape) == len(shape) and all(
        want is None or want == n for want, n in zip(shape, found.shape, strict=True)
    )
    if not fits:
        wanted = " × ".join("any" if n is None else str(n) for n in shape)
        return f"has the shape {' × '.join(map(str, found.shape))}, not {wanted}"
    if found.is_virtual or found.external:
        return "is stored elsewhere"
    return "" if _is_whole(found) else "is not all there"


def _is_whole(found: h5py.Dataset) -> bool:
    """Whether all values of a dataset are in its file, in chunks that memory holds."""
    if found.chunks is None:
        return found.id.get_storage_size() >= found.nbytes
    if math.prod(found.chunks) * found.dtype.itemsize > LARGEST_CHUNK:
        return False
    needed = math.prod(-(-n // chunk) for n, chunk in zip(found.shape, found.chunks, strict=True))
    return found.id.get_num_chunks() == needed


def number(path: str | Path, group: h5py.Group, name: str, remedy: str) -> float | int:
    """The attribute `name` of `group` as a number, finite and not negative; else InputError."""
    value = group.attrs[name]
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise InputError(path, f"is damaged: {group.name} has {name} {value!r:.40}", remedy)
    return value
