"""ferflow: a reproducible workflow for facial-expression recognition."""

import os

__version__ = "0.1.0"

MOST_PIXELS = 2**26
"""Of an image or a frame: 8192×8192. Frames are held some times over while they are read, and the header of a
damaged file can declare anything."""

# OpenCV reads it once, when it is imported; here, so that it is set before any module imports OpenCV.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MOST_PIXELS))
