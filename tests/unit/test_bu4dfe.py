"""BU-4DFE's layouts are read by name; what is wrong with a copy is one clear line."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from ferflow.classes import EMOTIONS
from ferflow.datasets import bu4dfe, listed, manifest
from ferflow.errors import InputError


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")


def flat(root, subjects=("F001", "M002")):
    for subject in subjects:
        for emotion in EMOTIONS:
            touch(root / f"{subject}_{emotion}_tex.avi")


def test_flat_folder_gives_every_clip_in_class_order(tmp_path):
    flat(tmp_path)
    clips = bu4dfe.find(tmp_path)
    assert [c.clip_id for c in clips[:3]] == ["F001_angry", "F001_disgust", "F001_fear"]
    assert [c.sex for c in clips] == ["female"] * 6 + ["male"] * 6


@pytest.mark.parametrize("inside", ["{}.avi", "{}/video.avi", "{}/000.jpg", "{}/F001_{}_tex.avi"])
def test_subject_folders_in_every_layout(tmp_path, inside):
    for written in ("Angry", "Disgust", "Fear", "Happy", "Sad", "Surprise"):
        touch(tmp_path / "F001" / inside.format(written, written))
    clips = bu4dfe.find(tmp_path)
    assert [c.emotion for c in clips] == list(EMOTIONS)
    assert clips[0].source.is_dir() == (inside == "{}/000.jpg")


def test_the_subject_that_the_thesis_leaves_out_is_passed_over(tmp_path):
    flat(tmp_path, ("F015", "F016"))
    assert {c.subject_id for c in bu4dfe.find(tmp_path)} == {"F015"}


@pytest.mark.parametrize(
    ("spoil", "line"),
    [
        (lambda r: touch(r / "F001-happy.avi"), "F001-happy.avi: is not named <subject>_<emotion>_tex"),
        (lambda r: touch(r / "F001_hapy_tex.avi"), "'hapy' is not an emotion"),
        (lambda r: (r / "F001_sad_tex.avi").unlink(), "clips are missing: F001 sad"),
        (lambda r: touch(r / "F001" / "sad.avi"), "shows the same clip as"),
    ],
)
def test_what_is_wrong_with_a_copy_is_one_line(tmp_path, spoil, line):
    flat(tmp_path)
    spoil(tmp_path)
    with pytest.raises(InputError, match=line) as error:
        bu4dfe.find(tmp_path)
    assert "\n" not in str(error.value)


def test_missing_and_empty_folders(tmp_path):
    with pytest.raises(InputError, match="is not a folder"):
        bu4dfe.find(tmp_path / "none")
    with pytest.raises(InputError, match="holds no clip"):
        bu4dfe.find(tmp_path)


def images(folder, count):
    folder.mkdir(parents=True)
    for i in range(count):
        cv2.imwrite(str(folder / f"{i:03d}.png"), np.full((40, 30, 3), i, np.uint8))


def test_manifest_of_listed_clips(tmp_path):
    images(tmp_path / "clips" / "a", 4)
    images(tmp_path / "clips" / "b", 2)
    table = tmp_path / "my.csv"
    table.write_text("clip_id,subject_id,emotion,source\n1,007,happy,a\n2,007,sad,b\n")
    clips = listed.find(table, tmp_path / "clips", EMOTIONS)
    out = tmp_path / "manifest.csv"
    manifest.build(clips, out)
    frame = manifest.read(out)
    assert list(frame.subject_id) == ["007", "007"]
    assert list(frame.n_frames) == [4, 2]
    assert list(frame.width) == [30, 30]
    assert not frame.synthetic.any()


def test_the_generators_mark_makes_clips_synthetic_whatever_they_are_called(tmp_path):
    images(tmp_path / "a", 1)
    (tmp_path / manifest.SYNTHETIC_MARK).write_text("made up")
    assert manifest.is_synthetic(tmp_path / "a")


def test_the_check_of_a_data_set_says_who_is_missing_and_what_differs(tmp_path):
    from ferflow import settings, tables
    from ferflow.datasets.check import write_check
    from ferflow.training import splits

    params = settings.load(Path(__file__).parents[2] / "params.yaml")
    rows = [
        {"clip_id": f"{s}_{e}", "subject_id": s, "sex": "female", "emotion": e, "split": "", "source": "x"}
        for s in bu4dfe.SUBJECTS
        if s != "F020"
        for e in EMOTIONS
    ]
    frame = pd.DataFrame(rows).assign(
        n_frames=100, fps=25.0, width=1040, height=1329, sha256="0" * 64, synthetic=False
    )
    frame.loc[3, "fps"] = 30.0
    tables.write(frame, tmp_path / "manifest.csv", "manifest")
    chosen = params.dataset.model_copy(update={"name": "bu4dfe"})
    subjects = dict(zip(frame.subject_id, frame.sex, strict=True))
    splits.write(splits.make("thesis", subjects, 5, 0.2, 1, "honest", by_name=True), tmp_path / "splits.json")
    tables.write(
        pd.DataFrame(columns=list(tables.schema("unusable")["properties"])), tmp_path / "unusable.csv", "unusable"
    )
    files = [tmp_path / name for name in ("manifest.csv", "splits.json", "unusable.csv", "dataset.csv")]
    write_check(*files, chosen, params.synth4d)
    found = tables.read(tmp_path / "dataset.csv", "dataset").set_index("point")
    assert len(bu4dfe.SUBJECTS) == 100
    note = "missing: F020; F016 is passed over, as in the thesis"
    assert list(found.loc["subjects", ["expected", "found", "note"]]) == ["100", "99", note]
    sides = found.loc["subjects of the test set and of the folds"]
    assert list(sides[["expected", "found"]]) == ["20, 16, 16, 16, 16, 16", "20, 15, 16, 16, 16, 16"]
    assert sides["note"] == "F020 of fold 0: not there"
    assert found.loc["picture size (pixels)", "note"] == ""
    assert found.loc["frame rate (1/s)", "note"] == "differs in F001_happy"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("clip,subject_id,emotion,source\n", "lacks the column clip_id"),
        ("clip_id,subject_id,emotion,source,x\n1,1,sad,a,1\n", "unknown column x"),
        ("clip_id,subject_id,emotion,source\n1,1,sad,a\n1,1,sad,a\n", "clip 1 is listed twice"),
        ("clip_id,subject_id,emotion,source\n1,1,bored,a\n", "'bored' is not an emotion"),
        ("clip_id,subject_id,emotion,source\n1,1,sad,zzz\n", "zzz: does not exist"),
    ],
)
def test_wrong_tables_are_one_line(tmp_path, text, line):
    images(tmp_path / "a", 1)
    table = tmp_path / "my.csv"
    table.write_text(text)
    with pytest.raises(InputError, match=line):
        listed.find(table, tmp_path, EMOTIONS)
