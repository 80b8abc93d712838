"""Whether what a job wrote is there and can be read back: by its schema, as HDF5, as weights."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from xml.etree import ElementTree
from zipfile import is_zipfile

import yaml

from ferflow import schemas, tables
from ferflow.errors import FerflowError

SCHEMAS = {
    "predictions": "predictions",
    "fold_test_predictions": "predictions",
    "majority": "predictions",
    "annotators": "predictions",
    "history": "history",
    "early_history": "history",
    "manifest": "manifest",
    "clips": "manifest",
    "trim": "trim",
}
"""Schemas of tables by the names of their files, where those are not the schemas' own."""
OF_FOLDER = {"aus": "aus", "controls": "predictions", "baselines": "predictions"}
"""Of tables that are called after a subject or a model, by a folder above."""


def lacking(folder: Path, paths: Iterable[str], shown: Mapping[str, str]) -> list[str]:
    """What is wrong with outputs, a line each: missing, empty, or not readable.

    `shown` are the schemas of the report's tables by their names.
    """
    return [f"{path}: {wrong}" for path in paths if (wrong := _wrong(folder / path, shown))]


def _wrong(path: Path, shown: Mapping[str, str]) -> str:
    if path.is_dir():
        files = [file for file in path.rglob("*") if file.is_file() and not file.name.startswith(".")]
        return next(filter(None, (_wrong(file, shown) for file in files)), "" if files else "is empty")
    if not path.is_file():
        return "is missing"
    if not path.stat().st_size:
        return "is empty"
    try:
        _READERS.get(path.suffix.lower(), lambda path, shown: None)(path, shown)
    except FerflowError as error:
        return error.problem
    except Exception as error:  # whatever a reader makes of damaged bytes
        return f"cannot be read ({type(error).__name__}: {str(error)[:120]})"
    return ""


def _table(path: Path, shown: Mapping[str, str]) -> None:
    of_kind = (f"{part}_{path.stem}" for part in path.parts[::-1])  # sfew_history, nested_inner
    names = (shown.get(path.stem), *of_kind, SCHEMAS.get(path.stem), path.stem)
    of_folder = next((OF_FOLDER[part] for part in path.parts[::-1] if part in OF_FOLDER), None)
    known = next((name for name in (*names, of_folder) if name in schemas.TABLES), None)
    if known is not None:
        tables.read(path, known)
    else:
        import pandas as pd

        pd.read_csv(path)


def _hdf5(path: Path, shown: Mapping[str, str]) -> None:
    """Read the first and the last row of every dataset, whose checksums are compared with that."""
    import h5py
    import hdf5plugin  # noqa: F401  filters that datasets are packed by

    def look(_: str, item: object) -> None:
        if isinstance(item, h5py.Dataset) and item.ndim and len(item):
            item[0], item[-1]

    with h5py.File(path, "r") as file:
        if not len(file):
            raise ValueError("it holds nothing")
        file.visititems(look)


def _weights(path: Path, shown: Mapping[str, str]) -> None:
    import torch

    # What torch wrote before it wrote archives cannot be mapped.
    torch.load(path, map_location="cpu", weights_only=True, mmap=is_zipfile(path))


_READERS = {
    ".csv": _table,
    ".h5": _hdf5,
    ".pt": _weights,
    ".json": lambda path, shown: json.loads(path.read_text(encoding="utf-8")),
    ".yaml": lambda path, shown: yaml.safe_load(path.read_text(encoding="utf-8")),
    ".svg": lambda path, shown: ElementTree.parse(path),
}
