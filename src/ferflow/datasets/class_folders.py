"""Files of images: named after what they show, or in a folder for each class, on disk or in a tar file."""

from __future__ import annotations

import lzma
import tarfile
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

import numpy as np

from ferflow.classes import match
from ferflow.datasets.pixel_csv import SIZE
from ferflow.errors import InputError
from ferflow.faces.video import IMAGE_SUFFIXES, decode_image

TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
LARGEST_IMAGE = 2**24
"""Bytes of an image of 48×48 pixels at most; what is longer is no such image."""
LARGEST_MEMBER = 2**30
"""Bytes of anything else in a tar file: FER2013's longest table has 300 million."""


@dataclass(frozen=True)
class FoundImage:
    """An image file: where it lies, for messages and for the manifest, and its bytes."""

    path: PurePosixPath
    """Relative to the folder that was searched, or inside the tar file."""
    source: str
    data: np.ndarray
    """uint8 [bytes]"""

    def pixels(self) -> np.ndarray:
        """The image in grey, uint8 [48,48]; InputError where it has another size or is no image."""
        image = decode_image(self.data, self.source, grey=True)
        height, width = image.shape
        if (height, width) != (SIZE, SIZE):
            problem = f"is {width}x{height} pixels, not {SIZE}x{SIZE}"
            raise InputError(self.source, problem, "take the data set's own images, or leave it out")
        return image


def is_image(name: str) -> bool:
    """Whether a file's name is that of an image; hidden files (macOS leaves ._name) are none."""
    return not name.startswith(".") and name.lower().endswith(IMAGE_SUFFIXES)


def is_tar(path: Path) -> bool:
    """Whether a file's name is that of a tar file, packed or not."""
    return path.name.lower().endswith(TAR_SUFFIXES)


def pictures(root: str | Path, title: str, example: str) -> list[Path]:
    """The images anywhere below `root`, sorted; `title` and an `example` of a name are for messages.

    Raises InputError for a missing or empty folder.
    """
    root = Path(root)
    if not root.is_dir():
        raise InputError(root, "is not a folder", f"put {title}'s pictures there, or correct the path")
    paths = sorted(path for path in root.rglob("*") if path.is_file() and is_image(path.name))
    if not paths:
        raise InputError(root, "holds no picture", f"{example} is an example of a name")
    return paths


def meaning(source: Path, code: str, codes: Mapping[str, str], what: str) -> str:
    """What `code` in the name of `source` stands for; InputError where it is no `what`, such as a class."""
    if code not in codes:
        raise InputError(source, f"{code} is no {what}", f"they are {', '.join(codes)}")
    return codes[code]


def by_class(
    where: Path,
    items: Iterable[FoundImage | PurePosixPath],
    classes: Sequence[str],
    title: str,
    layouts: str,
    parts: Collection[str] = (),
) -> list[tuple[FoundImage, tuple[str, ...], str]]:
    """The images among `items`, each with the folders that say its part and class, and its class.

    `parts` are the names, in lower case, of the folders above those of classes; without any there are none.
    Raises InputError, naming what lies at `where`, for an image outside of them, for a folder of another
    class than `classes`, and for one without an image where others have some.
    """
    images = []
    filled: dict[tuple[str, ...], bool] = {}
    for item in items:
        image = isinstance(item, FoundImage)
        group = (item.path.parent if image else item).parts[-2 if parts else -1 :]
        if parts and (len(group) < 2 or group[0].lower() not in parts):
            if image:
                raise InputError(item.source, f"lies in no folder of {title}", layouts)
            continue
        emotion = match(group[-1], classes)
        if emotion is None:
            remedy = f"they are {', '.join(classes)}"
            raise InputError(where.joinpath(*group), f"is no class of {title}", remedy)
        filled[group] = filled.get(group, False) or image
        if image:
            images.append((item, group, emotion))
    empty = sorted(group for group, has_image in filled.items() if not has_image)
    if images and empty:
        raise InputError(where.joinpath(*empty[0]), "holds no image", "add the images of that class")
    return images


def in_folder(root: Path, levels: int) -> Iterator[FoundImage | PurePosixPath]:
    """The folders `levels` below `root` (2: part/class, 1: class), each followed by the images in it."""
    folders = [PurePosixPath()]
    for _ in range(levels):
        folders = [
            folder / entry.name for folder in folders for entry in _entries(root / folder) if entry.is_dir()
        ]
    for folder in folders:
        yield folder
        for file in _entries(root / folder):
            if file.is_file() and is_image(file.name):
                yield FoundImage(folder / file.name, file.as_posix(), np.fromfile(file, np.uint8))


def _entries(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))


class _Member(tarfile.TarInfo):
    """A member whose header, where it is cut or damaged, is an error: tarfile itself takes it for the end."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> tarfile.TarInfo:
        try:
            return super().fromtarfile(archive)
        except tarfile.EOFHeaderError:  # the block of zeros in which a whole archive ends
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from None


def in_tar(
    path: Path, table: Callable[[IO[bytes], str], None] | None = None
) -> Iterator[FoundImage | PurePosixPath]:
    """The images and folders of a tar file in its own order, read once from front to back.

    Each CSV file in it is handed to `table` with its name. Raises InputError for a file that is no tar file,
    is damaged, or was cut off, even where the cut lies between two members.
    """
    last = "its beginning"
    remedy = "copy or download it again"
    try:
        with tarfile.open(path, "r|*", tarinfo=_Member) as archive:
            for member in archive:
                name = member.name.removeprefix("./")
                hidden = name.startswith(".") or "/." in name
                if member.isdir():
                    yield PurePosixPath(name)
                elif member.size > LARGEST_MEMBER or (is_image(name) and member.size > LARGEST_IMAGE):
                    problem = f"{name} in it is {member.size:,} bytes long"
                    raise InputError(path, problem, "take the data set's own archive")
                elif member.isfile() and is_image(name) and not hidden:
                    data = np.frombuffer(archive.extractfile(member).read(), np.uint8)
                    yield FoundImage(PurePosixPath(name), f"{path.as_posix()}/{name}", data)
                elif member.isfile() and name.lower().endswith(".csv") and not hidden and table:
                    table(archive.extractfile(member), name)
                last = member.name
    except (tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError) as error:
        if isinstance(error, FileNotFoundError | PermissionError):
            raise InputError(path, f"cannot be opened ({error.strerror})", "correct the path") from None
        raise InputError(path, f"is cut off or damaged after {last} ({error})", remedy) from None
