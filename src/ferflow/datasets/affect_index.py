"""The index of AffectNet: a table of its images, written and read in slices, and what was dropped.

The paper keeps file name, label, valence and arousal in a CSV file (section 4.1); so is it here. However many
images it lists, no more than `SLICE` rows of it are in memory as a table; training holds some 60 bytes an
image (`Index`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from ferflow import tables
from ferflow.datasets import affectnet
from ferflow.datasets.affectnet import CLASSES, NOT_GIVEN, PARTS, Found
from ferflow.errors import InputError

SLICE = 20_000
"""Rows of the table that are in memory at a time."""
TOTAL = "all classes"


def build(root: str | Path, out_index: str | Path, out_counts: str | Path, smallest: int) -> None:
    """Read AffectNet at `root` once; write its index (schema `affect_index`) and counts (`affect_counts`).

    Raises InputError as `affectnet.read`.
    """
    counts = Counts()
    synthetic = affectnet.is_synthetic(root)
    kept = counts.kept(affectnet.read(root, smallest))
    tables.write_slices(_frames(kept, synthetic), out_index, "affect_index")
    tables.write(counts.table(synthetic), out_counts, "affect_counts")


def _frames(kept: Iterator[Found], synthetic: bool) -> Iterator[pd.DataFrame]:
    while rows := list(islice(kept, SLICE)):
        yield pd.DataFrame(
            {
                "image": [row.image for row in rows],
                "part": [row.part for row in rows],
                "expression": [CLASSES[row.code] for row in rows],
                "valence": [row.valence for row in rows],
                "arousal": [row.arousal for row in rows],
                "synthetic": synthetic,
            }
        )


@dataclass
class Counts:
    """How many images of each part are of each class, and how many were dropped why, with the first."""

    found: dict[tuple[str, str, str], tuple[int, str]] = field(default_factory=dict)

    def add(self, part: str, kind: str, reason: str, example: str) -> None:
        """Count one more."""
        number, first = self.found.get((part, kind, reason), (0, example))
        self.found[part, kind, reason] = number + 1, first

    def kept(self, found: Iterable[Found]) -> Iterator[Found]:
        """Those of `found` that are not dropped; all are counted as they pass."""
        for one in found:
            if one.dropped:
                self.add(one.part, "dropped", one.dropped, one.image)
                continue
            self.add(one.part, "class", CLASSES[one.code], one.image)
            if np.isnan(one.valence) or np.isnan(one.arousal):
                self.add(one.part, "noted", NOT_GIVEN, one.image)
            yield one

    def table(self, synthetic: bool) -> pd.DataFrame:
        """Schema `affect_counts`: each part's classes in AffectNet's order, their sum, the rest."""
        rows = []
        for part in PARTS:
            numbers = [self.found.get((part, "class", name), (0, ""))[0] for name in CLASSES]
            weights = class_weights(np.array(numbers))
            for name, number, weight in zip(CLASSES, numbers, weights, strict=True):
                rows.append(
                    (part, "class", name, number, weight if number and part == "train" else np.nan, "")
                )
            rows.append((part, "total", TOTAL, sum(numbers), np.nan, ""))
            for kind in ("noted", "dropped"):
                others = sorted(key[2] for key in self.found if key[:2] == (part, kind))
                rows += [(part, kind, why, n, np.nan, first)
                         for why in others for n, first in [self.found[part, kind, why]]]  # fmt: skip
        columns = ["part", "kind", "reason", "number", "weight", "example"]
        return pd.DataFrame(rows, columns=columns).assign(synthetic=synthetic)


def class_weights(numbers: np.ndarray) -> np.ndarray:
    """Weights float64 [K] of the classes in the loss, from the images of each, int [K].

    Images by classes times images of the class (scikit-learn's `balanced`), so that the mean over all images
    is 1; 0 for a class that has none. The paper weights the classes against the long tail (section 4.4) and
    does not say how.
    """
    present = np.count_nonzero(numbers)
    return np.divide(numbers.sum(), present * numbers, out=np.zeros(len(numbers)), where=numbers > 0)


@dataclass(frozen=True)
class Index:
    """All images of an index, held compactly, in its order.

    `parts` uint8 [N] are places in `affectnet.PARTS`, `labels` uint8 [N] AffectNet's codes 0–7
    (`affectnet.CLASSES`), `valence_arousal` float32 [N,2] in −1–1, NaN where it was not given. The paths are
    bytes, one behind the other; `ends` int64 [N] says where each ends.
    """

    root: Path
    parts: np.ndarray
    labels: np.ndarray
    valence_arousal: np.ndarray
    paths: bytes
    ends: np.ndarray
    synthetic: bool

    def __len__(self) -> int:
        return len(self.labels)

    def image_id(self, number: int) -> str:
        """The path of image `number` from the data set's folder on."""
        return self.paths[self.ends[number - 1] if number else 0 : self.ends[number]].decode()

    def clip_id(self, number: int) -> str:
        """The name of image `number` in predictions."""
        return affectnet.clip_id(list(PARTS)[self.parts[number]], self.image_id(number))

    def image(self, number: int) -> Path:
        """Where image `number` lies."""
        return self.root / self.image_id(number)

    def rows(self, part: str) -> np.ndarray:
        """The numbers of the images of `part` ("train" or "validation"), int32, in the index's order."""
        return np.flatnonzero(self.parts == list(PARTS).index(part)).astype(np.int32)

    def counts(self, part: str) -> np.ndarray:
        """Images of each class in `part`, int64 [8]; `class_weights` makes the loss's weights of them."""
        return np.bincount(self.labels[self.rows(part)], minlength=len(CLASSES))


def images_of(index_csv: str | Path, clip_ids: Collection[str]) -> dict[str, str]:
    """The path of each of `clip_ids` from the data set's folder on."""
    wanted, found = set(clip_ids), {}
    for rows in tables.slices(index_csv, "affect_index", SLICE):
        names = map(affectnet.clip_id, rows["part"], rows["image"])
        found |= {name: image for name, image in zip(names, rows["image"], strict=True) if name in wanted}
    return found


def load(index_csv: str | Path, root: str | Path) -> Index:
    """The index at `index_csv` of the data set in the folder `root`, read in slices.

    Raises InputError for a damaged table and for an empty one.
    """
    found: list[tuple[np.ndarray, ...]] = []
    paths, end, synthetic = [], 0, False
    for rows in tables.slices(index_csv, "affect_index", SLICE):
        names = [name.encode() for name in rows["image"]]
        ends = end + np.cumsum([len(name) for name in names], dtype=np.int64)
        if not len(rows):
            continue
        end = int(ends[-1])
        paths.append(b"".join(names))
        found.append(
            (
                rows["part"].map(list(PARTS).index).to_numpy(np.uint8),
                rows["expression"].map(CLASSES.index).to_numpy(np.uint8),
                rows[["valence", "arousal"]].to_numpy(np.float32),
                ends,
            )
        )
        synthetic |= bool(rows["synthetic"].any())
    if not found:
        raise InputError(index_csv, "lists no image", "make it again")
    parts, labels, values, ends = (np.concatenate(column) for column in zip(*found, strict=True))
    return Index(Path(root), parts, labels, values, b"".join(paths), ends, synthetic)
