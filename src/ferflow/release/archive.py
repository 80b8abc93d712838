"""Writing a bundle's archive, and opening one (or its unpacked folder) without trusting it.

An archive is a ZIP whose members are plain text and pictures. Nothing of it is executed or unpickled, nothing
is written outside the folder it is unpacked to, and it cannot take more disk or time than the limits allow.
"""

from __future__ import annotations

import json
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from ferflow.errors import InputError

LIST = "bundle.json"
"""The member that lists all others with their hashes."""
SUFFIXES = (".csv", ".html", ".jpg", ".json", ".lock", ".md", ".png", ".svg", ".tex", ".txt", ".yaml")
"""Files that a bundle may hold; networks and arrays are not among them, whose formats are not plain."""
MOST_FILES = 20_000
LARGEST = 1 << 30
"""Bytes of one file."""
LARGEST_ALL = 4 << 30
"""Bytes of all files together."""
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time that every member bears, so that the same results give the same archive."""
TAKE_AGAIN = "take the bundle again from where it was published"


def write(path: Path, files: Mapping[str, Path], listed: bytes) -> None:
    """Write `files` (name in the archive: file) and the list `listed` as `LIST` to the ZIP at `path`."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_entry(LIST), listed)
        for name in sorted(files):
            with files[name].open("rb") as source, archive.open(_entry(name), "w", force_zip64=True) as out:
                shutil.copyfileobj(source, out)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = (stat.S_IFREG | 0o644) << 16
    return entry


@contextmanager
def opened(bundle: str | Path) -> Iterator[tuple[Path, dict]]:
    """The folder of a bundle (an archive is unpacked to a temporary one) and its list.

    Raises InputError for what is no bundle, is damaged, or holds what a bundle must not: a path out of its
    folder, a link, a file of another kind, or more than the limits.
    """
    bundle = Path(bundle)
    if bundle.is_dir():
        yield bundle, _listed(bundle, bundle / LIST)
        return
    with tempfile.TemporaryDirectory(prefix="ferflow-bundle-") as temporary:
        folder = Path(temporary)
        unpack(bundle, folder)
        yield folder, _listed(bundle, folder / LIST)


def unpack(bundle: Path, folder: Path) -> None:
    """Unpack the archive `bundle` to the empty `folder`; `opened` says what is refused."""
    try:
        with zipfile.ZipFile(bundle) as archive:
            members = _checked(bundle, archive.infolist())
            for name, member in members.items():
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                # Reading ends at the size that was checked, whatever the member holds.
                with archive.open(member) as source, target.open("xb") as out:
                    shutil.copyfileobj(source, out)
    except FileNotFoundError:
        raise InputError(bundle, "does not exist", "give an archive or folder of `ferflow bundle`") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError) as error:
        raise InputError(bundle, f"is not a readable bundle ({error})", TAKE_AGAIN) from None


def _checked(bundle: Path, members: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    if len(members) > MOST_FILES:
        raise InputError(bundle, f"holds {len(members):,} files, more than {MOST_FILES:,}", TAKE_AGAIN)
    found: dict[str, zipfile.ZipInfo] = {}
    for member in members:
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFREG) or member.is_dir():
            raise InputError(bundle, f"holds {member.filename}, which is no plain file", TAKE_AGAIN)
        if member.flag_bits & 0x1:
            raise InputError(bundle, f"holds {member.filename} encrypted", TAKE_AGAIN)
        name = _safe(bundle, member.filename)
        if name in found:
            raise InputError(bundle, f"holds {name} twice", TAKE_AGAIN)
        if member.file_size > LARGEST:
            raise InputError(bundle, f"holds {name} of {member.file_size:,} bytes", TAKE_AGAIN)
        found[name] = member
    if sum(member.file_size for member in found.values()) > LARGEST_ALL:
        raise InputError(bundle, f"holds more than {LARGEST_ALL:,} bytes", TAKE_AGAIN)
    if LIST not in found:
        raise InputError(bundle, f"holds no {LIST}", "give an archive or folder of `ferflow bundle`")
    return found


def _safe(bundle: Path, name: str) -> str:
    """`name` as it is, where it stays in its folder and is of a kind that a bundle holds."""
    parts = PurePosixPath(name).parts
    inside = name == "/".join(parts) and not name.startswith("/") and ".." not in parts
    if not inside or not name.isprintable() or any(sign in name for sign in "\\:"):
        raise InputError(bundle, f"names {name!r}, which leads out of its folder", TAKE_AGAIN)
    if PurePosixPath(name).suffix not in SUFFIXES:
        raise InputError(bundle, f"holds {name}, a kind of file that no bundle has", TAKE_AGAIN)
    return name


def plain(folder: Path, name: str) -> bool:
    """Whether `name` is a file within `folder` and no link, so that nothing outside of a bundle is read."""
    path = folder / name
    return path.resolve().is_relative_to(folder.resolve()) and not path.is_symlink() and path.is_file()


def _listed(bundle: Path, path: Path) -> dict:
    """The list of a bundle's files, each name checked as those of an archive are."""
    try:
        if path.is_symlink() or path.stat().st_size > LARGEST:
            raise ValueError("it is no plain file of a common size")
        found = json.loads(path.read_text(encoding="utf-8"))
        files = {str(name): str(one["sha256"]) for name, one in found["files"].items()}
        study = str(found["study"])
    except FileNotFoundError:
        raise InputError(
            bundle, f"holds no {LIST}", "give an archive or folder of `ferflow bundle`"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(bundle, f"has an unreadable {LIST} ({error})", TAKE_AGAIN) from None
    if len(files) > MOST_FILES:
        raise InputError(bundle, f"lists {len(files):,} files, more than {MOST_FILES:,}", TAKE_AGAIN)
    for name in files:
        _safe(bundle, name)
    if PurePosixPath(study).parts != (study,):
        raise InputError(bundle, f"names the study {study!r}, which is no name", TAKE_AGAIN)
    return found
