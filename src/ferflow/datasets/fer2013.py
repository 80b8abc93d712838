"""FER2013, in the forms in which people keep it: two CSV files, folders of images, a tar file.

Goodfellow et al., *Challenges in representation learning: a report on three machine learning contests*, 2013:
35,887 grey images of 48×48, seven classes, in three official parts (thesis, Table 3.3).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import IO

import numpy as np

from ferflow.datasets import class_folders, pixel_csv
from ferflow.datasets.class_folders import FoundImage
from ferflow.datasets.images import ImageSet, assemble, clip_id
from ferflow.datasets.pixel_csv import SIZE as SIZE
from ferflow.datasets.pixel_csv import PixelRows
from ferflow.errors import InputError

CODES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""Kaggle's codes 0–6."""
USAGES = ("Training", "PublicTest", "PrivateTest")
TEST = "test"
"""The part of test images whose names do not say whether they are of PublicTest or PrivateTest."""
PARTS = (*USAGES, TEST)
CSV_NAMES = ("fer2013.csv", "icml_face_data.csv")
"""The two files of Kaggle that hold all three parts; they differ in their columns' order and spaces."""
FOLDERS = {"train": ("Training",), "test": ("PublicTest", "PrivateTest")} | {
    usage.lower(): (usage,) for usage in USAGES
}
"""Names of the upper folders, lower case, and the parts whose images belong there."""
LAYOUTS = (
    "expected fer2013.csv or icml_face_data.csv, folders train/<class>/ and test/<class>/, "
    "or a tar file of either"
)
CSV_REMEDY = "take fer2013.csv as Kaggle gives it"


def write_manifest(stills: str | Path, out: str | Path) -> None:
    """List the images of FER2013 at `stills` in the table `out` (schema `manifest`); raises as `read`."""
    read(stills).write_manifest(out)


def read(path: str | Path) -> ImageSet:
    """Read FER2013 from a CSV, a folder or a tar file; which one it is shows from what lies at `path`.

    A folder may hold one of Kaggle's CSV files, the folders train/ and test/ (or Training/, PublicTest/ and
    PrivateTest/) with a folder for each class, or one tar file. Images of a CSV come in its order, their
    `clip_id` being the row's number from 0; others by part (Training, PublicTest, PrivateTest), then file
    name, so that a folder and its tar file give the same, their `clip_id` being the file's name. Images in
    test/ whose names do not begin with the part's are of the part `test`, both test parts together.

    Raises InputError where nothing fits, for a class without images among those to train on (among all where
    there is no Training), an image that is not 48×48, and what `pixel_csv.parse` and `class_folders.in_tar`
    refuse.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(path, "does not exist", "put FER2013 there, or correct the path")
    if path.is_dir():
        return _read_folder(path)
    if class_folders.is_tar(path):
        return _read_tar(path)
    if path.suffix.lower() == ".csv":
        return _from_rows(path, path.as_posix(), pixel_csv.read(path, len(CODES), USAGES, CSV_REMEDY))
    raise InputError(path, "is no FER2013", LAYOUTS)


def _read_folder(root: Path) -> ImageSet:
    tables = [root / name for name in CSV_NAMES if (root / name).is_file()]
    tars = sorted(entry for entry in root.iterdir() if entry.is_file() and class_folders.is_tar(entry))
    folders = sorted(e for e in root.iterdir() if e.is_dir() and e.name.lower() in FOLDERS)
    if tables:
        return read(tables[0])  # both files hold the same images
    if folders:
        return _from_images(root, class_folders.in_folder(root, levels=2))
    if len(tars) == 1:
        return read(tars[0])
    if tars:
        names = ", ".join(tar.name for tar in tars)
        raise InputError(root, f"holds {len(tars)} tar files ({names})", "give the path of one")
    raise InputError(root, "is no folder of FER2013", LAYOUTS)


def _read_tar(path: Path) -> ImageSet:
    csv: list[tuple[str, PixelRows]] = []

    def table(file: IO[bytes], name: str) -> None:
        if PurePosixPath(name).name in CSV_NAMES and not csv:
            lines = (line.decode(pixel_csv.ENCODING) for line in file)
            source = f"{path.as_posix()}/{name}"
            csv.append((source, pixel_csv.parse(lines, source, len(CODES), USAGES, CSV_REMEDY)))

    images = list(class_folders.in_tar(path, table))
    return _from_rows(path, *csv[0]) if csv else _from_images(path, images)


def _from_rows(path: Path, source: str, rows: PixelRows) -> ImageSet:
    images = pixel_csv.image_set("fer2013", path, source, rows, CODES)
    _refuse_empty(source, images)
    return images


def _from_images(path: Path, items: Iterable[FoundImage | PurePosixPath]) -> ImageSet:
    rows = [
        (PARTS.index(_part(image, group[0])), image.path.name, emotion, image)
        for image, group, emotion in class_folders.by_class(path, items, CODES, "FER2013", LAYOUTS, FOLDERS)
    ]
    if not rows:
        raise InputError(path, "holds no image of FER2013", LAYOUTS)
    rows.sort(key=lambda row: row[:3])
    numbers, names, emotions, images = zip(*rows, strict=True)
    parts = [PARTS[number] for number in numbers]
    if TEST in parts and {"PublicTest", "PrivateTest"} & set(parts):
        odd = images[parts.index(TEST)].source
        raise InputError(odd, "is not named PublicTest_… or PrivateTest_… as others are", "rename it")
    columns = {
        "clip_id": _clip_ids(parts, emotions, names),
        "emotion": list(emotions),
        "split": parts,
        "source": [image.source for image in images],
    }
    whole = assemble("fer2013", path, np.stack([image.pixels() for image in images]), columns)
    _refuse_empty(path, whole)
    return whole


def _part(image: FoundImage, folder: str) -> str:
    """The part of an image: what its name begins with, else what its folder says."""
    allowed = FOLDERS[folder.lower()]
    named = next((usage for usage in USAGES if image.path.name.startswith(f"{usage}_")), None)
    if named is None:
        return allowed[0] if len(allowed) == 1 else TEST
    if named not in allowed:
        raise InputError(image.source, f"is of {named} by its name, not of {folder}", "move it")
    return named


def _clip_ids(parts: Sequence[str], emotions: Sequence[str], names: Sequence[str]) -> list[str]:
    """The files' names; with the class where two images have one name, as two pairs of FER2013 do."""
    stems = [clip_id(PurePosixPath(name).stem) for name in names]
    # Names that do not begin with the part may stand in several folders: im0.png is the first of each.
    ids = [
        stem if stem.startswith(f"{part}_") else f"{part}-{stem}"
        for stem, part in zip(stems, parts, strict=True)
    ]
    count = Counter(ids)
    return [f"{i}-{emotion}" if count[i] > 1 else i for i, emotion in zip(ids, emotions, strict=True)]


def _refuse_empty(where: str | Path, images: ImageSet) -> None:
    """Raise InputError for a class without images in Training, or, in a set without that part, in all."""
    table = images.table
    train = table[table["split"] == "Training"]
    present = set((table if train.empty else train)["emotion"])
    lacking = [emotion for emotion in CODES if emotion not in present]
    if lacking:
        of = "" if train.empty else " in Training"
        raise InputError(where, f"has no image of the class {lacking[0]}{of}", "take the whole data set")
