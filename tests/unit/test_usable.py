"""All clips that cannot be used are found together, counted, and left out only where the study says so."""

import numpy as np
import pandas as pd
import pytest

from ferflow import hdf5, tables
from ferflow.aus.run import write_subjects
from ferflow.datasets import manifest, usable
from ferflow.errors import FerflowError, InputError
from ferflow.faces import store
from ferflow.faces.video import ClipInfo, is_blank, no_clip

CLASSES = ("happy", "sad")
GOOD = {"n_frames": 40, "n_blank": 10, "n_tracked": 25}
CLIPS = {
    "a-1": ("a", "happy", GOOD),
    "a-2": ("a", "sad", GOOD | {"n_tracked": 2}),
    "b-1": ("b", "happy", GOOD | {"n_tracked": 0}),
    "b-2": ("b", "sad", GOOD | {"n_blank": 40, "n_tracked": 0}),
    "c-1": ("c", "happy", {"n_frames": 1, "n_blank": 0, "n_tracked": 1}),
    "c-2": ("c", "sad", GOOD | {"n_tracked": 3}),
    "d-1": ("d", "happy", GOOD | {"problem": "is not a video", "remedy": "convert it"}),
    "d-2": ("d", "sad", GOOD),
}


@pytest.fixture
def study(tmp_path):
    """Four subjects of two clips, five of which cannot be used: `manifest.csv` and a faces file a subject."""
    rows = [
        {"clip_id": clip, "subject_id": subject, "emotion": emotion, "sha256": f"{n:064x}", "light": "dim"}
        for n, (clip, (subject, emotion, _)) in enumerate(CLIPS.items())
    ]
    about = {"sex": "", "split": "", "source": "x", "n_frames": 40, "fps": 25.0, "width": 9, "height": 9}
    tables.write(pd.DataFrame(rows).assign(**about, synthetic=False), tmp_path / "manifest.csv", "manifest")
    for subject in "abcd":
        with hdf5.create(tmp_path / f"{subject}.h5") as file:
            for clip, (own, _, facts) in CLIPS.items():
                if own == subject:
                    group = file.create_group(clip)
                    for name, (shape, kind) in store.ARRAYS.items():
                        length = int(facts["n_tracked"] > 0)
                        group[name] = np.ones([length, *(n or 4 for n in shape[1:])], kind)
                    group.attrs.update(facts, n_declared=40, fps=25.0, width=9, height=9)
                    group.attrs["warnings"] = "shows 2 faces" if clip.endswith("2") else ""
    return tmp_path


def written(study, least=0.1):
    files = [study / name for name in ("unusable.csv", "remarks.csv")]
    usable.write(study / "manifest.csv", [study / f"{s}.h5" for s in "abcd"], *files, least)
    usable.write_used(study / "manifest.csv", files[0], study / "clips.csv")
    return manifest.read(study / "clips.csv"), tables.read(files[0], "unusable").set_index("clip_id")


def test_every_clip_that_cannot_be_used_is_listed_with_what_was_looked_at(study):
    clips, table = written(study)
    assert table["reason"].to_dict() == {
        "a-2": "has a face in 2 of its 30 frames that are not blank",
        "b-1": "has no face in its 30 frames that are not blank",
        "b-2": "is blank throughout: 40 frames",
        "c-1": "has a single frame",
        "d-1": "is not a video",
    }
    assert table.loc["d-1", "remedy"] == "convert it"
    assert table.loc["a-2", ["frames", "not_blank", "with_face"]].tolist() == [40, 30, 2]
    assert clips["clip_id"].tolist() == ["a-1", "c-2", "d-2"] and set(clips["light"]) == {"dim"}
    remarks = tables.read(study / "remarks.csv", "remarks")[["clip_id", "remark"]]
    assert remarks.values.tolist() == [["c-2", "shows 2 faces"], ["d-2", "shows 2 faces"]]
    clips, _ = written(study, least=0.0)
    assert clips["clip_id"].tolist() == ["a-1", "a-2", "c-2", "d-2"]
    with pytest.raises(InputError, match="lists d-1, of which no face was stored"):
        usable.write(study / "manifest.csv", [study / f"{s}.h5" for s in "abc"], *"ur", 0.1)


def test_a_subject_without_any_face_has_an_empty_table_of_action_units(study, small_settings):
    assert store.with_face(study / "a.h5") == ["a-1", "a-2"]
    assert store.with_face(study / "d.h5") == ["d-2"]  # the other cannot be read
    settings = small_settings({"aus": {"backend": "openface", "openface_folder": "nowhere"}}).aus
    write_subjects(study / "b.h5", study / "aus.csv", [store.with_face(study / "b.h5")], settings, study)
    assert tables.read(study / "aus.csv", "aus").empty


def decide(study, policy="leave_out", protocol="honest"):
    usable.decide(study / "manifest.csv", study / "unusable.csv", policy, CLASSES, protocol)


def test_the_study_stops_or_goes_on_and_counts_what_it_leaves_out(study):
    written(study)
    with pytest.raises(FerflowError, match=r"5 of 8 clips cannot be used.*unusable: leave_out") as error:
        decide(study, "stop")
    assert "\n" not in str(error.value)
    assert usable.lines(study / "unusable.csv")[0] == (
        "a-2 (a, sad) has a face in 2 of its 30 frames that are not blank"
    )
    decide(study)
    usable.write_counts(study / "manifest.csv", study / "unusable.csv", study / "counts.csv", CLASSES)
    counts = tables.read(study / "counts.csv", "unusable_counts")
    assert counts[["name", "clips", "left_out", "used"]].values.tolist() == [
        ["all", 8, 5, 3],
        ["happy", 4, 3, 1],
        ["sad", 4, 2, 2],
        ["a", 2, 1, 1],
        ["b", 2, 2, 0],
        ["c", 2, 1, 1],
        ["d", 2, 1, 1],
    ]


def test_nothing_to_leave_out_stops_nobody(study):
    written(study)
    tables.write(tables.read(study / "unusable.csv", "unusable").head(0), study / "unusable.csv", "unusable")
    decide(study, "stop")


def test_a_class_without_any_clip_left_is_named_before_training(study):
    clips, table = written(study)
    last = table.loc[["b-1"]].reset_index().assign(clip_id="a-1")
    both = pd.concat([table.reset_index(), last])
    tables.write(both, study / "unusable.csv", "unusable")
    with pytest.raises(FerflowError, match="its class happy has no clip that can be used, of 4"):
        decide(study)
    rest = [last.assign(clip_id=clip) for clip in clips["clip_id"] if clip != "a-1"]
    tables.write(pd.concat([both, *rest]), study / "unusable.csv", "unusable")
    with pytest.raises(FerflowError, match="none of its 8 clips can be used"):
        decide(study)


def test_one_file_under_two_subjects_is_refused_where_the_protocol_is_honest(study):
    written(study)
    clips = manifest.read(study / "manifest.csv")
    clips.loc[clips["clip_id"] == "c-2", "sha256"] = clips["sha256"].iloc[0]
    tables.write(clips, study / "manifest.csv", "manifest")
    with pytest.raises(FerflowError, match="a-1 of subject a and c-2 of subject c are the same file"):
        decide(study)
    decide(study, protocol="published")
    clips["subject_id"] = "a"  # copies of one subject stand on one side together
    tables.write(clips, study / "manifest.csv", "manifest")
    decide(study)


def test_a_blank_frame_shows_nothing_and_a_dark_face_something():
    random = np.random.default_rng(0)
    black = random.integers(0, 4, (90, 160, 3)).astype(np.uint8)
    assert is_blank(black) and is_blank(np.full((90, 160, 3), 255, np.uint8)) and is_blank(black[:1, :1])
    dark = black.copy()
    dark[30:50, 60:90] += 20
    assert not is_blank(dark)
    assert no_clip("x").info == ClipInfo(0, 0.0, 0, 0) and list(no_clip("x")) == []
