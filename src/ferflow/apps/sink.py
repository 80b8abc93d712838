"""Write frames to a video or an image file, completely or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ferflow.errors import FerflowError
from ferflow.faces.quiet import muted, opencv
from ferflow.files import atomic_write

CODECS = {
    # H.264 plays everywhere, but OpenCV's wheels cannot write it; MPEG-4 Part 2 plays in VLC and FFmpeg.
    ".mp4": ("avc1", "mp4v"),
    ".mov": ("avc1", "mp4v"),
    ".avi": ("MJPG",),
    ".webm": ("VP80",),
    ".mkv": ("VP80",),
}
"""Endings that can be written, with the codecs to try in order."""
IMAGES = (".png", ".jpg", ".jpeg")
ENDINGS = (*CODECS, *IMAGES)
DEFAULT_FPS = 25.0
"""Frames a second of a source without a rate, such as a folder of images."""


class FrameSink:
    """Takes frames, RGB uint8 [H,W,3], all of one size."""

    def __init__(self, path: Path, fps: float) -> None:
        self.path, self.fps = path, fps if fps > 0 else DEFAULT_FPS
        self.n_frames = 0
        self._writer = None

    def add(self, frame: np.ndarray) -> None:
        """Append a frame. A video codec needs even sides: an odd last row or column is repeated."""
        cv2 = opencv()
        image = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
        if self.path.suffix.lower() in IMAGES:
            good, data = cv2.imencode(self.path.suffix, image)
            if good:
                self.path.write_bytes(data.tobytes())
        else:
            height, width = image.shape[:2]
            image = cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
            if self._writer is None:
                self._writer = self._open(image.shape[1], image.shape[0])
            self._writer.write(image)
        self.n_frames += 1

    def _open(self, width: int, height: int):
        cv2 = opencv()
        for codec in CODECS[self.path.suffix.lower()]:
            with muted():  # it warns about WebM's codec, and then writes it
                writer = cv2.VideoWriter(
                    str(self.path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*codec), self.fps, (width, height)
                )
            if writer.isOpened():
                return writer
        raise FerflowError(self.path, "cannot be written by this OpenCV", "choose .mp4, .avi or .webm")

    def close(self) -> None:
        if self._writer is not None:
            self._writer.release()
            self._writer = None


@contextmanager
def frame_sink(path: str | Path, fps: float) -> Iterator[FrameSink]:
    """A FrameSink for `path`, whose ending is one of `ENDINGS`; the file appears once the block ends well.

    Raises FerflowError where the file does not open again: OpenCV's writer reports no errors of its own.
    """
    path = Path(path)
    with atomic_write(path) as partial:
        sink = FrameSink(partial, fps)
        try:
            yield sink
        finally:
            sink.close()
        if not _opens(partial):
            raise FerflowError(path, "was not written well", "check the disk's space, or choose .avi")


def _opens(path: Path) -> bool:
    cv2 = opencv()
    if path.suffix.lower() in IMAGES:
        return path.is_file() and cv2.imread(str(path)) is not None
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    good = capture.isOpened() and capture.read()[0]
    capture.release()
    return good
