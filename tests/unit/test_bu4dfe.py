"""BU-4DFE's layouts are read by name; what is wrong with a copy is one clear line."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from ferflow import hdf5
from ferflow.classes import EMOTIONS
from ferflow.datasets import bu4dfe, listed, manifest
from ferflow.errors import InputError
from ferflow.faces import store, video
from ferflow.faces.video import content_hash, no_clip, open_clip


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")


def faces_of(clips, path):
    """A file of faces that knows of each clip what it declares, and has no frame of it."""
    with hdf5.create(path) as file:
        for clip in clips:
            group = file.create_group(clip.clip_id)
            for name, (shape, kind) in store.ARRAYS.items():
                group[name] = np.ones([0, *(n or 4 for n in shape[1:])], kind)
            try:
                info = open_clip(clip.source).info
            except InputError:
                info = no_clip(clip.source).info
            group.attrs.update(n_declared=info.n_frames, fps=info.fps, width=info.width, height=info.height)
            group.attrs.update(sha256=content_hash(clip.source), warnings="")
    return path


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
    manifest.build(clips, [faces_of(clips, tmp_path / "007.h5")], out)
    frame = manifest.read(out)
    assert list(frame.subject_id) == ["007", "007"]
    assert list(frame.n_frames) == [4, 2]
    assert list(frame.width) == [30, 30]
    assert not frame.synthetic.any()


def test_models_beside_the_images_of_a_sequence_are_not_read(tmp_path, monkeypatch):
    folder = tmp_path / "F001" / "Happy"
    images(folder, 3)
    before, plain = content_hash(folder), video.sha256
    for name in ("000.wrl", "000.bnd", "raw.dat"):  # BU-4DFE as distributed; 2 GB without a block on the disk
        with (folder / name).open("wb") as file:
            file.truncate(2 * 10**9)
    read = []
    monkeypatch.setattr(video, "sha256", lambda path: read.append(path.name) or plain(path))
    assert content_hash(folder) == before
    assert [Path(name).suffix for name in read] == [".png"] * 3
    (clip,) = bu4dfe.find(tmp_path, ("happy",))
    manifest.build([clip], [faces_of([clip], tmp_path / "F001.h5")], tmp_path / "manifest.csv")
    assert manifest.read(tmp_path / "manifest.csv").sha256.tolist() == [before]
    next(folder.glob("*.png")).write_bytes(b"another")
    assert content_hash(folder) != before


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
    frame.loc[3, "fps"] = 0  # a folder of images has none
    tables.write(frame, tmp_path / "manifest.csv", "manifest")
    chosen = params.dataset.model_copy(update={"name": "bu4dfe"})
    subjects = dict(zip(frame.subject_id, frame.sex, strict=True))
    splits.write(splits.make("thesis", subjects, 5, 0.2, 1, "honest", by_name=True), tmp_path / "splits.json")
    unusable = {"clip_id": ["F003_sad"], "subject_id": "F003", "emotion": "sad", "reason": "is dark"}
    unusable |= {"frames": 9, "not_blank": 0, "with_face": 0, "remedy": "light", "synthetic": False}
    tables.write(pd.DataFrame(unusable), tmp_path / "unusable.csv", "unusable")
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
    assert list(found.loc["clips that cannot be used", ["found", "note"]]) == ["1 of 594", "F003_sad"]
    assert found.loc["copies of another clip", "found"] == "593"  # all have one hash here


HEADER = "clip_id,subject_id,emotion,source"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("clip,subject_id,emotion,source\n", "lacks the column clip_id"),
        (f"{HEADER}\n1,1,sad,a\n2,1,sad,a\n1,1,sad,a\n", r"clip 1 is listed twice \(lines 2 and 4\)"),
        (f"{HEADER}\n1,1,sad,a\n".replace(",", ";"), "separates its columns by semicolons"),
        (f"{HEADER}\n", "lists no clip"),
        (f"{HEADER}\n1,1,bored,a\n", "emotion, line 2: 'bored' is no class of the study; they are angry"),
        (f"{HEADER}\n1,1,hapy,a\n", "'hapy' is no class of the study; did you mean happy?"),
        (f"{HEADER}\n1,1,happy ,a\n2,1,Happy,a\n", r"'Happy' \(line 3\) and 'happy' \(line 2\) differ"),
        (f"{HEADER}\n1,Ann,sad,a\n2,ann,sad,a\n", r"subject_id: 'ann' \(line 3\) and 'Ann' \(line 2\)"),
        (f"{HEADER}\n1,1,sad,zzz\n", r"zzz: does not exist, but .*my.csv lists it \(line 2\)"),
        (f"{HEADER}\n1,1,sad,a\n2,Smith, Ann,sad,a\n", "line 3 has 5 cells, the lines before it 4"),
        (f'{HEADER}\n1,"Smith, Ann",sad,a\n', "subject_id, line 2: 'Smith, Ann' is no name"),
        (f'{HEADER}\n"a""b",1,sad,a\n', """clip_id, line 2: 'a"b' is no name"""),
        (f"{HEADER}\n1,x/y,sad,a\n", "subject_id, line 2: 'x/y' is no name; use letters, digits"),
        (f"{HEADER},sex\n1,1,sad,a,male\n2,1,sad,a,\n", r"of sex: male \(line 2\) and nothing \(line 3\)"),
        (f"{HEADER},split\n1,1,sad,a,dev\n", "column split, line 2: 'dev' is not one of train, test"),
        (f"{HEADER},fps\n1,1,sad,a,25\n", "has the column fps, a name that the manifest uses itself"),
        (f"{HEADER},valence\n1,1,sad,a,5\n", "has the column valence, a name that the manifest uses itself"),
        (f"{HEADER},\n1,1,sad,a,\n", "has a column without a name"),
        (f"{HEADER}\n1,1,sad,a/000.png\n", "lists 1 single images and no clip"),
    ],
)
def test_wrong_tables_are_one_line(tmp_path, text, line):
    images(tmp_path / "a", 1)
    table = tmp_path / "my.csv"
    table.write_text(text)
    with pytest.raises(InputError, match=line) as error:
        listed.find(table, tmp_path, EMOTIONS)
    assert "\n" not in str(error.value)


def test_the_table_of_a_spreadsheet_is_read_and_a_wrong_root_is_named_once(tmp_path):
    images(tmp_path / "a", 1)
    table = tmp_path / "my.csv"
    table.write_bytes(f"\ufeff{HEADER}\r\n1,ann,sad ,a\r\n".encode())
    assert [(clip.clip_id, clip.emotion) for clip in listed.find(table, tmp_path, EMOTIONS)] == [("1", "sad")]
    with pytest.raises(InputError, match="gone: is no folder; name the folder"):
        listed.find(table, tmp_path / "gone", EMOTIONS)


def test_the_users_columns_go_along_and_what_cannot_be_opened_is_listed(tmp_path):
    images(tmp_path / "a", 3)
    (tmp_path / "a" / "notes.txt").write_text("1")
    (tmp_path / "noise.mp4").write_bytes(b"\x00noise" * 99)
    (tmp_path / "empty").mkdir()
    table, out = tmp_path / "my.csv", tmp_path / "manifest.csv"
    header = "clip_id,subject_id,emotion,source,split,fold,lighting"
    rows = ["1,ann,Sad,a,,0,dim, evening", "2,ben,Sad,noise.mp4,test,,", "3,ben,Sad,empty,test,,day"]
    table.write_text("\n".join([header, rows[0].replace("dim, evening", '"dim, evening"'), *rows[1:]]))
    clips = listed.find(table, tmp_path, EMOTIONS)
    manifest.build(clips, [faces_of(clips, tmp_path / "ann~ben.h5")], out)
    frame = manifest.read(out)
    assert frame["lighting"].tolist() == ["dim, evening", "", "day"] and set(frame["emotion"]) == {"sad"}
    assert (frame["split"].tolist(), frame["fold"].tolist()) == (["", "test", "test"], ["0", "", ""])
    assert frame["n_frames"].tolist() == [3, 0, 0] and frame["width"].tolist() == [30, 0, 0]
    with pytest.raises(InputError, match="no face was stored of 3"):
        manifest.build(clips, [faces_of(clips[:2], tmp_path / "ann~ben.h5")], out)


def test_two_sets_of_clips_never_share_a_folder(small_settings):
    def folder(**dataset):
        return small_settings({"dataset": dataset}).data()[0]

    own = {"name": "manifest", "root": "data/raw/mine", "manifest": "data/raw/mine/clips.csv"}
    first = folder(**own)
    assert first.startswith("mine-") and first == folder(**own | {"root": "data/raw/./mine/"})
    others = [own | {"root": "data/raw/other"}, own | {"manifest": "data/raw/mine/some.csv"}]
    assert len({first, *(folder(**other) for other in others)}) == 3
    assert folder(name="synth4d", root="elsewhere") == "synth4d"
    assert folder(name="bu4dfe", root="data/raw/bu4dfe") == "bu4dfe"
    assert folder(name="bu4dfe", root="/data/bu4dfe").startswith("bu4dfe-")


def test_many_clips_of_a_folder_are_looked_up_in_a_listing_of_it(tmp_path, monkeypatch):
    for number in range(30):
        touch(tmp_path / "clips" / "a" / f"{number}.avi")
    (tmp_path / "clips" / "a" / "0.avi").unlink()
    (tmp_path / "clips" / "a" / "0.avi").symlink_to(tmp_path / "clips" / "a" / "1.avi")  # leads somewhere
    table = tmp_path / "my.csv"
    rows = [f"{number},{number // 3},happy,a/{number}.avi" for number in range(30)]
    table.write_text("\n".join(["clip_id,subject_id,emotion,source", *rows]))
    asked, exists = [], Path.exists
    monkeypatch.setattr(Path, "exists", lambda path: asked.append(path.name) or exists(path))
    clips = listed.find(table, tmp_path / "clips", EMOTIONS)
    assert [clip.source for clip in clips] == [tmp_path / "clips" / "a" / f"{n}.avi" for n in range(30)]
    assert asked == ["0.avi"]
    (tmp_path / "clips" / "a" / "1.avi").unlink()
    with pytest.raises(InputError, match=r"a/0\.avi: does not exist, but .*my\.csv lists it \(line 2\)"):
        listed.find(table, tmp_path / "clips", EMOTIONS)
    (tmp_path / "clips" / "a" / "1.avi").touch()
    (tmp_path / "clips" / "a" / "17.avi").unlink()
    with pytest.raises(InputError, match=r"a/17\.avi: does not exist, but .*\(line 19\)"):
        listed.find(table, tmp_path / "clips", EMOTIONS)
