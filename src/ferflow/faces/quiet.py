"""OpenCV, silenced and on one thread: what goes wrong with a file is said by ferflow, in one line."""

from __future__ import annotations

import os
from types import ModuleType

# Read once, when OpenCV opens the first video of the process; -8 is FFmpeg's AV_LOG_QUIET.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")


def opencv() -> ModuleType:
    """OpenCV with the messages of its video and image readers switched off.

    One thread a process: subjects run in parallel processes, and two threads in one gain nothing.
    """
    import cv2

    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    cv2.setNumThreads(1)
    return cv2
