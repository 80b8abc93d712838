"""What can be known of a study before its first job: data, tables, files and folds against its settings."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_sfew_layout import scenes

from ferflow.apps import check
from ferflow.errors import FerflowError, SettingError
from ferflow.steps import preflight

CLASSES = ["happy", "sad"]


@pytest.fixture
def own(tmp_path, monkeypatch, small_settings):
    """Settings of a study of four people's clips, which are empty files; changes are laid over them."""
    monkeypatch.chdir(tmp_path)
    lines = ["clip_id,subject_id,emotion,source"]
    for subject in "abcdef":
        for emotion in CLASSES:
            Path(f"{subject}_{emotion}.mp4").touch()
            lines.append(f"{subject}-{emotion},{subject},{emotion},{subject}_{emotion}.mp4")
    Path("clips.csv").write_text("\n".join(lines) + "\n")
    settings = {
        "dataset": {"name": "manifest", "root": ".", "manifest": "clips.csv"},
        "emotions": CLASSES,
        "splits": {"folds": 2},
        "fusion": {"stacking": {"folds": 2}},
    }
    return lambda **changes: small_settings(settings | changes)


def test_a_study_of_own_clips_says_what_it_will_do(own):
    ready = preflight.look(own(end_to_end={"run": []}))
    assert ready.subjects == list("abcdef") and len(ready.clips) == 12 and ready.notes == ()
    assert len(ready.split["test"]) == 2 and [len(fold) for fold in ready.split["folds"]] == [2, 2]
    said = "\n".join(check.lines(ready))
    assert "12 clips" in said and "6 (no sex given)" in said and "happy 6, sad 6" in said
    assert "12 (6 in cross-validation, 3 final, 3 as controls)" in said
    assert "fold 1:        2 subjects, 4 clips: happy 2, sad 2" in said
    assert "fusion.sets.c3d_convlstm: left out" in said
    assert ready.settings.aus.backend == "landmark" and ready.decided in said


def test_a_side_that_lacks_a_class_is_told(own):
    text = Path("clips.csv").read_text().splitlines()
    Path("clips.csv").write_text("\n".join(line for line in text if "sad" not in line or line[0] == "a"))
    notes = preflight.look(own()).notes
    assert any("has no clip of sad" in note for note in notes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"splits": {"folds": 9}}, "fold 4 has no subject; use fewer folds"),
        ({"nested": {"heads": ["lstm"], "outer": 5, "inner": 9}}, "has no subject; use fewer folds"),
        ({"spatial": {"weights": "gone.pt"}}, "gone.pt: does not exist; correct spatial.weights"),
        (
            {"spatial": {"weights": None, "network": "vgg16", "pretrained": "resnet18-f37072fd.pth"}},
            "resnet18-f37072fd.pth are no weights of vgg16; choose from vgg16-397923af.pth",
        ),
        (
            {"spatial": {"weights": None}, "stills": {"source": "fer2013", "path": "gone"}},
            "gone: does not exist",
        ),
        ({"aus": {"backend": "openface", "openface_folder": "gone"}}, "gone/a-happy.csv: does not exist"),
        ({"trim": {"overrides": "gone.csv"}}, "gone.csv: does not exist"),
        ({"humans": {"annotations": "clips.csv"}}, "clips.csv: lacks the column annotator"),
        ({"emotions": ["happy", "angry"]}, "clips.csv"),
        ({"emotions": [*CLASSES, "fear"]}, "clips.csv: has no clip of class fear"),
        ({"evaluation": {"by": ["age"]}}, "evaluation.by: the clips have no age"),
        ({"emotions": ["Happy", "sad"], "baselines": {"run": ["mean"]}}, "Happy; write happy, or take mean"),
    ],
)
def test_what_would_stop_a_job_is_one_line_before_it(own, changes, said):
    with pytest.raises(FerflowError) as error:
        preflight.look(own(**changes))
    assert said in str(error.value) and "\n" not in str(error.value)


def test_a_copy_of_sfew_without_lists_is_studied_without_spi(tmp_path, small_settings):
    root = scenes(tmp_path / "sfew", films=5, synthetic=False)
    asked = {
        "kind": "sfew",
        "sfew": {"dataset": {"name": "sfew", "path": str(root)}, "transfer": {"start": "untrained"}},
    }
    ready = preflight.look(small_settings(asked, "sfew"))
    assert ready.settings.sfew.transfer.under() == ready.settings.sfew.handmade.under() == ["random", "film"]
    assert ready.notes == (f"protocol spi: not run, {root} has no lists of its two sets",)
    asked["sfew"]["transfer"] = {"start": "untrained", "protocols": ["spi"]}
    with pytest.raises(FerflowError, match=r"no network is left under its protocols \(protocol spi: not run"):
        preflight.look(small_settings(asked, "sfew"))
    asked["sfew"]["transfer"] = {"start": "untrained", "protocols": ["film"], "folds": 6}
    with pytest.raises(FerflowError, match="5 images for 6 folds"):
        preflight.look(small_settings(asked, "sfew"))
    asked["sfew"]["transfer"] = {"start": "untrained", "protocols": ["film"]}
    runs = preflight.look(small_settings(asked, "sfew")).settings.sfew.transfer.trained()
    assert {protocol for run in runs.values() for protocol in run.protocols} == {"film"}
    assert "resnet18-crops-unfrozen1" not in runs  # under random and spi alone


def test_an_untrained_start_on_real_images_is_asked_for(tmp_path, small_settings):
    data = {"dataset": {"name": "sfew", "path": str(scenes(tmp_path / "sfew", films=5, synthetic=False))}}
    with pytest.raises(
        SettingError, match=r"sfew\.transfer\.start: is not set, and the images are real; write"
    ):
        preflight.look(small_settings({"kind": "sfew", "sfew": data}, "sfew"))
    for start in ("imagenet", "untrained"):
        made = preflight.look(
            small_settings({"kind": "sfew", "sfew": data | {"transfer": {"start": start}}}, "sfew")
        )
        assert made.settings.sfew.transfer.start == start
    runs = {"compact": {"network": "compact", "images": "crops", "epochs": [1]}}  # which is shipped
    preflight.look(small_settings({"kind": "sfew", "sfew": data | {"transfer": {"runs": runs}}}))
    embedded = preflight.look(small_settings({"kind": "sfew"}, "sfew"))
    assert embedded.settings.sfew.transfer.start == "untrained"


def test_the_protocols_of_a_study_are_one_setting(small_settings):
    made = small_settings({"kind": "sfew", "sfew": {"transfer": {"protocols": ["random", "film"]}}}, "sfew")
    assert made.sfew.transfer.under() == ["random", "film"]
    said = "\n".join(check.lines(preflight.look(made)))
    assert "random (5 folds), film (5 folds)" in said and "spi" not in said
