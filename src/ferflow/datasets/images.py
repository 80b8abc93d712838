"""Sets of single images, as every reader gives them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ferflow import tables
from ferflow.classes import EMOTIONS_CONTEMPT
from ferflow.datasets.manifest import SYNTHETIC_MARK, refuse_repeats
from ferflow.errors import InputError
from ferflow.files import atomic_write

if TYPE_CHECKING:
    import h5py

OTHER_CLASS = "not a class of "
"""How the reason begins for which an image of another class is left out."""
BLOCK = 2**20
"""Bytes of images, about, that share a checksum in a file of pixels."""
OMITTED = ("clip_id", "source", "emotion", "reason")
"""Columns of `ImageSet.omitted`."""


def listed_as_omitted(rows: pd.DataFrame | Sequence[tuple] = ()) -> pd.DataFrame:
    """`rows`, a table or tuples of OMITTED, as a table for `ImageSet.omitted`."""
    return pd.DataFrame(rows, columns=list(OMITTED)).astype(str).reset_index(drop=True)


@dataclass(frozen=True)
class ImageSet:
    """Images of one data set, in the order of `table`.

    `table` has the columns of schema `manifest`, one row an image (a clip of one frame): `clip_id` is unique,
    `split` is the official part or empty, `sha256` is over the pixels as the file gives them, so that equal
    images have equal hashes. `pixels` is uint8 [N,H,W] or [N,H,W,3] (RGB). `omitted` lists the images that
    are in the data set but not here, with the reason.
    """

    name: str
    root: str
    table: pd.DataFrame
    pixels: np.ndarray
    omitted: pd.DataFrame = field(default_factory=listed_as_omitted)

    def __len__(self) -> int:
        return len(self.table)

    @property
    def labels(self) -> np.ndarray:
        """Index of each class in classes.EMOTIONS_CONTEMPT, whose first seven are FER2013's; int64 [N]."""
        return self.table["emotion"].map(EMOTIONS_CONTEMPT.index).to_numpy(np.int64)

    @property
    def splits(self) -> tuple[str, ...]:
        """The parts there are, in the order in which they first occur."""
        return tuple(self.table["split"].unique())

    @property
    def synthetic(self) -> bool:
        """Whether a generator made any of the images."""
        return bool(self.table["synthetic"].any())

    def rows(self, chosen: np.ndarray) -> ImageSet:
        """The images that `chosen` (a mask bool [N], or row numbers) picks; `omitted` stays as it is."""
        table = self.table.iloc[np.flatnonzero(chosen) if chosen.dtype == bool else chosen]
        return ImageSet(self.name, self.root, table.reset_index(drop=True), self.pixels[chosen], self.omitted)

    def part(self, split: str) -> ImageSet:
        """The images of one official part; InputError where there is none of that name."""
        chosen = (self.table["split"] == split).to_numpy()
        if not chosen.any():
            known = ", ".join(name or "(no part)" for name in self.splits)
            raise InputError(self.root, f"has no part {split}", f"{self.name} has here: {known}")
        return self.rows(chosen)

    def only(self, emotions: Sequence[str]) -> ImageSet:
        """The images of the classes `emotions`; those of other classes are added to `omitted`."""
        chosen = self.table["emotion"].isin(list(emotions)).to_numpy()
        others = self.table.loc[~chosen, ["clip_id", "source", "emotion"]]
        kept = self.rows(chosen)
        left_out = others.assign(reason=OTHER_CLASS + ", ".join(emotions))
        omitted = pd.concat([self.omitted, left_out], ignore_index=True) if len(others) else self.omitted
        return ImageSet(kept.name, kept.root, kept.table, kept.pixels, omitted)

    def write_manifest(self, path: str | Path) -> None:
        """Write `table` as a manifest (schema `manifest`)."""
        tables.write(self.table, path, "manifest")


def assemble(
    name: str,
    root: str | Path,
    pixels: np.ndarray,
    columns: dict[str, Sequence],
    omitted: pd.DataFrame | None = None,
) -> ImageSet:
    """An ImageSet of `pixels` [N,...] with the columns that follow from them filled in.

    `columns` gives `clip_id`, `emotion` and `source`, and what is known of the others; where `pixels` are
    crops, also `width`, `height` and `sha256` of the pictures they come from. Raises InputError where a
    `clip_id` stands twice.
    """
    table = pd.DataFrame(
        {
            "subject_id": "",
            "sex": "",
            "split": "",
            "n_frames": 1,
            "fps": 0.0,
            "width": pixels.shape[2],
            "height": pixels.shape[1],
            "synthetic": is_synthetic_root(root),
        }
        | columns
    )
    if "sha256" not in table:
        table["sha256"] = [pixel_hash(image) for image in pixels]
    table = table[[column for column in tables.schema("manifest").names if column in table]]
    refuse_repeats(root, table)
    return ImageSet(name, str(root), table, pixels, listed_as_omitted() if omitted is None else omitted)


def clip_id(name: str) -> str:
    """The `clip_id` of an image whose file is called `name`, without its ending."""
    return re.sub(r"[^A-Za-z0-9._+-]", "_", name)


def pixel_hash(image: np.ndarray) -> str:
    """SHA-256 of an image's pixels, uint8 in row order."""
    return hashlib.sha256(np.ascontiguousarray(image)).hexdigest()


def is_synthetic_root(root: str | Path) -> bool:
    """Whether the generator's mark lies in the folder `root`, beside the file `root`, or one folder above."""
    root = Path(root)
    folder = root if root.is_dir() else root.parent
    return any((place / SYNTHETIC_MARK).exists() for place in (folder, folder.parent))


def write_pixels(images: ImageSet, pixels_h5: str | Path) -> None:
    """Write `pixels` uint8 [N,...], row for row those of the set's manifest, with its name and root.

    So no job need unpack the data set again.
    """
    write_rows(pixels_h5, images.table, images.pixels, name=images.name, root=images.root)


def write_rows(
    pixels_h5: str | Path, table: pd.DataFrame, images: Iterable[np.ndarray], **attributes: str
) -> None:
    """Write `images`, uint8 of one shape, one for each row of the manifest `table` and taken block by block.

    Raises ValueError where there are not as many images as rows, or one has another shape or type.
    """
    from ferflow import hdf5  # and with it h5py, which the rules have no use for

    images, rows, count = iter(images), None, 0
    with atomic_write(pixels_h5) as partial, hdf5.create(partial) as file:
        hdf5.set_texts(file, clips=digest(table), **attributes)
        for first in images:
            block = np.stack([first, *islice(images, max(1, BLOCK // first.nbytes) - 1)])
            if rows is None:
                shape = (len(table), *first.shape)
                chunks = (min(len(block), len(table)), *first.shape)
                rows = file.create_dataset("pixels", shape, np.uint8, chunks=chunks, fletcher32=True)
            if block.dtype != np.uint8 or block.shape[1:] != rows.shape[1:]:
                raise ValueError(f"an image is {block.dtype} {block.shape[1:]}, not uint8 {rows.shape[1:]}")
            if count + len(block) <= len(table):
                rows[count : count + len(block)] = block
            count += len(block)
        if count != len(table):
            raise ValueError(f"{count} images for {len(table)} rows")


@contextmanager
def open_pixels(pixels_h5: str | Path, table: pd.DataFrame) -> Iterator[h5py.Dataset]:
    """The images uint8 [N,...] of the manifest `table`, to read in the block; only rows that are taken are.

    Raises InputError for a missing or damaged file, and for one of other images or in another order.
    """
    from ferflow import hdf5

    remedy = "delete it and run again"
    with hdf5.opened(pixels_h5, remedy, remedy) as file:
        pixels = hdf5.dataset(pixels_h5, file, "pixels", None, np.uint8, remedy)
        if hdf5.text(file, "clips") != digest(table) or len(pixels) != len(table):
            problem = "does not hold the images of the manifest in its order"
            raise InputError(pixels_h5, problem, remedy)
        yield pixels


def read_pixels(pixels_h5: str | Path, manifest_csv: str | Path) -> ImageSet:
    """The set that `write_pixels` wrote, with its manifest. Raises InputError as `open_pixels`."""
    from ferflow import hdf5

    table = tables.read(manifest_csv, "manifest")
    with open_pixels(pixels_h5, table) as pixels:
        name, root = (hdf5.text(pixels.file, key) for key in ("name", "root"))
        return ImageSet(name, root, table, pixels[...])


def digest(table: pd.DataFrame) -> str:
    """SHA-256 over names and contents of the images of a manifest, in its order."""
    return hashlib.sha256("\n".join(table["clip_id"] + " " + table["sha256"]).encode()).hexdigest()
