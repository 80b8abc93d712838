"""Clips in a format that browsers play: WebM with VP8, encoded once and kept."""

from __future__ import annotations

import fcntl
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np

from ferflow.apps.sink import frame_sink
from ferflow.errors import FerflowError
from ferflow.faces.quiet import opencv
from ferflow.faces.video import open_clip

LONGEST = 960
"""Pixels of the longer side at most; a face needs no more, and encoding takes time by the pixel."""
MISSING_FRAMES = 5
"""Frames that a video may declare and not hold (as `faces.missing_frames` of params.yaml)."""


class Stopped(FerflowError):
    """The server is stopping and does not finish the clip."""


class WebmClips:
    """A folder of encoded clips, named by the hashes of their sources. Safe for threads and processes."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._stopping = threading.Event()
        self._running = 0
        self._changed = threading.Condition()

    def path(self, source: str | Path, sha256: str) -> Path:
        """The WebM file of the clip at `source`, whose content has the hash `sha256` (from the manifest).

        It is encoded if it is not there yet; other callers, in this process or another, wait for that. Raises
        InputError for a clip that cannot be read, FerflowError for a full disk, and Stopped after `stop`.
        """
        path = self.folder / f"{sha256}.webm"
        if path.exists():
            return path
        with self._changed:
            self._running += 1
        try:
            self._encode_alone(source, path)
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()
        return path

    def prepare(self, clips: Iterable[tuple[str, str]]) -> threading.Thread:
        """Encode clips (source, sha256) one after another in a thread of its own, until `stop`."""

        def work() -> None:
            for source, sha256 in clips:
                if self._stopping.is_set():
                    break
                with suppress(FerflowError):  # reported when somebody requests the clip
                    self.path(source, sha256)

        thread = threading.Thread(target=work, name="webm", daemon=True)
        thread.start()
        return thread

    def stop(self) -> None:
        """Stop encoding and wait for it: no process must end in the middle of a frame."""
        self._stopping.set()
        with self._changed:
            self._changed.wait_for(lambda: self._running == 0)

    def _encode_alone(self, source: str | Path, path: Path) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = path.with_suffix(".lock").open("w")
        except OSError as error:
            raise FerflowError(path, f"cannot be written ({error.strerror})", "check the folder") from None
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # released with the file, however the process ends
            if not path.exists():
                encode(source, path, self._stopping)
            path.with_suffix(".lock").unlink(missing_ok=True)


def encode(source: str | Path, path: Path, stopping: threading.Event) -> None:
    """Write the clip at `source` (video, image or folder of images) to `path`, whole or not at all."""
    clip = open_clip(source, MISSING_FRAMES)
    with frame_sink(path, clip.info.fps) as sink:
        for frame in clip:
            if stopping.is_set():
                raise Stopped(source, "is not encoded to its end", "start again")
            sink.add(_fitted(frame))


def _fitted(frame: np.ndarray) -> np.ndarray:
    """`frame`, RGB uint8 [H,W,3], shrunk to LONGEST where it is larger."""
    height, width = frame.shape[:2]
    scale = LONGEST / max(height, width)
    if scale >= 1:
        return frame
    size = (max(2, round(width * scale)), max(2, round(height * scale)))
    cv2 = opencv()
    return cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
