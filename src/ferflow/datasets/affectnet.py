"""AffectNet in its publisher's layout: its images as a manifest, and what was dropped.

Mollahosseini, Hasani and Mahoor, *AffectNet: a database for facial expression, valence, and arousal computing
in the wild*, IEEE Transactions on Affective Computing 10(1), 2019. `train_set` and `val_set` (some copies
write `train-set`, `val-set`) each hold `images/<id>.jpg` and, in `annotations/`, one NumPy file for each
answer: `<id>_exp.npy`, `<id>_val.npy`, `<id>_aro.npy` (and `<id>_lnd.npy`, landmarks, which are not read).
The publisher does not say who is shown; a `people.csv` beside the parts may.

What cannot be used is counted with its reason and left out, and the reading goes on: among 300,000 images
some are always damaged. The manifest is written in slices, so that memory does not grow with it.
"""

from __future__ import annotations

import difflib
import io
import os
import re
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from ferflow import tables
from ferflow.datasets.class_folders import is_image
from ferflow.datasets.images import is_synthetic_root
from ferflow.errors import InputError
from ferflow.prefetch import Item, ordered_map
from ferflow.tables import SLICE

CLASSES = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "angry", "contempt")
"""The expressions by their published codes 0–7."""
NOT_CLASSES = {8: "none", 9: "uncertain", 10: "no face"}
"""The published codes that are no expression; their images are dropped and counted."""
UNKNOWN = -2.0
"""Written for a valence or arousal that was not given."""
PARTS = {"train": ("train_set", "train-set"), "validation": ("val_set", "val-set")}
"""Each part, and the names of its folder."""
PEOPLE = "people.csv"
"""Who is shown (schema `affect_people`), where that is known."""
IMAGES, ANNOTATIONS = "images", "annotations"
ANSWERS = ("exp", "val", "aro")

NO_IMAGE = "annotation without its image"
NO_ANNOTATION = "image without its annotation"
SEVERAL_IMAGES = "second image of the same number"
UNREADABLE_ANSWER = "annotation cannot be read"
UNREADABLE_IMAGE = "image cannot be read"
NO_CODE = "expression is no code of 0 to 10"
BEYOND = "valence or arousal beyond -1 to 1"
NOT_GIVEN = "valence or arousal not given (-2)"
"""Counted, and kept: the image has an expression to learn."""

REMEDY = "give the folder that holds train_set and val_set, each with images and annotations"
LARGEST_ANSWER = 4096
"""Bytes of a file that holds one number; AffectNet's have some 130."""
CHUNK = 256
"""Images that a thread reads in one go."""
TOTAL = "all classes"
_ANSWER = re.compile(r"(.+)_(exp|val|aro)\.npy")


@dataclass(frozen=True)
class Annotated:
    """One image: `image` its path from the root on, `part`, and its annotation.

    Where `dropped` is empty, `code` is 0–7, `valence` and `arousal` lie in −1–1 or are NaN, not given, and
    `size` is width and height in pixels. Else it is the reason why the image is left out, or the annotation
    where there is no image.
    """

    image: str
    part: str
    code: int = -1
    valence: float = np.nan
    arousal: float = np.nan
    size: tuple[int, int] = (0, 0)
    dropped: str = ""


def write_manifest(root: str | Path, out_manifest: str | Path, out_counts: str | Path, smallest: int) -> None:
    """Read AffectNet at `root` once; write its manifest, and its counts (schema `affect_counts`).

    `smallest` and what is raised are those of `read`, and of `people`.
    """
    counts, synthetic, shown = Counts(), is_synthetic_root(root), people(root)
    kept = counts.kept(read(root, smallest))
    tables.write_slices(_rows(kept, Path(root), synthetic, shown), out_manifest, "manifest")
    tables.write(counts.table(synthetic), out_counts, "affect_counts")


def people(root: str | Path) -> dict[str, str]:
    """The subject of each image that `people.csv` in `root` lists, by its path from there; {} without one.

    Raises InputError for a damaged table and an image that is listed twice.
    """
    path = Path(root) / PEOPLE
    if not path.is_file():
        return {}
    listed = tables.read(path, "affect_people")
    if (twice := listed["image"].duplicated()).any():
        raise InputError(path, f"lists {listed.loc[twice, 'image'].iloc[0]} twice", "keep one of them")
    return dict(zip(listed["image"], listed["subject_id"], strict=True))


def _rows(
    kept: Iterator[Annotated], root: Path, synthetic: bool, shown: Mapping[str, str]
) -> Iterator[pd.DataFrame]:
    """Slices of the manifest. Hundreds of thousands of files are not hashed."""
    for images in _chunks(kept, SLICE):
        width, height = np.array([one.size for one in images]).T
        columns = {
            "clip_id": [clip_id(one.part, one.image) for one in images],
            "subject_id": [shown.get(one.image, "") for one in images],
            "emotion": [CLASSES[one.code] for one in images],
            "valence": [one.valence for one in images],
            "arousal": [one.arousal for one in images],
            "split": [one.part for one in images],
            "source": [(root / one.image).as_posix() for one in images],
            "width": width,
            "height": height,
        }
        same = {"sex": "", "sha256": "", "n_frames": 1, "fps": 0.0, "synthetic": synthetic}
        yield pd.DataFrame(columns).assign(**same)


def folders(root: str | Path) -> dict[str, str]:
    """The name of each part's folder in `root`.

    Raises InputError, in one line, for a folder that is missing (with the nearest name there is) or twice
    there, and for one without `images` and `annotations`.
    """
    root = Path(root)
    if not root.is_dir():
        raise InputError(root, "does not exist or is no folder", REMEDY + _nearest(root))
    folder_of = {}
    for part, names in PARTS.items():
        there = [name for name in names if (root / name).is_dir()]
        if not there:
            raise InputError(root, f"has no folder {' or '.join(names)}", REMEDY + _nearest(root / names[0]))
        if len(there) > 1:
            raise InputError(root, f"has both {' and '.join(names)}", "keep one of them")
        folder_of[part] = there[0]
        for name in (IMAGES, ANNOTATIONS):
            folder = root / there[0] / name
            if not folder.is_dir():
                raise InputError(folder, "does not exist or is no folder", REMEDY + _nearest(folder))
    return folder_of


def _nearest(path: Path) -> str:
    """`; rename X to Y if that is it`: X is the sibling of the folder `path` with the most similar name."""
    parent = path.parent
    names = [entry.name for entry in parent.iterdir() if entry.is_dir()] if parent.is_dir() else []
    close = difflib.get_close_matches(path.name, names, 1)
    return f"; rename {close[0]} to {path.name} if that is it" if close else ""


def read(root: str | Path, smallest: int, threads: int = 8) -> Iterator[Annotated]:
    """Every image of AffectNet at `root`, by part and number, and every annotation that has none.

    Images whose shorter side has fewer than `smallest` pixels are dropped. Of the pixels only the headers
    are read. Memory holds the names of one part's images and no more. Raises InputError as `folders`, and
    for a part of which no image can be used.
    """
    root = Path(root)
    for part, folder in folders(root).items():
        usable = False
        for one in _part(root, part, folder, smallest, threads):
            usable = usable or not one.dropped
            yield one
        if not usable:
            problem = "holds no image that can be used with its annotation"
            raise InputError(root / folder, problem, "take the data set as it is published")


def clip_id(part: str, image: str) -> str:
    """The name of an image of `part` by its path: `validation-0000012` of `val_set/images/12.jpg`.

    Numbers are in their order as text, too; of other names, what may not stand in one is written as its code.
    """
    stem = Path(image).stem
    plain = stem.isdecimal() and stem.isascii() and str(int(stem)) == stem
    written = re.sub("[^A-Za-z0-9._-]", lambda match: f"+{ord(match[0]):x}", stem)
    return f"{part}-{stem.zfill(7) if plain else written}"


def _part(root: Path, part: str, folder: str, smallest: int, threads: int) -> Iterator[Annotated]:
    images: dict[str, str] = {}
    for name in _names(root / folder / IMAGES):
        stem = name.rpartition(".")[0]
        if not is_image(name):
            continue
        if stem in images:
            yield Annotated(f"{folder}/{IMAGES}/{name}", part, dropped=SEVERAL_IMAGES)
        else:
            images[stem] = name
    orphans = set()
    for name in _names(root / folder / ANNOTATIONS):
        match = _ANSWER.fullmatch(name)
        if match and match[1] not in images:
            orphans.add(match[1])
    for stem in sorted(orphans, key=_number):
        yield Annotated(f"{folder}/{ANNOTATIONS}/{stem}_exp.npy", part, dropped=NO_IMAGE)

    def some(stems: list[str]) -> list[Annotated]:
        return [_one(root, part, folder, stem, images[stem], smallest) for stem in stems]

    for made in ordered_map(_chunks(sorted(images, key=_number), CHUNK), some, threads):
        yield from made


def _chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk


def _names(folder: Path) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.startswith(".") and entry.is_file():
                yield entry.name


def _number(stem: str) -> tuple[int, str]:
    """AffectNet's numbers as numbers; other names behind them."""
    return (int(stem), "") if stem.isdecimal() and len(stem) < 19 else (2**63, stem)


def _one(root: Path, part: str, folder: str, stem: str, name: str, smallest: int) -> Annotated:
    image = f"{folder}/{IMAGES}/{name}"
    before = f"{root}/{folder}/{ANNOTATIONS}/{stem}"
    try:
        code, valence, arousal = (answer(f"{before}_{kind}.npy") for kind in ANSWERS)
    except FileNotFoundError:
        return Annotated(image, part, dropped=NO_ANNOTATION)
    except (OSError, ValueError):
        return Annotated(image, part, dropped=UNREADABLE_ANSWER)
    if code not in range(len(CLASSES) + len(NOT_CLASSES)):
        return Annotated(image, part, dropped=NO_CODE)
    if code in NOT_CLASSES:
        return Annotated(image, part, dropped=f"expression {int(code)} ({NOT_CLASSES[int(code)]})")
    if any(value != UNKNOWN and not -1 <= value <= 1 for value in (valence, arousal)):
        return Annotated(image, part, dropped=BEYOND)
    size = image_size(root / image)
    if size is None:
        return Annotated(image, part, dropped=UNREADABLE_IMAGE)
    if min(size) < smallest:
        return Annotated(image, part, dropped=f"image smaller than {smallest} pixels")
    known = [np.nan if value == UNKNOWN else value for value in (valence, arousal)]
    return Annotated(image, part, int(code), *known, size)


def answer(path: str | Path) -> float:
    """The one number in the NumPy file at `path`: a number, or a string that says one ('0', '-0.12').

    Nothing is unpickled. Raises ValueError for a file that is no such array, FileNotFoundError and other
    OSErrors as they come.
    """
    with open(path, "rb") as file:  # noqa: PTH123 - a million of them: a Path costs as much as the reading
        data = file.read(LARGEST_ANSWER + 1)
    if len(data) > LARGEST_ANSWER or data[:6] != b"\x93NUMPY" or len(data) < 12:
        raise ValueError("no NumPy file of one number")
    begin = (
        10 + struct.unpack_from("<H", data, 8)[0]
        if data[6] == 1
        else 12 + struct.unpack_from("<I", data, 8)[0]
    )
    value = np.frombuffer(data[begin:], _dtype(data[:begin]))
    if value.size != 1:
        raise ValueError(f"{value.size} values, not one")
    try:
        number = float(value[0])
    except SystemError:  # NumPy's, of bytes that are no text
        raise ValueError("no text") from None
    if not np.isfinite(number):
        raise ValueError("no finite number")
    return number


@lru_cache(maxsize=256)
def _dtype(header: bytes) -> np.dtype:
    """The type of the one value behind `header`; most files of a set have one of a few headers."""
    file = io.BytesIO(header)
    try:
        version = np.lib.format.read_magic(file)
        read = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = read(file)
    except ValueError:
        raise
    except Exception as error:  # whatever Python's own reader of literals makes of bytes
        raise ValueError(f"no header of NumPy ({error})") from None
    if dtype.kind not in "biufSU" or not 0 < dtype.itemsize <= 256 or shape not in ((), (1,), (1, 1)):
        raise ValueError(f"an array {shape} of {dtype}, not one number")
    return dtype


def image_size(path: str | Path) -> tuple[int, int] | None:
    """Width and height by the header of the image at `path`; None where it is no image."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            return image.size
    except Exception:  # a damaged header makes Pillow raise almost anything
        return None


@dataclass
class Counts:
    """How many images of each part are of each class, and how many were dropped why, with the first.

    `numbers` and `first` are by part, kind (class, noted, dropped) and reason or class.
    """

    numbers: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    first: dict[tuple[str, str, str], str] = field(default_factory=dict)

    def add(self, image: Annotated, kind: str, reason: str) -> None:
        """Count one more."""
        self.numbers[image.part, kind, reason] += 1
        self.first.setdefault((image.part, kind, reason), image.image)

    def kept(self, images: Iterable[Annotated]) -> Iterator[Annotated]:
        """Those of `images` that are not dropped; all are counted as they pass."""
        for one in images:
            if one.dropped:
                self.add(one, "dropped", one.dropped)
                continue
            self.add(one, "class", CLASSES[one.code])
            if np.isnan(one.valence) or np.isnan(one.arousal):
                self.add(one, "noted", NOT_GIVEN)
            yield one

    def table(self, synthetic: bool) -> pd.DataFrame:
        """Schema `affect_counts`: each part's classes in AffectNet's order, their sum, the rest."""
        rows = []
        for part in PARTS:
            numbers = np.array([self.numbers[part, "class", name] for name in CLASSES])
            # Only the training part weighs, and there what has images.
            weights = np.where(numbers * (part == "train"), class_weights(numbers), np.nan)
            rows += [(part, "class", *row, "") for row in zip(CLASSES, numbers, weights, strict=True)]
            rows.append((part, "total", TOTAL, numbers.sum(), np.nan, ""))
            for kind in ("noted", "dropped"):
                keys = sorted(key for key in self.numbers if key[:2] == (part, kind))
                rows += [(*key, self.numbers[key], np.nan, self.first[key]) for key in keys]
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
