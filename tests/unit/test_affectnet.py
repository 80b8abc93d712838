"""AffectNet as it is published: read as annotated, what is wrong in it counted or said in one line."""

from __future__ import annotations

import contextlib
import re

import numpy as np
import pandas as pd
import pytest
from affect_study import add, small_set

from ferflow import tables
from ferflow.datasets import affectnet
from ferflow.datasets.affectnet import CLASSES, answer
from ferflow.errors import InputError
from ferflow.training import image_files
from ferflow.training.image_files import ImageList


def built(root, tmp_path, smallest=32):
    manifest, counts = tmp_path / "manifest.csv", tmp_path / "counts.csv"
    affectnet.write_manifest(root, manifest, counts, smallest)
    return manifest, tables.read(counts, "affect_counts")


def number(counts, part, kind, reason):
    found = counts[(counts["part"] == part) & (counts["kind"] == kind) & (counts["reason"] == reason)]
    return (int(found["number"].iloc[0]), found["example"].iloc[0]) if len(found) else (0, "")


@pytest.mark.parametrize("names", [("train_set", "val_set"), ("train-set", "val-set")])
def test_images_come_with_their_class_by_the_published_codes(tmp_path, names):
    root = small_set(tmp_path / "set", 10, *names)
    manifest, counts = built(root, tmp_path)
    table = tables.read(manifest, "manifest")
    train = table[table["split"] == "train"]
    assert list(train["source"]) == [f"{root}/{names[0]}/images/{k}.jpg" for k in range(10)]
    assert list(train["clip_id"]) == [f"train-{k:07d}" for k in range(10)]
    assert list(train["emotion"]) == [*CLASSES, "neutral", "happy"]
    assert set(zip(train["width"], train["height"], strict=True)) == {(40, 48)}
    assert CLASSES == ("neutral", "happy", "sad", "surprise", "fear", "disgust", "angry", "contempt")
    assert list(train["valence"]) == [k / 10 for k in range(10)]
    assert list(train["arousal"].isna()) == [k % 5 == 0 for k in range(10)]
    assert number(counts, "train", "class", "happy")[0] == 2
    assert number(counts, "validation", "total", "all classes")[0] == 8
    assert number(counts, "train", "noted", affectnet.NOT_GIVEN) == (2, f"{names[0]}/images/0.jpg")
    assert not counts["synthetic"].any() and not table["synthetic"].any()


def test_who_is_shown_is_read_where_somebody_knows(tmp_path):
    root = small_set(tmp_path / "set", 10)
    people = root / "people.csv"
    people.write_text("image,subject_id\nval_set/images/3.jpg,anna\nval_set/images/5.jpg,ben.2\n")
    manifest, _ = built(root, tmp_path)
    table = tables.read(manifest, "manifest")
    known = table["subject_id"].fillna("")
    assert dict(zip(table["clip_id"], known, strict=True))["validation-0000003"] == "anna"
    assert sorted(known[known != ""]) == ["anna", "ben.2"]
    listed = ImageList.read(manifest)
    assert [listed.subject(k) for k in range(len(listed))] == list(known)
    people.write_text("image,subject_id\n" + 2 * "val_set/images/3.jpg,anna\n")
    with pytest.raises(InputError, match=r"people.csv: lists val_set/images/3.jpg twice"):
        built(root, tmp_path)


def test_numbers_order_the_images_as_numbers(tmp_path):
    root = small_set(tmp_path / "set", 12)
    images = [found.image for found in affectnet.read(root, 32, threads=2) if found.part == "train"]
    assert images == [f"train_set/images/{k}.jpg" for k in range(12)]


def test_what_cannot_be_used_is_counted_with_its_first_example_and_the_rest_goes_on(tmp_path):
    root = small_set(tmp_path / "set", 8)
    for code in (8, 9, 9, 10):
        add(root, "train_set", 100 + code + 20 * (root / f"train_set/images/{100 + code}.jpg").exists(), code)
    add(root, "train_set", 200, val="1.5")
    add(root, "train_set", 201, aro=-1.01)
    add(root, "train_set", 202, exp="11")
    add(root, "train_set", 203, exp="0.5")
    add(root, "train_set", 204, size=(10, 10))
    add(root, "train_set", 205).write_bytes(b"no image")
    add(root, "train_set", 206, exp=None)
    add(root, "train_set", 207).unlink()
    add(root, "train_set", 208)
    (root / "train_set/annotations/208_val.npy").write_bytes(b"\x93NUMPY\x01\x00")
    _, counts = built(root, tmp_path)
    dropped = counts[(counts["kind"] == "dropped")].set_index("reason")
    assert dict(dropped["number"]) == {
        "expression 8 (none)": 1,
        "expression 9 (uncertain)": 2,
        "expression 10 (no face)": 1,
        affectnet.BEYOND: 2,
        affectnet.NO_CODE: 2,
        "image smaller than 32 pixels": 1,
        affectnet.UNREADABLE_IMAGE: 1,
        affectnet.NO_ANNOTATION: 1,
        affectnet.NO_IMAGE: 1,
        affectnet.UNREADABLE_ANSWER: 1,
    }
    assert dropped.loc["expression 9 (uncertain)", "example"] == "train_set/images/109.jpg"
    assert dropped.loc[affectnet.NO_IMAGE, "example"] == "train_set/annotations/207_exp.npy"
    assert number(counts, "train", "total", "all classes")[0] == 8


def test_a_misspelt_folder_is_one_line_with_the_nearest_name(tmp_path):
    root = small_set(tmp_path / "set", 8, train="train_sett")
    with pytest.raises(
        InputError, match=r"has no folder train_set or train-set.*rename train_sett to train_set"
    ):
        list(affectnet.read(root, 32))
    (root / "train_sett").rename(root / "train_set")
    (root / "val_set/annotations").rename(root / "val_set/anotations")
    with pytest.raises(InputError, match=r"val_set/annotations.*rename anotations to annotations"):
        list(affectnet.read(root, 32))
    with pytest.raises(InputError, match="rename set to sett"):
        list(affectnet.read(tmp_path / "sett", 32))


def test_both_spellings_and_nothing_usable_are_one_line_each(tmp_path):
    root = small_set(tmp_path / "set", 8)
    (root / "train-set").mkdir()
    with pytest.raises(InputError, match="has both train_set and train-set"):
        list(affectnet.read(root, 32))
    (root / "train-set").rmdir()
    with pytest.raises(InputError, match="holds no image that can be used"):
        built(root, tmp_path, smallest=1000)
    assert not (tmp_path / "manifest.csv").exists()


@pytest.mark.parametrize(
    ("said", "read"),
    [("7", 7), ("-0.12", -0.12), (3, 3), (np.float32(0.5), 0.5), (np.array(["1"]), 1), (b"-2", -2)],
)
def test_answers_are_strings_or_numbers(tmp_path, said, read):
    np.save(tmp_path / "0_val.npy", np.array(said))
    assert answer(tmp_path / "0_val.npy") == pytest.approx(read)


def test_nothing_is_unpickled_and_odd_arrays_are_refused(tmp_path):
    class Trap:
        def __reduce__(self):
            return (tmp_path / "trap").write_text, ("sprung",)

    path = tmp_path / "0_exp.npy"
    for value in (
        np.array([Trap()], object),
        np.zeros((2, 2)),
        np.array("nan"),
        np.array("happy"),
        np.zeros(0),
    ):
        np.save(path, value, allow_pickle=True)
        with pytest.raises(ValueError):
            answer(path)
    assert not (tmp_path / "trap").exists()
    np.save(path, np.array("0"))
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")  # no character has such a number
    with pytest.raises(ValueError, match="no text"):
        answer(path)
    rng = np.random.default_rng(0)
    np.save(path, np.array("-0.125"))
    whole = path.read_bytes()
    for _ in range(300):
        data = bytearray(whole)
        for place in rng.integers(0, len(data), 3):
            data[place] = rng.integers(256)
        path.write_bytes(bytes(data[: rng.integers(1, len(data) + 1)]))
        with contextlib.suppress(ValueError):
            assert np.isfinite(answer(path))


def test_weights_are_the_balanced_ones(tmp_path):
    from sklearn.utils.class_weight import compute_class_weight

    labels = np.repeat(np.arange(8), [9, 14, 3, 2, 1, 1, 4, 1])
    ours = affectnet.class_weights(np.bincount(labels))
    np.testing.assert_allclose(ours, compute_class_weight("balanced", classes=np.arange(8), y=labels))
    assert affectnet.class_weights(np.array([2, 0, 2])).tolist() == [1, 0, 1]


def test_the_manifest_is_written_and_read_in_slices_and_the_same_in_any(tmp_path, monkeypatch):
    manifest, _ = built(small_set(tmp_path / "set"), tmp_path)
    whole, text = ImageList.read(manifest), manifest.read_bytes()
    for module in (affectnet, image_files):
        monkeypatch.setattr(module, "SLICE", 4)
    built(tmp_path / "set", tmp_path)
    assert manifest.read_bytes() == text
    sliced = ImageList.read(manifest)
    assert len(whole) == 29
    for name in ("parts", "labels", "valence_arousal", "clip_ids", "folder", "names", "subjects"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(sliced, name))
    table = pd.read_csv(manifest)
    assert [whole.source(k).as_posix() for k in range(29)] == list(table["source"])
    assert [whole.clip_id(k) for k in range(29)] == list(table["clip_id"])
    assert all(whole.source(k).is_file() for k in range(29))
    assert whole.counts("train").tolist() == [3, 3, 3, 3, 3, 2, 2, 2]
    assert whole.counts("validation").tolist() == [1] * 8


def test_a_fault_in_a_later_slice_is_named_by_its_line(tmp_path, monkeypatch):
    manifest, _ = built(small_set(tmp_path / "set"), tmp_path)
    monkeypatch.setattr(image_files, "SLICE", 4)
    lines = manifest.read_text().splitlines()
    lines[10] = re.sub(",(neutral|happy|sad),", ",glad,", lines[10])
    manifest.write_text("\n".join(lines) + "\n")
    with pytest.raises(InputError, match="line 11: 'glad' is not one of"):
        ImageList.read(manifest)


def test_a_manifest_without_images_or_without_valence_is_refused(tmp_path):
    manifest, _ = built(small_set(tmp_path / "set"), tmp_path)
    table = tables.read(manifest, "manifest")
    tables.write(table[:0], manifest, "manifest")
    with pytest.raises(InputError, match="lists no image"):
        ImageList.read(manifest)
    tables.write(table.drop(columns="valence"), manifest, "manifest")
    with pytest.raises(InputError, match="lacks the column valence"):
        ImageList.read(manifest)
