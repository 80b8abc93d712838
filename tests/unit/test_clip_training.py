"""Training on clips of frames: what a network is shown, folds, the final model, and the estimate."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from training_study import Stop, contents, counted

from ferflow import tables
from ferflow.augment import offline
from ferflow.classes import EMOTIONS
from ferflow.errors import InputError, SplitError
from ferflow.faces import store
from ferflow.models import endtoend
from ferflow.settings import Online
from ferflow.training import checkpoints, data, estimate, splits
from ferflow.training.crossval import run_network_fold
from ferflow.training.final import train_final_network
from ferflow.training.frames import FrameStudy, augmented, chosen

SUBJECTS = [f"{sex}{n:03d}" for sex in "FM" for n in range(1, 5)]
STORED = 20
"""Pixels, side of the stored crops."""
SMALL = {
    "end_to_end": {
        "c3d": {
            "frames": 8,
            "size": 16,
            "filters": [8],
            "dense": [16],
            "sampling": "first",
            "augmentations": 1,
            "batch": 8,
        },
        "convlstm": {"frames": 8, "size": 12, "filters": [4], "augmentations": 1, "batch": 8},
        "learning_rate": 0.01,
        "epochs": 4,
        "memory": 1,
    },
    "finalize": {"max_epochs": 5, "patience": 3},
}


def write_faces(path: Path, clips: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    """A faces file of clips: frames uint8 [T,S,S,3] and tracked [T]."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for clip_id, (frames, tracked) in clips.items():
            group, n = file.create_group(clip_id), len(frames)
            group["frames"], group["tracked"] = frames, tracked
            group["boxes"] = np.zeros((n, 4), np.float32)
            group["landmarks"] = np.zeros((n, 468, 3), np.float32)
            group["scores"] = np.zeros(n, np.float32)
            group.attrs["warnings"] = ""


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    return write(tmp_path_factory.mktemp("frames"))


def write(folder: Path) -> Path:
    """Eight subjects, six clips each: class k is a bright stripe in rows 3k to 3k+2, in kept frames alone."""
    rng = np.random.default_rng(0)
    clips, kept = [], []
    for subject in SUBJECTS:
        faces = {}
        for label, emotion in enumerate(EMOTIONS):
            n, clip_id = int(rng.integers(9, 16)), f"{subject}_{emotion}"
            sex = "female" if subject[0] == "F" else "male"
            clips.append(
                (clip_id, subject, sex, emotion, "", "x.avi", n, 25.0, 480, 640, f"{len(clips):064x}", True)
            )
            kept.append((clip_id, n, 2, n - 1, 2.0, False, "", False))
            frames = rng.integers(0, 60, (n, STORED, STORED, 3), dtype=np.uint8)
            frames[2 : n - 1, 3 * label : 3 * label + 3] += 150
            tracked = np.ones(n, bool)
            tracked[4] = False
            frames[4] = 0
            faces[clip_id] = frames, tracked
        write_faces(folder / "faces" / f"{subject}.h5", faces)
    manifest = pd.DataFrame(clips, columns=tables.schema("manifest").required)
    tables.write(manifest, folder / "manifest.csv", "manifest")
    trim = pd.DataFrame(kept, columns=tables.schema("trim").names)
    tables.write(trim, folder / "trim.csv", "trim")
    sexes = dict(zip(manifest.subject_id, manifest.sex, strict=True))
    splits.write(splits.make("stratified", sexes, 3, 0.25, 1, "honest"), folder / "splits.json")
    return folder


@pytest.fixture(scope="module")
def settings(small_settings):
    return small_settings(SMALL)


def inputs(study: Path) -> dict:
    """The arguments of `run_network_fold` and `train_final_network` that name files."""
    names = {"splits": "splits.json", "manifest": "manifest.csv", "trim": "trim.csv"}
    faces = [study / "faces" / f"{subject}.h5" for subject in SUBJECTS]
    return {key: study / name for key, name in names.items()} | {"faces": faces}


def read(study: Path, settings, **changes) -> FrameStudy:
    given = {key: value for key, value in inputs(study).items() if key != "splits"}
    return FrameStudy.read(
        **(given | changes), classes=EMOTIONS, augment=settings.augment, seed=settings.seed
    )


def test_the_frames_that_a_network_sees(settings):
    network = settings.end_to_end.c3d
    tracked = np.ones(40, bool)
    tracked[[5, 6]] = False
    assert chosen(tracked, (3, 12), network).tolist() == [3, 4, 7, 8, 9, 10, 11]
    assert chosen(tracked, (3, 30), network).tolist() == [3, 4, 7, 8, 9, 10, 11, 12]
    spread = chosen(tracked, (3, 30), network.model_copy(update={"sampling": "even"}))
    assert len(spread) == 8 and spread[0] == 3 and spread[-1] == 29
    assert set(np.diff(spread)) <= {3, 4, 5, 6} and tracked[spread].all()
    assert len(chosen(~tracked, (10, 20), network)) == 0


def test_a_batch_is_resized_frames_with_zeros_behind(study, settings):
    network = settings.end_to_end.c3d.model_copy(update={"frames": 12})
    whole = read(study, settings)
    clips = whole.of(SUBJECTS[:2])
    items = whole.frames(clips, network, memory=1, training=False)
    assert len(items) == 12
    batch, mask, labels = items[[1, 6, 11]]
    assert batch.shape == (3, 12, 16, 16, 3) and batch.dtype == torch.uint8
    assert labels.tolist() == [1, 0, 5]
    for row, number in enumerate((1, 6, 11)):
        clip = clips.iloc[number]
        begin, end = whole.windows[clip.clip_id]
        stored = store.read_frames(study / "faces" / f"{clip.subject_id}.h5", clip.clip_id)
        real = [k for k in range(begin, end) if k != 4]
        expected = [cv2.resize(stored[k], (16, 16), interpolation=cv2.INTER_AREA) for k in real]
        assert mask[row].tolist() == [True] * len(real) + [False] * (12 - len(real))
        np.testing.assert_array_equal(batch[row, : len(real)].numpy(), expected)
        assert (batch[row, len(real) :] == 0).all()


@pytest.mark.parametrize("name", ["flip", "salt_pepper"])
def test_offline_augmentation_is_that_of_the_features(study, settings, name):
    """Transformed at the stored size, with the noise that the frame has in its whole clip."""
    network = settings.end_to_end.c3d.model_copy(update={"frames": 4, "sampling": "even"})
    augment = settings.augment.model_copy(update={"transformations": [name]})
    whole = read(study, settings.model_copy(update={"augment": augment}))
    clips = whole.of(SUBJECTS[:1])
    items = whole.frames(clips, network, memory=0, training=True)
    assert len(items) == 12  # six as they are, six transformed
    clip_id = clips.clip_id[2]
    path = study / "faces" / f"{SUBJECTS[0]}.h5"
    stored = store.read_frames(path, clip_id)
    changed = offline.apply(name, stored, offline.clip_seed(settings.seed, clip_id), False)
    numbers = chosen(store.read(path, clip_id)["tracked"], whole.windows[clip_id], network)
    expected = [cv2.resize(changed[k], (16, 16), interpolation=cv2.INTER_AREA) for k in numbers]
    np.testing.assert_array_equal(items.sequence(8), expected)
    assert not np.array_equal(items.sequence(8), items.sequence(2))


def test_memory_is_bounded_whatever_the_number_of_clips(study, settings):
    whole = read(study, settings)
    network = settings.end_to_end.c3d.model_copy(update={"frames": 12, "size": 32})
    clips = whole.of(SUBJECTS)
    kept = whole.frames(clips, network, memory=1, training=True)
    none = whole.frames(clips, network, memory=0, training=True)
    for number in range(0, len(kept), 8):
        numbers = list(range(number, number + 8))
        for _ in range(2):
            assert all(torch.equal(a, b) for a, b in zip(kept[numbers], none[numbers], strict=True))
    held = sum(frames.nbytes for frames in kept.kept.values())
    assert 0 < len(kept.kept) < len(kept)  # there was room for some of them
    assert held <= 2**20 and held + kept.left == 2**20
    assert none.kept == {}


@pytest.mark.parametrize("n_readers", [0, 1])
def test_frames_are_read_ahead_to_the_same_batches(study, settings, monkeypatch, n_readers):
    monkeypatch.setattr(data, "LARGE", 0)
    network = settings.end_to_end.c3d.model_copy(update={"online": Online(), "augmentations": 1})
    whole = read(study, settings)
    clips = whole.of(SUBJECTS[:2])
    items = whole.frames(clips, network, memory=0, n_readers=n_readers, training=True)
    batches = data.loader(items, 5, seed=1)
    assert isinstance(batches, data.ReadAhead) and (items.processes() is not None) == bool(n_readers)
    ahead = list(batches)
    plain = [items[numbers] for numbers in batches.sampler]
    assert len(ahead) == len(plain) == 5
    for one, other in zip(ahead, plain, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_online_augmentation_treats_all_frames_alike():
    """A clip of one image over and over stays one; another draw is another clip."""
    online = Online(
        flip=True, rotation=10, shear=0.15, shift=0.1, zoom=0.1, brightness=(0.4, 1.5), erase=0, mixup=0
    )
    image = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    clip = torch.from_numpy(np.repeat(cv2.GaussianBlur(image, (5, 5), 0)[None], 6, 0))
    drawn = [augmented(clip, online, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert drawn[0].dtype == torch.uint8 and drawn[0].shape == clip.shape
    assert (drawn[0] == drawn[0][:1]).all() and not torch.equal(drawn[0], clip)
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])
    still = Online(flip=False, rotation=0, shear=0, shift=0, zoom=0, brightness=(1, 1), erase=0, mixup=0)
    assert torch.equal(augmented(clip, still, torch.Generator()), clip)


def test_only_training_clips_are_augmented_online(study, settings):
    online = Online(
        flip=True, rotation=10, shear=0.15, shift=0.1, zoom=0.1, brightness=(0.4, 1.5), erase=0, mixup=0
    )
    network = settings.end_to_end.c3d.model_copy(update={"online": online, "augmentations": 0})
    whole = read(study, settings)
    clips = whole.of(SUBJECTS[:1])
    training = whole.frames(clips, network, 1, training=True)
    plain = whole.frames(clips, network, 1, training=False)
    first, again, other = training[[0, 3]], training[[0, 3]], training[[3, 0]]
    assert torch.equal(first[0], again[0]) and not torch.equal(first[0][0], other[0][1])
    assert not torch.equal(first[0], plain[[0, 3]][0])
    assert (first[0][~first[1]] == 0).all()  # what is no frame stays black
    assert torch.equal(plain[[0]][0], plain[[0]][0])


def arguments(study: Path, settings, name: str = "c3d") -> dict:
    """The arguments that a fold and the final model of the network `name` share."""
    plan = settings.end_to_end
    own = {"network": plan.of(name).model_dump(), "plan": plan.plan(), "finalize": settings.finalize}
    own |= {"augment": settings.augment, "classes": EMOTIONS, "seed": settings.seed}
    return {"name": name, **inputs(study), **own}


def fold(study: Path, settings, out: Path, announce=None, **changes) -> Path:
    own = arguments(study, settings) | changes
    run_network_fold(fold=0, out_folder=out, announce=announce, model=own["name"], **own)
    return out


@pytest.fixture(scope="module")
def trained(study, settings, tmp_path_factory) -> Path:
    return fold(study, settings, tmp_path_factory.mktemp("fold") / "fold-0")


def test_a_fold_learns_and_is_judged_on_its_own_clips(study, settings, trained):
    predictions = tables.read(trained / "predictions.csv", "predictions")
    held_out = splits.read(study / "splits.json")["folds"][0]
    assert sorted(set(predictions.subject_id)) == sorted(held_out)
    assert predictions.clip_id.is_unique and len(predictions) == 6 * len(held_out)
    assert set(predictions.model) == {"c3d"} and set(predictions.protocol) == {"cv"}
    assert (predictions.emotion == predictions.predicted).mean() > 0.6  # chance is 1/6
    history = tables.read(trained / "history.csv", "history")
    assert len(history) == settings.end_to_end.epochs
    assert json.loads((trained / "best_epoch.json").read_text())["fold"] == 0


def test_two_folds_give_the_same_bytes(study, settings, trained, tmp_path):
    again = fold(study, settings, tmp_path / "again")
    for name in ("predictions.csv", "history.csv", "early_history.csv", "best_epoch.json"):
        assert (again / name).read_bytes() == (trained / name).read_bytes()


def test_an_interrupted_fold_goes_on_to_the_same_files(study, settings, trained, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "EVERY", 1e-9)  # a checkpoint of every epoch
    monkeypatch.setattr(checkpoints, "WRITING", 0)
    with counted(2), pytest.raises(Stop):
        fold(study, settings, tmp_path / "out", run=tmp_path / "run")
    with counted() as epochs:
        fold(study, settings, tmp_path / "out", run=tmp_path / "run")
    assert epochs[:3] == [2, 3, 0] and contents(tmp_path / "out") == contents(trained)


def test_a_fold_in_passes_is_nearly_the_fold(study, settings, trained, tmp_path):
    network = settings.end_to_end.c3d.model_copy(update={"micro_batch": 3}).model_dump()
    fold(study, settings, tmp_path, network=network)
    whole, parts = (tables.read(where / "history.csv", "history") for where in (trained, tmp_path))
    np.testing.assert_allclose(parts.train_loss, whole.train_loss, rtol=1e-3)
    assert (parts.train_accuracy - whole.train_accuracy).abs().max() < 0.05


def test_a_final_convlstm_comes_back_and_says_the_same(study, settings, tmp_path):
    early = tmp_path / "best_epoch.json"
    early.write_text(json.dumps({"fold": 0, "epoch": 2, "max_accuracy": 0.5}))
    out = tmp_path / "final"
    own = arguments(study, settings, "convlstm")
    train_final_network(early=[early], out_folder=out, prepared={"trim": {"threshold": 0.5}}, **own)
    history = tables.read(out / "history.csv", "history")
    assert len(history) == 2 and history.validation_accuracy.isna().all()
    predictions = tables.read(out / "predictions.csv", "predictions")
    assert set(predictions.subject_id) == set(splits.read(study / "splits.json")["test"])
    network, content = endtoend.load(out / "model.pt")
    assert content["meta"]["synthetic"] and content["meta"]["epochs"] == 2
    assert content["meta"]["settings"] == {"trim": {"threshold": 0.5}}
    whole = read(study, settings)
    items = whole.frames(whole.of(sorted(set(predictions.subject_id))), network.settings, 0, training=False)
    clips, mask, _ = items[[0, 7]]
    with torch.inference_mode():
        shares = network(clips, mask).softmax(1).numpy()
    written = predictions[[f"p_{emotion}" for emotion in EMOTIONS]].to_numpy(float)[[0, 7]]
    np.testing.assert_allclose(shares, written, atol=2e-6)


def test_bad_inputs_are_one_line(study, settings, tmp_path):
    split = json.loads((study / "splits.json").read_text())
    split["folds"][1].append(split["folds"][0][0])
    leaky = tmp_path / "splits.json"
    leaky.write_text(json.dumps(split))
    with pytest.raises(SplitError, match="stands in fold 0 and in fold 1"):
        fold(study, settings, tmp_path / "out", splits=leaky)
    with pytest.raises(InputError, match=r"faces/\w+\.h5: is not given"):
        fold(study, settings, tmp_path / "out", faces=[])
    whole = read(study, settings)
    clip_id = whole.clips.clip_id[0]
    network = settings.end_to_end.c3d
    for window, message in (((0, 99), "frames, not 0:99"), ((4, 5), "no tracked frame in 4:5")):
        whole.windows[clip_id] = window
        with pytest.raises(InputError, match=message):
            whole.frames(whole.clips, network, 0, training=False).sequence(0)
    assert not (tmp_path / "out").exists()


def test_a_long_training_is_announced(study, settings, tmp_path, monkeypatch):
    torch.manual_seed(7)
    state = torch.get_rng_state()
    network = settings.end_to_end.convlstm
    monkeypatch.setattr(estimate, "PROBE", 2)  # frames of 8: the rest is reckoned
    steps = []
    monkeypatch.setattr(estimate, "_step", lambda _net, clips, _mask: steps.append(clips.shape) or 0.5)
    cost = estimate.network_cost("convlstm", network, 6, batch=4)
    assert cost.seconds == 0.5 * 8 / 2 and steps == [(1, 2, 12, 12, 3)] * 2  # the first was a short one
    head = settings.temporal.heads["lstm"]
    assert estimate.head_cost("lstm", head, 32, 50, 6, batch=16).seconds == 0.5 / 4
    assert steps[2:] == [(4, 50, 32)] * 2
    assert torch.equal(torch.get_rng_state(), state)
    said: list[str] = []
    estimate.announce("convlstm", cost, 10, 5, said.append)
    assert said == []  # 100 s
    estimate.announce("convlstm, fold 0", cost, 400, 60, said.append)
    assert len(said) == 1
    assert "convlstm, fold 0: at most 13.3 h on a CPU" in said[0] and "2 s a clip, 400 clips" in said[0]
    said.clear()
    fold(study, settings, tmp_path / "quick", announce=said.append)
    assert said == []
    monkeypatch.setattr(estimate, "LONG", 0)
    fold(study, settings, tmp_path / "long", announce=said.append)
    # 24 or 30 clips in training, each with its flipped version; 4 epochs and at most 5 more
    assert len(said) == 1 and "at most 9 epochs" in said[0] and "c3d, fold 0" in said[0]


def test_the_estimate_is_of_a_real_step(settings):
    one = estimate.network_cost("c3d", settings.end_to_end.c3d, 6, batch=4)
    larger = settings.end_to_end.c3d.model_copy(update={"size": 64, "frames": 32})
    assert 0 < one.seconds < estimate.network_cost("c3d", larger, 6, batch=4).seconds < 20
