"""OpenCV, silenced and on one thread: ferflow itself reports what is wrong with a file, in one line."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

# Read once, when OpenCV opens the first video of the process; -8 is FFmpeg's AV_LOG_QUIET.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

_MUTED = threading.Lock()


@contextmanager
def muted() -> Iterator[None]:
    """Keep what OpenCV's own code prints off standard error, past its settings, while the block runs.

    It holds for all threads of the process, so the block should last for a moment only.
    """
    with _MUTED:
        kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nothing, 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(nothing)


def opencv() -> ModuleType:
    """OpenCV with the messages of its video and image readers switched off.

    One thread a process: subjects run in parallel processes, and two threads in one gain nothing.
    """
    import cv2

    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    cv2.setNumThreads(1)
    return cv2
