"""Tables with a column of pixels: the CSV format of FER2013, which copies of CK+ have too."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ferflow.datasets.images import ImageSet, assemble
from ferflow.errors import InputError

SIZE = 48
"""Height and width of an image, pixels."""
COLUMNS = ("emotion", "pixels", "Usage")
ENCODING = "utf-8-sig"
"""UTF-8, with or without the mark that spreadsheets put in front."""
BATCH = 16
"""Rows whose pixels are parsed together: few enough for the processor's cache."""
SPACE, ZERO = ord(" "), np.uint8(ord("0"))


class PixelRows(NamedTuple):
    """The rows of a table, in its order."""

    images: np.ndarray
    """uint8 [N,48,48]"""
    codes: np.ndarray
    """The table's own class numbers, int64 [N]."""
    usages: np.ndarray
    """str [N]"""
    lines: np.ndarray
    """The line on which each row ends; the header is line 1. int64 [N]"""


def image_set(name: str, root: Path, source: str, rows: PixelRows, classes: Sequence[str]) -> ImageSet:
    """The set `name` of the `rows` of the table `source`; `classes` are what its class numbers mean.

    An image's `clip_id` is the row's number from 0.
    """
    columns = {
        "clip_id": [str(number) for number in range(len(rows.codes))],
        "emotion": np.array(classes)[rows.codes],
        "split": rows.usages,
        "source": [f"{source}:{line}" for line in rows.lines],
    }
    return assemble(name, root, rows.images, columns)


def read(path: str | Path, n_classes: int, usages: Collection[str], remedy: str) -> PixelRows:
    """Read the CSV at `path`; `remedy` is what messages advise. See `parse`."""
    path = Path(path)
    try:
        with path.open(newline="", encoding=ENCODING) as file:
            return parse(file, path, n_classes, usages, remedy)
    except FileNotFoundError:
        raise InputError(path, "does not exist", "put the file there, or correct the path") from None
    except OSError as error:
        raise InputError(path, f"is not a readable CSV table ({error})", remedy) from None


def parse(
    lines: Iterable[str], where: str | Path, n_classes: int, usages: Collection[str], remedy: str
) -> PixelRows:
    """Read a table with the columns emotion (0 to `n_classes` − 1), pixels and Usage, in any order.

    Spaces round the columns' names, as in icml_face_data.csv, and further columns are passed over. Raises
    InputError with the line for a missing column, an image that is not 48×48, a value that is no whole number
    of 0–255, and an unknown class or usage.
    """
    classes = {str(code): code for code in range(n_classes)}
    images: list[np.ndarray] = []
    codes: list[int] = []
    parts: list[str] = []
    ends: list[int] = []
    waiting: list[str] = []
    try:
        reader = csv.reader(lines)
        header = [name.strip() for name in next(reader, [])]
        missing = [name for name in COLUMNS if name not in header]
        if missing:
            raise InputError(where, f"lacks the column {missing[0]}", remedy)
        emotion, pixels, usage = (header.index(name) for name in COLUMNS)
        for row in reader:
            if not row:  # an empty line
                continue
            line = f"line {reader.line_num}"
            if len(row) != len(header):
                raise InputError(where, f"{line}: {len(row)} columns, not {len(header)}", remedy)
            code, part = row[emotion].strip(), row[usage].strip()
            if code not in classes:
                raise InputError(where, f"{line}: class {code!r} is not 0–{n_classes - 1}", remedy)
            if part not in usages:
                raise InputError(where, f"{line}: usage {part!r} is not one of {', '.join(usages)}", remedy)
            codes.append(classes[code])
            parts.append(part)
            ends.append(reader.line_num)
            waiting.append(row[pixels])
            if len(waiting) == BATCH:
                images.append(_images(where, ends, waiting, remedy))
                waiting = []
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(where, f"is not a readable CSV table ({error})", remedy) from None
    if waiting:
        images.append(_images(where, ends, waiting, remedy))
    if not images:
        raise InputError(where, "holds no image", remedy)
    return PixelRows(
        np.concatenate(images), np.array(codes, np.int64), np.array(parts), np.array(ends, np.int64)
    )


def _images(where: str | Path, ends: list[int], texts: list[str], remedy: str) -> np.ndarray:
    """The images of the last rows read, uint8 [n,48,48]; `ends` are the lines of all rows so far."""
    images = _plain(texts)
    if images is None:
        images = np.stack(
            [
                _image(where, f"line {line}", text, remedy)
                for line, text in zip(ends[-len(texts) :], texts, strict=True)
            ]
        )
    return images


def _plain(texts: list[str]) -> np.ndarray | None:
    """The images uint8 [n,48,48] in `texts`; None unless all are numbers of 0–255, one space apart.

    Much faster than NumPy's own parser, which `_image` uses for what is written in another way, or wrong.
    """
    data = np.frombuffer((" ".join(texts) + " ").encode("ascii", "replace"), np.uint8)
    spaces = np.flatnonzero(data == SPACE)
    digits = data - ZERO  # wraps round: whatever is no digit becomes more than 9
    if len(spaces) != len(texts) * SIZE * SIZE or np.count_nonzero(digits > 9) != len(spaces):
        return None
    widths = np.diff(spaces, prepend=-1) - 1
    if widths.min() < 1 or widths.max() > 3:
        return None
    # Of a number shorter than the place, the place's digit is another number's: it does not count. Places
    # before the first byte wrap round to the last.
    values = digits[spaces - 1].astype(np.uint16)
    values += np.where(widths > 1, digits[spaces - 2], 0) * np.uint16(10)
    values += np.where(widths > 2, digits[spaces - 3], 0) * np.uint16(100)
    if values.max() > 255:
        return None
    return values.astype(np.uint8).reshape(-1, SIZE, SIZE)


def _image(where: str | Path, line: str, text: str, remedy: str) -> np.ndarray:
    try:
        values = np.fromstring(text, np.int64, sep=" ")
    except ValueError:
        raise InputError(where, f"{line}: a pixel is not a whole number", remedy) from None
    if values.size != SIZE * SIZE:
        raise InputError(where, f"{line}: {values.size} pixels, not {SIZE * SIZE}", remedy)
    if values.min() < 0 or values.max() > 255:
        wrong = values[(values < 0) | (values > 255)][0]
        raise InputError(where, f"{line}: a pixel is not within 0–255 but {wrong}", remedy)
    return values.astype(np.uint8).reshape(SIZE, SIZE)
