"""Clips of any kind as a stream of RGB frames: a video, an image, a folder of images, a camera.

Frames are decoded one at a time, so memory does not grow with the length of a clip.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ferflow import MOST_PIXELS
from ferflow.errors import InputError
from ferflow.faces.quiet import muted, opencv
from ferflow.files import sha256

IMAGE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".pgm", ".ppm", ".tif", ".tiff", ".webp")
VIDEO_SUFFIXES = (".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".wmv")
BLANK_POINTS = 32
"""Points on the shorter side of a frame that are looked at to see whether it is blank."""
BLANK_SPREAD = 16
"""Of 255 levels, between the darkest and the brightest of the points of a blank frame."""


@dataclass(frozen=True)
class ClipInfo:
    """What a clip declares: `n_frames` is 0 where unknown (a camera), `fps` 0.0 where none."""

    n_frames: int
    fps: float
    width: int
    height: int


class Clip:
    """A clip whose frames, RGB uint8 [H,W,3], come by iterating over it; each iteration calls `frames`.

    `source` names it in messages. After an iteration `decoded` is the number of frames that came and
    `warnings` says, a line each, what was odd.
    """

    def __init__(
        self, source: str | Path, info: ClipInfo, frames: Callable[[], Iterable[np.ndarray]] = tuple
    ) -> None:
        self.source, self.info = source, info
        self._frames = frames
        self.decoded = 0
        self.warnings: list[str] = []

    def __iter__(self) -> Iterator[np.ndarray]:
        self.decoded = 0
        self.warnings = []
        for frame in self._frames():
            self.decoded += 1
            yield frame


def no_clip(source: str | Path) -> Clip:
    """What stands for a clip that cannot be opened: no frame."""
    return Clip(source, ClipInfo(0, 0.0, 0, 0))


def open_clip(source: str | Path | int, missing_frames: int = 0) -> Clip:
    """Open a video file, an image, a folder of images (in natural order) or a camera (an integer).

    A video may declare more frames than it yields: up to `missing_frames` of them are a warning in
    `Clip.warnings`, more are an InputError at the end of the iteration. InputError too where there is
    nothing at `source`, or nothing that can be read.
    """
    if isinstance(source, int):
        return Camera(source)
    path = Path(source)
    if not path.exists():
        raise InputError(path, "does not exist", "correct the path")
    if path.is_dir():
        return _image_folder(path)
    if path.stat().st_size == 0:
        raise InputError(path, "is empty (0 bytes)", "copy or record it again")
    if path.suffix.lower() in IMAGE_SUFFIXES:
        image = read_image(path)
        return Clip(path, ClipInfo(1, 0.0, image.shape[1], image.shape[0]), lambda: [image])
    return Video(path, missing_frames)


class Video(Clip):
    """A video file. Its rotation mark is honoured."""

    def __init__(self, path: Path, missing_frames: int) -> None:
        capture = _open_video(path)
        info = _info(capture)
        capture.release()
        if info.width * info.height > MOST_PIXELS:
            problem = f"declares frames of {info.width}×{info.height} pixels, more than {MOST_PIXELS:,}"
            raise InputError(path, problem, "copy it again, or shrink it")
        super().__init__(path, info, self._decode)
        self.missing_frames = missing_frames

    def _decode(self) -> Iterator[np.ndarray]:
        size = (self.info.height, self.info.width)
        for frame in _decoded(_open_video(self.source)):
            if frame.shape[:2] != size and self.decoded:
                problem = f"changes its frame size in frame {self.decoded}, from {_written(size)} to "
                remedy = "convert it to one size, or cut it there"
                raise InputError(self.source, problem + _written(frame.shape), remedy)
            size = frame.shape[:2]  # the first frame's: a rotation mark is not in what the file declares
            yield frame
        self._compare_counts()

    def _compare_counts(self) -> None:
        if self.decoded == 0:
            raise InputError(self.source, "holds no frame that can be decoded", "copy or convert it again")
        missing = self.info.n_frames - self.decoded
        counts = f"declares {self.info.n_frames} frames, {self.decoded} can be decoded"
        if missing > self.missing_frames:
            problem = f"is cut in the middle or damaged: it {counts}"
            raise InputError(self.source, problem, "copy or convert it again")
        if missing > 0:
            self.warnings.append(counts)


def _image_folder(folder: Path) -> Clip:
    """A folder of images of one size, a frame each, in natural order (frame2 before frame10)."""
    paths = images_in(folder)
    if not paths:
        raise InputError(folder, "holds no image", f"known endings: {', '.join(IMAGE_SUFFIXES)}")
    size = read_image(paths[0]).shape

    def frames() -> Iterator[np.ndarray]:
        for path in paths:
            image = read_image(path)
            if image.shape != size:
                problem = f"is {_written(image.shape)}, {paths[0].name} is {_written(size)}"
                raise InputError(path, problem, "keep the frames of a clip at one size")
            yield image

    return Clip(folder, ClipInfo(len(paths), 0.0, size[1], size[0]), frames)


class Camera(Clip):
    """A camera by its number, until its stream ends or the reader stops."""

    def __init__(self, number: int) -> None:
        self._number = number
        capture = self._open()
        info = _info(capture)
        capture.release()
        info = ClipInfo(0, info.fps, info.width, info.height)
        super().__init__(f"camera {number}", info, lambda: _decoded(self._open()))

    def _open(self):
        cv2 = opencv()
        capture = cv2.VideoCapture(self._number)
        if not capture.isOpened():
            where = f"camera {self._number}"
            raise InputError(where, "cannot be opened", "plug it in or give another number")
        return capture


def is_blank(frame: np.ndarray) -> bool:
    """Whether `frame`, RGB uint8 [H,W,3], shows nothing: black, white or any other even area.

    A coded black frame has a little noise; a face in the dark spreads over more than BLANK_SPREAD levels.
    """
    step = max(1, min(frame.shape[:2]) // BLANK_POINTS)
    points = frame[::step, ::step, 1]  # green: most of the brightness
    # Not between hundredths: a small face before an even wall has fewer of the points.
    return bool(np.ptp(points) <= BLANK_SPREAD)


def _decoded(capture) -> Iterator[np.ndarray]:
    """The frames of an open capture as RGB, to its end; it is closed then, or when nobody asks for more."""
    cv2 = opencv()
    try:
        while True:
            good, frame = capture.read()
            if not good:
                break
            yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
    finally:
        capture.release()


def read_image(path: Path) -> np.ndarray:
    """An image file as RGB uint8 [H,W,3], its EXIF rotation applied and its alpha dropped."""
    return decode_image(np.fromfile(path, np.uint8), path)


def decode_image(data: np.ndarray, where: str | Path, *, grey: bool = False) -> np.ndarray:
    """The bytes of an image file, uint8 [bytes], as RGB uint8 [H,W,3], or [H,W] where `grey`.

    Raises InputError, naming `where`, for bytes that are no image or break off.
    """
    cv2 = opencv()
    if data.size == 0:
        raise InputError(where, "is empty (0 bytes)", "copy it again")
    try:
        with muted():  # libpng and libtiff speak for themselves
            image = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE if grey else cv2.IMREAD_COLOR)
    except cv2.error:  # it has more pixels than MOST_PIXELS, say
        image = None
    if image is None:
        problem = f"is not an image that can be read, of at most {MOST_PIXELS:,} pixels"
        raise InputError(where, problem, "convert it to PNG or JPEG")
    if is_cut(data):
        raise InputError(where, "is an image cut in the middle", "copy it again")
    return image if grey else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def images_in(folder: Path) -> list[Path]:
    """The images in a folder in natural order; what else lies there is passed over."""
    images = (p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and p.name[0] != ".")
    return sorted(images, key=lambda p: natural_key(p.name))


def content_hash(source: Path) -> str:
    """SHA-256 of a file; of a folder, of its images' names and hashes in order; empty if unreadable."""
    import hashlib

    try:
        if source.is_file():
            return sha256(source)
        listing = "".join(f"{file.name} {sha256(file)}\n" for file in images_in(source))
    except OSError:
        return ""
    return hashlib.sha256(listing.encode()).hexdigest()


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """A sort key by which numbers inside names count as numbers: frame2 < frame10."""
    parts = re.split(r"(\d+)", name.lower())
    return [(0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts if part]


def is_cut(data: np.ndarray) -> bool:
    """Whether a JPEG or PNG lacks its end mark: decoders fill the missing part with grey, and say nothing."""
    raw = data.tobytes()
    if raw.startswith(b"\xff\xd8"):
        # The last scan must be closed; a thumbnail in the header has an end mark of its own.
        return raw.rfind(b"\xff\xd9") < raw.rfind(b"\xff\xda")
    return raw.startswith(b"\x89PNG") and b"IEND" not in raw


def _open_video(path: str | Path):
    cv2 = opencv()
    # FFmpeg by name: OpenCV's other backends print to the terminal what they cannot read.
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    if not capture.isOpened():
        raise InputError(path, "is not a video that can be read", "copy it again or convert it to MP4 or AVI")
    return capture


def _written(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[0]}"


def _info(capture) -> ClipInfo:
    cv2 = opencv()
    # Streams without a length in the header declare a negative count.
    n_frames = max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))
    fps = capture.get(cv2.CAP_PROP_FPS)
    width, height = capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
    return ClipInfo(n_frames, float(fps) if np.isfinite(fps) and fps > 0 else 0.0, int(width), int(height))
