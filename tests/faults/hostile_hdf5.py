"""Mutations of HDF5 stores."""

from __future__ import annotations

import io
from collections.abc import Callable
from random import Random

import h5py
import numpy as np
from hostile_bytes import ANY, Mutation

HUGE = (10**6, 10**9, 10**12, 2**40)
TYPES = ("float64", "int8", "S5", "uint8", "complex64", "bool", "float16", "O")


def _inside(change: Callable[[h5py.File, list[str], Random], object]) -> Mutation:
    """A mutation of an open HDF5 file; `change` is also given the paths of its datasets."""

    def mutation(data: bytes, rng: Random) -> bytes:
        memory = io.BytesIO(data)
        with h5py.File(memory, "r+") as file:
            found: list[str] = []
            file.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None)
            change(file, found, rng)
        return memory.getvalue()

    mutation.__name__ = change.__name__.strip("_")
    return mutation


def _replaced(file: h5py.File, name: str, **how) -> None:
    attributes = dict(file[name].attrs)
    del file[name]
    made = file.create_dataset(name, **how)
    made.attrs.update(attributes)


def _without_a_dataset(file, found, rng):
    del file[rng.choice(found)]


def _wrong_shape(file, found, rng):
    name = rng.choice(found)
    values = file[name][()]
    other = rng.choice((values[:-1], values[..., None], values.reshape(-1), values[:0], values.ravel()[0]))
    _replaced(file, name, data=other)


def _wrong_type(file, found, rng):
    name, kind = rng.choice(found), rng.choice(TYPES)
    shape = file[name].shape
    if kind == "O":
        _replaced(file, name, data=np.full(shape, "text", object), dtype=h5py.string_dtype())
    else:
        _replaced(file, name, data=np.zeros(shape, kind))


def _huge_shape(file, found, rng):
    """Declared, not stored: HDF5 gives the fill value for what was never written."""
    for name in [rng.choice(found)] if rng.random() < 0.5 else found:
        old = file[name]
        shape, kind = (rng.choice(HUGE), *old.shape[1:]), old.dtype
        try:
            _replaced(file, name, shape=shape, dtype=kind, chunks=(1, *shape[1:]) if shape[1:] else (64,))
        except (ValueError, OSError):
            _replaced(file, name, shape=(10**9,), dtype="uint8", chunks=(64,))


def _huge_contiguous(file, found, rng):
    name = rng.choice(found)
    _replaced(file, name, shape=(rng.choice(HUGE[:2]), *file[name].shape[1:]), dtype=file[name].dtype)


def _huge_chunk(file, found, rng):
    """One packed chunk of zeros that unpacks to two thousand million bytes."""
    name = rng.choice(found)
    inner = file[name].shape[1:]
    rows = max(1, 2 * 10**9 // max(1, int(np.prod(inner)) * file[name].dtype.itemsize))
    kind = file[name].dtype
    _replaced(file, name, shape=(rows, *inner), dtype=kind, chunks=(rows, *inner), compression="gzip")


def _never_written(file, found, rng):
    name = rng.choice(found)
    shape = file[name].shape
    _replaced(file, name, shape=shape, dtype=file[name].dtype, chunks=tuple(max(1, n) for n in shape) or None)


def _not_numbers(file, found, rng):
    for name in found:
        if file[name].dtype.kind == "f":
            values = file[name][()]
            values.flat[:: rng.choice((1, 7))] = rng.choice((np.nan, np.inf, -np.inf))
            _replaced(file, name, data=values)


def _group_for_dataset(file, found, rng):
    name = rng.choice(found)
    del file[name]
    file.create_group(name)


def _dataset_for_group(file, found, rng):
    name = rng.choice(list(file))
    del file[name]
    file[name] = np.arange(5)


def _link_to_itself(file, found, rng):
    name = rng.choice(found)
    del file[name]
    file[name] = h5py.SoftLink("/" + name)


def _link_outside(file, found, rng):
    name = rng.choice(found)
    del file[name]
    file[name] = h5py.ExternalLink(rng.choice(("/etc/passwd", "../../other.h5", "missing.h5")), "/" + name)


def _stored_outside(file, found, rng):
    """Raw data that another file holds."""
    name = rng.choice(found)
    old = file[name]
    if old.shape and old.dtype.kind != "O":
        size = int(np.prod(old.shape)) * old.dtype.itemsize
        _replaced(file, name, shape=old.shape, dtype=old.dtype, external=[("/etc/passwd", 0, size)])


def _virtual(file, found, rng):
    """A virtual dataset whose source is missing, which reads as zeros."""
    name = rng.choice(found)
    shape, kind = file[name].shape, file[name].dtype
    if shape:
        layout = h5py.VirtualLayout(shape, kind)
        layout[...] = h5py.VirtualSource("missing.h5", "x", shape, kind)
        del file[name]
        file.create_virtual_dataset(name, layout)


def _no_attributes(file, found, rng):
    for holder in (file, *(file[name] for name in file)):
        for name in list(holder.attrs):
            if rng.random() < 0.6:
                del holder.attrs[name]


def _wrong_attributes(file, found, rng):
    values = (-1, 10**15, "x" * 1000, np.nan, np.zeros(3), b"\xff\xfe", "{", "\x1b[2J", [[]], True)
    for holder in (file, *(file[name] for name in file)):
        for name in list(holder.attrs):
            if rng.random() < 0.5:
                holder.attrs[name] = rng.choice(values)


def _nothing_inside(file, found, rng):
    for name in list(file):
        del file[name]


def _cycle(file, found, rng):
    for name in list(file):
        if isinstance(file[name], h5py.Group):
            file[name]["inside"] = file["/"]


HDF5: tuple[Mutation, ...] = (
    *ANY,
    *map(
        _inside,
        (
            *([_without_a_dataset, _wrong_shape, _wrong_type, _huge_shape] * 3),
            *(_huge_contiguous, _huge_chunk, _never_written, _not_numbers, _group_for_dataset),
            *(_dataset_for_group, _link_to_itself, _link_outside, _stored_outside, _virtual),
            *(_no_attributes, _wrong_attributes, _nothing_inside, _cycle),
        ),
    ),
)
