"""Pictures of the way in and of mistakes: the right frames, read alone, and what they say."""

from __future__ import annotations

import base64

import cv2
import h5py
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ferflow import tables
from ferflow.classes import AU_COLUMNS, EMOTIONS
from ferflow.errors import InputError
from ferflow.explain import frames, mistaken, preprocessing_figures, strips
from ferflow.faces import store
from ferflow.report import table_list

SIZE = 40
N = 30
WINDOW = (8, 20)
SUBJECTS = ("F001", "M001")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Two subjects with clips of 30 frames, frame t of grey level 5·t; frames 0 and 29 show no face."""
    folder = tmp_path_factory.mktemp("study")
    clips, trims, errors = [], [], []
    for subject in SUBJECTS:
        parts = []
        (folder / "faces").mkdir(exist_ok=True)
        with h5py.File(folder / f"faces/{subject}.h5", "w") as file:
            for emotion in EMOTIONS:
                clip = f"{subject}_{emotion}"
                levels = (5 * np.arange(N)).astype(np.uint8)
                group = file.create_group(clip)
                group["frames"] = np.broadcast_to(levels[:, None, None, None], (N, SIZE, SIZE, 3))
                group["tracked"] = (np.arange(N) > 0) & (np.arange(N) < N - 1)
                group["boxes"] = np.tile(np.float32([10, 20, 30, 45]), (N, 1))
                group["landmarks"] = np.full((N, 468, 3), 25, np.float32)
                group["scores"] = np.ones(N, np.float32)
                clips.append({"clip_id": clip, "subject_id": subject, "emotion": emotion, "n_frames": N})
                trims.append((clip, N, *WINDOW, 2.0, False, "test", False))
                score = np.zeros(N)
                score[12], score[25] = 2, 3  # the greatest of all is not kept
                parts.append(
                    pd.DataFrame({"clip_id": clip, "frame": range(N), "confidence": 1.0, "success": 1})
                    .assign(**dict.fromkeys(AU_COLUMNS, 0.0))
                    .assign(**{column: score for column in AU_COLUMNS})
                )
                scores = dict.fromkeys((f"p_{e}" for e in EMOTIONS), 0.02)
                said = "sad" if emotion != "sad" else "fear"
                scores |= {f"p_{said}": 0.9 if subject == "F001" else 0.88}
                place = {"model": "compact+lstm", "role": "model", "view": "", "protocol": "test"}
                place |= {"fold": None, "clip_id": clip}
                answer = {"subject_id": subject, "emotion": emotion, "predicted": said}
                errors.append(place | answer | scores | {"synthetic": True, "note": ""})
        tables.write(pd.concat(parts), folder / f"aus/{subject}.csv", "aus")
    manifest = pd.DataFrame(clips).assign(split="", source=str(folder / "a.avi"), sex="")
    manifest = manifest.assign(fps=25.0, width=64, height=96, sha256="0" * 64, synthetic=True)
    tables.write(manifest, folder / "manifest.csv", "manifest")
    columns = tables.schema("trim").names
    tables.write(pd.DataFrame(trims, columns=columns), folder / "trim.csv", "trim")
    tables.write(pd.DataFrame(errors[:7]), folder / "errors.csv", "errors")
    writer = cv2.VideoWriter(str(folder / "a.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 25, (64, 96))
    for level in range(N):
        writer.write(np.full((96, 64, 3), 5 * level, np.uint8))
    writer.release()
    return folder


@pytest.fixture
def example(study):
    files = (study / "faces/M001.h5", study / "aus/M001.csv", study / "trim.csv", study / "manifest.csv")
    return preprocessing_figures.Example("M001_happy", *files)


def words(path):
    """The text of an SVG: drawn as outlines, it stays in the file as comments."""
    return path.read_text(encoding="utf-8")


def test_frames_are_spread_evenly_with_both_ends():
    assert frames.evenly(range(5, 26), 5) == [5, 10, 15, 20, 25]
    assert frames.evenly([3, 4], 10) == [3, 4]
    assert frames.evenly([7, 8, 9], 1) == [7]
    assert frames.evenly([], 3) == []


def test_the_peak_is_the_greatest_score_among_the_kept_frames(example):
    row, number, face = example.peak()
    assert number == 12 and row["emotion"] == "happy"
    assert face.shape == (SIZE, SIZE, 3) and (face == 60).all()


def test_only_tracked_frames_of_the_window_are_shown(study):
    path = study / "faces/M001.h5"
    assert frames.tracked(path, "M001_happy")[[0, -1]].tolist() == [1, N - 2]
    assert frames.tracked(path, "M001_happy", *WINDOW).tolist() == list(range(*WINDOW))
    assert [int(crop[0, 0, 0]) for crop in frames.crops(path, "M001_happy", [20, 3])] == [100, 15]
    with pytest.raises(InputError, match="no tracked frame in 0:1"):
        frames.tracked(path, "M001_happy", 0, 1)


def test_whole_frames_come_in_the_order_asked_for(study):
    found = frames.whole(study / "a.avi", [20, 3])
    assert [round(float(frame.mean())) for frame in found] == pytest.approx([100, 15], abs=2)
    with pytest.raises(InputError, match="has no frame 99"):
        frames.whole(study / "a.avi", [3, 99])


def test_places_are_read_alone(study):
    box, landmarks = store.read_place(study / "faces/M001.h5", "M001_happy", 4)
    assert box.tolist() == [10, 20, 30, 45] and landmarks.shape == (468, 3)


def test_figures_of_the_way_say_what_they_show(study, example, small_settings, tmp_path):
    settings = small_settings({"pictures": {"draws": 2}})
    pictures, online = settings.pictures, settings.spatial.online
    all_tables = example.trim_csv, example.manifest_csv
    files = [
        [study / f"{kind}/{s}.{end}" for s in SUBJECTS] for kind, end in (("faces", "h5"), ("aus", "csv"))
    ]
    preprocessing_figures.samples(*files, *all_tables, tmp_path / "samples.svg", EMOTIONS[:2], pictures)
    assert all(f"<!-- {word} -->" in words(tmp_path / "samples.svg") for word in (*SUBJECTS, *EMOTIONS[:2]))
    assert words(tmp_path / "samples.svg").count("<image") == 4
    preprocessing_figures.face(example, tmp_path / "face.svg", 10, pictures)
    assert "frame 1: found, 30×35 pixels" in words(tmp_path / "face.svg")
    assert "frame 12: cut out" in words(tmp_path / "face.svg")
    preprocessing_figures.kept(example, tmp_path / "kept.svg", pictures)
    assert "frames 8–19 are kept" in words(tmp_path / "kept.svg")
    ways = ["flip", "rotate_left"]
    preprocessing_figures.offline_augmentation(
        example, tmp_path / "offline.svg", ways, False, online, 1, pictures
    )
    assert "rotate left" in words(tmp_path / "offline.svg")
    assert words(tmp_path / "offline.svg").count("<image") == 1 + 2 + 2
    preprocessing_figures.online_augmentation(example, tmp_path / "online.svg", online, 1, pictures)
    for name in ("samples", "face", "kept", "offline", "online"):
        assert "<!-- synthetic data -->" in words(tmp_path / f"{name}.svg")


def test_online_transformations_one_by_one(small_settings):
    online = small_settings().spatial.online
    apart = preprocessing_figures.alone(online)
    assert [name.split("\n")[0] for name in apart] == [
        "mirror", "rotate", "shear", "shift", "zoom", "brightness",
    ]  # fmt: skip
    assert apart["mirror"].rotation == 0 and apart["mirror"].brightness == (1.0, 1.0)
    assert apart["rotate\n±10°"].rotation == 10 and not apart["rotate\n±10°"].flip
    none = online.model_copy(
        update={"flip": False, "rotation": 0, "shear": 0, "shift": 0, "zoom": 0, "brightness": (1.0, 1.0)}
    )
    assert preprocessing_figures.alone(none) == {}


def test_a_strip_marks_the_frames_that_are_kept():
    faces = [np.full((16, 16, 3), level, np.uint8) for level in (40, 90, 140)]
    picture = np.asarray(strips.strip(faces, [2, 9, 30], (8, 20), ""))
    middles = [place * 19 + 8 for place in range(3)]
    assert [int(picture[8, middle, 0]) for middle in middles] == [40, 90, 140]
    below = [tuple(picture[17, middle]) for middle in middles]
    assert below[1] == (11, 46, 79) and below[0] == below[2] == (255, 255, 255)


def test_every_mistaken_clip_gets_a_strip_and_the_table_holds_it(study, small_settings, tmp_path):
    pictures = small_settings({"pictures": {"strip_frames": 5, "strip_size": 20}}).pictures
    faces = [study / f"faces/{subject}.h5" for subject in SUBJECTS]
    every = study / "errors.csv", faces, study / "trim.csv", study / "manifest.csv"
    folder = tmp_path / "figures/strips"
    assert mistaken.strips_of(*every, folder, ["compact+lstm"], pictures) == 7
    assert {path.stem for path in folder.iterdir()} == set(
        tables.read(study / "errors.csv", "errors").clip_id
    )
    with Image.open(folder / "M001_angry.jpg") as picture:
        assert picture.format == "JPEG" and picture.width >= 5 * 20 + 4 * 3
    links = strips.links(folder, ["M001_angry", "M001_sad"], tmp_path / "tables")
    assert links == {"M001_angry": "../figures/strips/M001_angry.jpg"}
    outputs = [tmp_path / f"tables/mislabelled.{end}" for end in ("html", "md")]
    table_list.render_errors(study / "errors.csv", "compact+lstm", outputs, strips=links)
    page, text = (path.read_text(encoding="utf-8") for path in outputs)
    held = base64.b64encode((folder / "M001_angry.jpg").read_bytes()).decode()
    assert page.count("<img") == 1 and held in page and "<a href" not in page
    assert text.count("](../figures/strips/") == 1
    assert mistaken.strips_of(*every, tmp_path / "none", ["perfect"], pictures) == 0
    assert list((tmp_path / "none").iterdir()) == []


def test_curves_of_mistakes_come_surest_first(study, tmp_path):
    aus = [study / f"aus/{subject}.csv" for subject in SUBJECTS]
    every = study / "errors.csv", aus, study / "trim.csv", study / "manifest.csv"
    mistaken.write_mistaken(*every, tmp_path / "curves.svg", "compact+lstm", 0.5)
    found = words(tmp_path / "curves.svg")
    assert "the 7 clips that compact CNN + LSTM got wrong" in found
    assert "happy → sad 0.90" in found and "<!-- synthetic data -->" in found
    assert found.index("F001_angry") < found.index("F001_surprise") < found.index("M001_angry")
    mistaken.write_mistaken(*every, tmp_path / "none.svg", "perfect", 0.5)
    assert "no clip was mistaken" in words(tmp_path / "none.svg")
