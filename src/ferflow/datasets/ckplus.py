"""CK+, the extended Cohn-Kanade set: as sequences, as folders of faces of 48×48, or as a CSV of such faces.

Lucey et al., *The Extended Cohn-Kanade Dataset (CK+)*, CVPR Workshops 2010: 593 sequences of 123 people, from
neutral to the peak of an expression, 327 of them with an emotion. The copies with faces of 48×48 are the work
of others.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from ferflow.classes import EMOTIONS_CONTEMPT
from ferflow.datasets import class_folders, pixel_csv
from ferflow.datasets.crops import Crops, cropped
from ferflow.datasets.images import ImageSet, assemble, clip_id, listed_as_omitted
from ferflow.datasets.manifest import ListedClip
from ferflow.errors import InputError, SettingError
from ferflow.settings import Sequences

IMAGES, LABELS = "cohn-kanade-images", "Emotion"
"""The folders of the sequences: IMAGES/S005/001/S005_001_00000011.png, LABELS/S005/001/…_emotion.txt."""
SEQUENCE_CODES = ("neutral", "angry", "contempt", "disgust", "fear", "happy", "sad", "surprise")
"""What the numbers 0–7 of the emotion files mean; 0 is foreseen there and does not occur."""
FRAME = re.compile(r"(?P<subject>S\d{3})_(?P<sequence>\d{3})_(?P<frame>\d{8})")
CSV_NAME = "ckextended.csv"
CSV_CODES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral", "contempt")
"""What the numbers 0–7 of the CSV mean."""
USAGES = ("Training", "PublicTest", "PrivateTest")
"""The CSV's parts: drawn at random by whoever made it, no official split."""
CSV_REMEDY = f"take {CSV_NAME} as Kaggle gives it"
LAYOUTS = f"expected {IMAGES}/ and {LABELS}/, a folder for each class, or {CSV_NAME}"


def read(root: str | Path, sequences: Sequences | None = None, crops: Crops | None = None) -> ImageSet:
    """Read CK+ at `root`; which of its forms it is shows from what lies there.

    Sequences need `sequences` (which frames count) and `crops`; the other forms are faces already. Raises
    InputError where nothing fits and for what is wrong with the files; SettingError where sequences lack one
    of the two.
    """
    root = Path(root)
    if not root.exists():
        raise InputError(root, "does not exist", "put CK+ there, or correct the path")
    table = root if root.is_file() else root / CSV_NAME
    if table.suffix.lower() == ".csv" and table.is_file():
        rows = pixel_csv.read(table, len(CSV_CODES), USAGES, CSV_REMEDY)
        return pixel_csv.image_set("ckplus", root, table.as_posix(), rows, CSV_CODES)
    if root.is_file():
        raise InputError(root, "is no CK+", LAYOUTS)
    if has_sequences(root):
        if sequences is None or crops is None:
            raise SettingError(root, "holds sequences", "say which frames count, and how faces are cropped")
        listed, omitted = find(root, sequences)
        return cropped("ckplus", root, listed, omitted, crops)
    return _read_folders(root)


def has_sequences(root: Path) -> bool:
    """Whether `root` holds CK+ as its authors publish it."""
    return (root / IMAGES).is_dir()


def find(root: str | Path, sequences: Sequences) -> tuple[list[ListedClip], pd.DataFrame]:
    """The frames of the labelled sequences that count, and as omitted the sequences without an emotion.

    The last `sequences.peak` frames of a sequence show its emotion; with `sequences.neutral` its first is
    neutral. Frames come by subject, sequence and number. Raises InputError for an emotion file without its
    sequence, without one number of 0–7, or more than one to a sequence; for a sequence too short for its
    peak; and for a frame whose name is not its folder's.
    """
    root = Path(root)
    for folder in (root / IMAGES, root / LABELS):
        if not folder.is_dir():
            raise InputError(folder, "is not a folder", "unpack CK+'s images and emotion labels side by side")
    labels = _labels(root)
    listed: list[ListedClip] = []
    unlabelled = []
    for folder in sorted((root / IMAGES).glob("S[0-9][0-9][0-9]/[0-9][0-9][0-9]")):
        key = (folder.parent.name, folder.name)
        emotion = labels.pop(key, None)
        if emotion is None:
            unlabelled.append(("_".join(key), folder.as_posix(), "", "its sequence has no emotion file"))
            continue
        frames = sorted(p for p in folder.iterdir() if p.is_file() and class_folders.is_image(p.name))
        needed = sequences.peak + sequences.neutral
        if len(frames) < needed:
            raise InputError(folder, f"holds {len(frames)} frames, {needed} are needed", "copy it again")
        for frame in frames:
            match = FRAME.fullmatch(frame.stem)
            if not match or (match["subject"], match["sequence"]) != key:
                raise InputError(frame, f"is no frame of {'_'.join(key)} by its name", "move it away")
        chosen = [(frame, emotion) for frame in frames[-sequences.peak :]]
        if sequences.neutral:
            chosen.insert(0, (frames[0], "neutral"))
        listed += [ListedClip(frame.stem, key[0], "", shown, frame) for frame, shown in chosen]
    if labels:
        subject, sequence = min(labels)
        folder = root / IMAGES / subject / sequence
        raise InputError(folder, "is missing, but has an emotion file", "copy it again")
    if not listed:
        raise InputError(root / LABELS, "labels no sequence", "copy CK+'s emotion files again")
    return listed, listed_as_omitted(unlabelled)


def _labels(root: Path) -> dict[tuple[str, str], str]:
    """The emotion of each labelled sequence (subject, sequence)."""
    labels: dict[tuple[str, str], str] = {}
    for file in sorted((root / LABELS).glob("S*/*/*_emotion.txt")):
        key = (file.parent.parent.name, file.parent.name)
        text = file.read_text(encoding="utf-8", errors="replace").split()
        try:
            code = float(text[0])  # written as 3.0000000e+00
        except (IndexError, ValueError):
            code = -1.0
        if len(text) != 1 or code not in range(len(SEQUENCE_CODES)):
            raise InputError(file, f"holds {' '.join(text)[:40]!r}, not one number of 0–7", "copy it again")
        if key in labels:
            raise InputError(file, f"is the second emotion file of {'_'.join(key)}", "keep one")
        labels[key] = SEQUENCE_CODES[int(code)]
    return labels


def _read_folders(root: Path) -> ImageSet:
    items = class_folders.in_folder(root, levels=1)
    images = class_folders.by_class(root, items, EMOTIONS_CONTEMPT, "CK+", LAYOUTS)
    if not images:
        raise InputError(root, "is no folder of CK+", LAYOUTS)
    images.sort(key=lambda image: (image[0].path.stem, image[2]))
    stems = [image.path.stem for image, _, _ in images]
    matches = [FRAME.fullmatch(stem) for stem in stems]
    columns = {
        "clip_id": [clip_id(stem) for stem in stems],
        "subject_id": [match["subject"] if match else "" for match in matches],
        "emotion": [emotion for _, _, emotion in images],
        "source": [image.source for image, _, _ in images],
    }
    return assemble("ckplus", root, np.stack([image.pixels() for image, _, _ in images]), columns)
