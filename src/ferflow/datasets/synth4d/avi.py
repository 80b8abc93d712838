"""A writer of MJPG in AVI around OpenCV's JPEG encoder.

`cv2.VideoWriter` takes four times as long for the same picture: its own MJPG encoder is not the fast one of
`cv2.imencode`. The layout is the AVI 1.0 RIFF file: a header list, a list of frames, an index.
"""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np

KEY_FRAME = 0x10
HAS_INDEX = 0x10
HEADER_BYTES = 224
"""Bytes before the first frame's chunk."""


class MjpegWriter:
    """Writes BGR uint8 frames [H, W, 3] to `path`; use as a context manager."""

    def __init__(self, path: str | Path, fps: int, width: int, height: int, quality: int) -> None:
        self.size, self.fps = (width, height), fps
        self.options = [
            cv2.IMWRITE_JPEG_QUALITY,
            quality,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
        ]
        self.lengths: list[int] = []
        self.file = Path(path).open("wb")  # noqa: SIM115 (closed by __exit__)
        self.file.write(bytes(HEADER_BYTES))

    def __enter__(self) -> MjpegWriter:
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self.file.close()

    def write(self, frame: np.ndarray) -> None:
        """Append one frame."""
        self.append(cv2.imencode(".jpg", frame, self.options)[1].tobytes())

    def append(self, data: bytes) -> None:
        """Append one frame that is a JPEG already."""
        self.lengths.append(len(data))
        # Chunks begin at even places.
        self.file.write(b"00dc" + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2))

    def _finish(self) -> None:
        index, place = [], 4
        for length in self.lengths:
            index.append(struct.pack("<4s3I", b"00dc", KEY_FRAME, place, length))
            place += 8 + length + length % 2
        self.file.write(_chunk(b"idx1", b"".join(index)))
        total = self.file.tell()
        self.file.seek(0)
        self.file.write(self._header(total, place))

    def _header(self, total: int, movie: int) -> bytes:
        (width, height), frames, largest = self.size, len(self.lengths), max(self.lengths, default=0)
        main = struct.pack(
            "<14I", 1_000_000 // self.fps, largest * self.fps, 0, HAS_INDEX, frames, 0, 1, largest,
            width, height, 0, 0, 0, 0
        )  # fmt: skip
        stream = struct.pack(
            "<4s4sIHHIIIIIIII4H", b"vids", b"MJPG", 0, 0, 0, 0, 1, self.fps, 0, frames, largest,
            0xFFFFFFFF, 0, 0, 0, width, height
        )  # fmt: skip
        bitmap = struct.pack(
            "<IiiHH4sIiiII", 40, width, height, 1, 24, b"MJPG", width * height * 3, 0, 0, 0, 0
        )
        lists = _list(b"strl", _chunk(b"strh", stream) + _chunk(b"strf", bitmap))
        lists = _list(b"hdrl", _chunk(b"avih", main) + lists)
        start = b"RIFF" + struct.pack("<I", total - 8) + b"AVI " + lists
        return start + b"LIST" + struct.pack("<I", movie) + b"movi"


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data


def _list(name: bytes, data: bytes) -> bytes:
    return _chunk(b"LIST", name + data)
