"""FER2013 in Kaggle's format: one CSV with the columns emotion, pixels and Usage."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.errors import InputError

SIZE = 48
"""Height and width of an image, pixels."""
CODES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""Kaggle's codes 0–6."""
USAGES = ("Training", "PublicTest", "PrivateTest")
COLUMNS = ("emotion", "pixels", "Usage")


def read_csv(path: str | Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Read images uint8 [N,48,48], labels int64 [N] (order of classes.EMOTIONS_NEUTRAL) and usage [N] (str).

    Further columns are ignored. Raises InputError with the line for a missing column, an image of another
    size, a value above 255, and an unknown class or usage.
    """
    path = Path(path)
    remedy = "take fer2013.csv as Kaggle gives it"
    images: list[np.ndarray] = []
    labels: list[int] = []
    usages: list[str] = []
    order = [EMOTIONS_NEUTRAL.index(name) for name in CODES]
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.reader(file)
            header = [name.strip() for name in next(reader, [])]
            missing = [name for name in COLUMNS if name not in header]
            if missing:
                raise InputError(path, f"lacks the column {missing[0]}", remedy)
            emotion, pixels, usage = (header.index(name) for name in COLUMNS)
            for row in reader:
                where = f"line {reader.line_num}"
                if len(row) != len(header):
                    raise InputError(path, f"{where}: {len(row)} columns, not {len(header)}", remedy)
                if row[emotion] not in {str(code) for code in range(len(CODES))}:
                    raise InputError(path, f"{where}: class {row[emotion]!r} is not 0–6", remedy)
                if row[usage] not in USAGES:
                    raise InputError(
                        path, f"{where}: usage {row[usage]!r} is not one of {', '.join(USAGES)}", remedy
                    )
                images.append(_pixels(path, where, row[pixels], remedy))
                labels.append(order[int(row[emotion])])
                usages.append(row[usage])
    except FileNotFoundError:
        raise InputError(path, "does not exist", "put FER2013 there, or correct the path") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(path, f"is not a readable CSV table ({error})", remedy) from None
    if not images:
        raise InputError(path, "holds no image", remedy)
    return np.stack(images), np.array(labels, np.int64), np.array(usages)


def _pixels(path: Path, where: str, text: str, remedy: str) -> np.ndarray:
    try:
        # The quickest text parser of NumPy: all 35,887 images in a few seconds.
        values = np.fromstring(text, np.int32, sep=" ")
    except ValueError:
        raise InputError(path, f"{where}: a pixel is not a whole number", remedy) from None
    if values.size != SIZE * SIZE:
        raise InputError(path, f"{where}: {values.size} pixels, not {SIZE * SIZE}", remedy)
    if values.min() < 0 or values.max() > 255:
        raise InputError(path, f"{where}: a pixel is not within 0–255", remedy)
    return values.astype(np.uint8).reshape(SIZE, SIZE)
