"""Features: extraction from faces, reading with trimming, and the export in the thesis's layout."""

from __future__ import annotations

import json
import shutil

import h5py
import numpy as np
import pandas as pd
import pytest
import torch

from ferflow import tables
from ferflow.augment import offline
from ferflow.classes import EMOTIONS, EMOTIONS_NEUTRAL
from ferflow.errors import InputError, WeightsError
from ferflow.features import export, extract, store
from ferflow.models import spatial
from ferflow.models.fuse import fused
from ferflow.settings import Features

SETTINGS = Features(layer="dense", batch=8, precision="float32", max_frames=20, threads=1)
LENGTHS = {"angry": 12, "happy": 30, "sad": 21}
LOST = (15, 16)
"""Frames of the happy clips without a face."""


def write_faces(path, subject: str) -> None:
    """A file as faces.store writes it, of smooth random pictures."""
    rng = np.random.default_rng(sum(map(ord, subject)))
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for emotion, n in LENGTHS.items():
            group = file.create_group(f"{subject}_{emotion}")
            coarse = rng.integers(0, 256, (n, 10, 10, 3), np.uint8)
            frames = coarse.repeat(16, 1).repeat(16, 2)
            tracked = np.ones(n, bool)
            if emotion == "happy":
                tracked[list(LOST)] = False
            frames[~tracked] = 0
            group.create_dataset("frames", data=frames, chunks=(1, 160, 160, 3))
            group["tracked"] = tracked
            group["boxes"] = np.zeros((n, 4), np.float32)
            group["landmarks"] = np.zeros((n, 468, 3), np.float32)
            group["scores"] = np.zeros(n, np.float32)
            group.attrs["warnings"] = ""


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A working folder with faces of two subjects, a model, features, and the tables of a study."""
    folder = tmp_path_factory.mktemp("work")
    torch.manual_seed(1)
    network = spatial.build("compact", 7)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d | torch.nn.BatchNorm1d):
            module.momentum = 1.0  # one batch fills in the statistics
    network.train()(torch.rand(32, 1, 48, 48))
    spatial.save(folder / "model.pt", network.eval(), EMOTIONS_NEUTRAL, {"synthetic": True})
    rows, windows = [], []
    for subject in ("F001", "M001"):
        write_faces(folder / "faces" / f"{subject}.h5", subject)
        extract.write_subject(
            folder / "faces" / f"{subject}.h5",
            {"dense": folder / "features" / "none" / f"{subject}.h5"},
            folder / "model.pt",
            "none",
            SETTINGS,
            20,
            False,
        )
        for emotion, n in LENGTHS.items():
            clip = f"{subject}_{emotion}"
            sex = "female" if subject[0] == "F" else "male"
            source = f"raw/{clip}_tex.avi" if subject == "F001" else f"raw/M001/{emotion}"
            rows.append((clip, subject, sex, emotion, "", source, n, 25.0, 480, 640, "0" * 64, True))
            windows.append((clip, n, 2, n - 3, 1.0, False, "", False))
    names = tables.schema("manifest").required
    tables.write(pd.DataFrame(rows, columns=names), folder / "manifest.csv", "manifest")
    names = tables.schema("trim").names
    tables.write(pd.DataFrame(windows, columns=names), folder / "trim.csv", "trim")
    splits = {
        "scheme": "stratified",
        "seed": 1,
        "protocol": "honest",
        "test": [],
        "folds": [["M001"], ["F001"]],
    }
    (folder / "splits.json").write_text(json.dumps(splits))
    return folder


def faces_frames(work, clip: str) -> np.ndarray:
    with h5py.File(work / "faces" / f"{clip[:4]}.h5") as file:
        return file[clip]["frames"][:]


def features_by_hand(work, frames: np.ndarray) -> np.ndarray:
    network, _ = spatial.load(work / "model.pt")
    with torch.inference_mode():
        return network.features(spatial.prepare(frames, network), "dense").numpy()


def test_every_tracked_frame_has_the_networks_features_and_a_lost_one_nan(work):
    path = work / "features" / "none" / "F001.h5"
    with h5py.File(path) as file:
        assert sorted(file) == sorted(f"F001_{e}" for e in LENGTHS)
        for emotion, n in LENGTHS.items():
            rows = file[f"F001_{emotion}"]
            assert rows.shape == (n, 32) and rows.dtype == np.float16
            lost = np.isnan(rows[:]).all(1)
            assert np.flatnonzero(lost).tolist() == (list(LOST) if emotion == "happy" else [])
            expected = features_by_hand(work, faces_frames(work, f"F001_{emotion}"))
            assert expected.std() > 0.2
            np.testing.assert_allclose(rows[:][~lost], expected[~lost], atol=2e-3, rtol=2e-3)
    info = store.info(path)
    assert info["transformation"] == "none" and info["n_features"] == 32
    assert info["precision"] == "float32" and info["synthetic_model"] is True
    assert len(info["model_sha256"]) == 64


def test_the_batch_size_changes_nothing_but_rounding(work, tmp_path):
    for batch in (1, 256):
        settings = SETTINGS.model_copy(update={"batch": batch})
        extract.write_subject(
            work / "faces/F001.h5",
            {"dense": tmp_path / f"{batch}.h5"},
            work / "model.pt",
            "salt_pepper",
            settings,
            20,
            False,
        )
    for clip in store.clip_ids(tmp_path / "1.h5"):
        one, many = (store.read(tmp_path / f"{b}.h5", clip) for b in (1, 256))
        np.testing.assert_allclose(one, many, atol=2e-3, rtol=2e-3)


def test_the_same_settings_give_the_same_bytes(work, tmp_path):
    for name in ("a.h5", "b.h5"):
        extract.write_subject(
            work / "faces/F001.h5",
            {"dense": tmp_path / name},
            work / "model.pt",
            "salt_pepper",
            SETTINGS,
            20,
            False,
        )
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_one_pass_gives_every_layer_as_a_pass_of_its_own_does(work, tmp_path):
    files = {layer: tmp_path / f"{layer}.h5" for layer in ("pool", "dense")}
    extract.write_subject(work / "faces/F001.h5", files, work / "model.pt", "none", SETTINGS, 20, False)
    assert files["dense"].read_bytes() == (work / "features/none/F001.h5").read_bytes()
    alone = tmp_path / "alone.h5"
    extract.write_subject(
        work / "faces/F001.h5", {"pool": alone}, work / "model.pt", "none", SETTINGS, 20, False
    )
    assert files["pool"].read_bytes() == alone.read_bytes()
    assert (store.info(alone)["layer"], store.info(alone)["n_features"]) == ("pool", 4608)


def test_a_transformation_is_applied_to_the_faces(work, tmp_path):
    extractor = extract.Extractor(work / "model.pt", SETTINGS)
    frames = faces_frames(work, "F001_sad")
    for name, listing in (("salt_pepper", False), ("darker", True)):
        path = tmp_path / f"{name}{listing}.h5"
        extract.write_subject(
            work / "faces/F001.h5", {"dense": path}, work / "model.pt", name, SETTINGS, 20, listing, extractor
        )
        changed = offline.apply(name, frames, offline.clip_seed(20, "F001_sad"), listing)
        rows = store.read(path, "F001_sad")
        np.testing.assert_allclose(rows, features_by_hand(work, changed), atol=2e-3, rtol=2e-3)
        assert np.abs(rows - store.read(work / "features/none/F001.h5", "F001_sad")).max() > 0.01


def test_bfloat16_comes_close_to_float32(work):
    frames = faces_frames(work, "F001_sad")
    settings = SETTINGS.model_copy(update={"precision": "bfloat16"})
    low = extract.Extractor(work / "model.pt", settings)(frames)["dense"]
    high = features_by_hand(work, frames)
    assert low.dtype == np.float16
    assert np.corrcoef(low.ravel(), high.ravel())[0, 1] > 0.995


def test_folding_batch_normalisation_keeps_the_outputs(work):
    network, _ = spatial.load(work / "model.pt")
    quick = fused(network)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in quick.modules())
    assert any(isinstance(m, torch.nn.BatchNorm2d) for m in network.modules())
    x = torch.rand(4, 1, 48, 48)
    torch.testing.assert_close(quick(x), network(x), atol=1e-4, rtol=1e-4)


def test_reading_applies_the_trimming_and_leaves_lost_frames_out(work):
    path = work / "features/none/F001.h5"
    with h5py.File(path) as file:
        rows = file["F001_happy"][:]
    np.testing.assert_array_equal(store.read(path, "F001_happy", 3, 20), np.delete(rows, LOST, 0)[3:18])
    np.testing.assert_array_equal(store.read(path, "F001_happy", 3, 20, 5), rows[3:8])
    assert store.read_runs(path, "F001_happy", 3, 20) == [(3, 15), (17, 20)]
    assert store.read_runs(path, "F001_happy", 3, 30, 14) == [(3, 15), (17, 19)]
    assert store.read_runs(path, "F001_happy", 17, 20) == [(17, 20)]
    for begin, end in ((0, 31), (5, 5), (-1, 4)):
        with pytest.raises(InputError, match="has 30 frames"):
            store.read(path, "F001_happy", begin, end)
    with pytest.raises(InputError, match="no tracked frame in 15:17"):
        store.read(path, "F001_happy", 15, 17)
    with pytest.raises(InputError, match="has no clip F001_fear"):
        store.read(path, "F001_fear")


def test_damaged_and_mixed_feature_files_are_refused(work, tmp_path):
    good = work / "features/none/F001.h5"
    with pytest.raises(InputError, match="does not exist"):
        store.read(tmp_path / "none.h5", "F001_happy")
    (tmp_path / "cut.h5").write_bytes(good.read_bytes()[:3000])
    with pytest.raises(InputError, match="damaged"):
        store.read(tmp_path / "cut.h5", "F001_happy")
    shutil.copy(good, tmp_path / "other.h5")
    with h5py.File(tmp_path / "other.h5", "a") as file:
        file.attrs["model_sha256"] = "0" * 64
    assert store.verify([good, work / "features/none/M001.h5"])["n_features"] == 32
    with pytest.raises(InputError, match="model_sha256"):
        store.verify([good, tmp_path / "other.h5"])


def test_a_model_that_overflows_is_refused_and_nothing_is_left(work, tmp_path):
    network, _ = spatial.load(work / "model.pt")
    with torch.no_grad():
        network.dense_head[1].bias.fill_(1e6)
    spatial.save(tmp_path / "model.pt", network, EMOTIONS_NEUTRAL, {"synthetic": True})
    with pytest.raises(WeightsError, match="65,504"):
        extract.write_subject(
            work / "faces/F001.h5",
            {"dense": tmp_path / "out.h5"},
            tmp_path / "model.pt",
            "none",
            SETTINGS,
            20,
            False,
        )
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.pt"]


def write_export(work, folder, **changes):
    arguments = {
        "features": sorted((work / "features/none").glob("*.h5")),
        "manifest": work / "manifest.csv",
        "trim": work / "trim.csv",
        "splits": work / "splits.json",
        "out": folder,
        "max_frames": 20,
        "emotions": EMOTIONS,
    }
    return export.write_folds(**{**arguments, **changes})


def test_the_export_has_the_thesiss_layout(work):
    paths = write_export(work, work / "features/export")
    assert [p.name for p in paths] == ["fold-0-features-32.h5", "fold-1-features-32.h5"]
    with h5py.File(paths[1]) as file:
        assert file["features"].shape == (3, 20, 32) and file["masks"].shape == (3, 20)
        assert file["features"].is_virtual
        names = file["names"].asstr()[:].tolist()
        assert names == ["F001_angry_tex.avi", "F001_happy_tex.avi", "F001_sad_tex.avi"]
        np.testing.assert_array_equal(file["labels"][:].argmax(1), [0, 3, 4])
        assert file["labels"].shape == (3, 6) and (file["labels"][:].sum(1) == 1).all()
        for number, (emotion, n) in enumerate(LENGTHS.items()):
            rows = store.read(work / "features/none/F001.h5", f"F001_{emotion}", 2, n - 3, 20)
            assert file["masks"][number].tolist() == [1] * len(rows) + [0] * (20 - len(rows))
            np.testing.assert_array_equal(file["features"][number, : len(rows)], rows)
            assert (file["features"][number, len(rows) :] == 0).all()
        assert bool(file.attrs["synthetic"]) is True and int(file.attrs["fold"]) == 1
    with h5py.File(paths[0]) as file:  # clips that are folders of images
        assert file["names"].asstr()[0] == "M001_angry_tex.avi"


def test_an_export_moves_with_its_sources_and_never_reads_silent_zeros(work, tmp_path, monkeypatch):
    write_export(work, work / "features/export")
    moved = tmp_path / "elsewhere"
    shutil.copytree(work / "features", moved)
    path = moved / "export" / "fold-1-features-32.h5"
    with h5py.File(work / "features/export/fold-1-features-32.h5") as file:
        expected = file["features"][:]
    hidden = work / "features" / "hidden"
    (work / "features/none").rename(hidden)  # only the moved copy is left to read
    try:
        monkeypatch.chdir(tmp_path)
        export.check(path)
        with h5py.File(path) as file:
            np.testing.assert_array_equal(file["features"][:], expected)
        assert np.abs(expected).max() > 0
        (moved / "none" / "F001.h5").unlink()
        with pytest.raises(InputError, match=r"F001.h5 is missing and would read as zeros"):
            export.check(path)
    finally:
        hidden.rename(work / "features/none")


def test_an_export_without_all_its_sources_is_refused(work, tmp_path):
    with pytest.raises(InputError, match=r"F001.h5: is not among the features"):
        write_export(work, tmp_path, features=[work / "features/none/M001.h5"])
    with pytest.raises(InputError, match="does not exist"):
        write_export(work, tmp_path, features=[tmp_path / "F001.h5", tmp_path / "M001.h5"])
    trim = tables.read(work / "trim.csv", "trim")
    tables.write(trim[trim.clip_id != "M001_sad"], tmp_path / "trim.csv", "trim")
    with pytest.raises(InputError, match="lacks the clip M001_sad"):
        write_export(work, tmp_path, trim=tmp_path / "trim.csv")
