"""The synthetic data set: the same bytes for the same seed, a truth that holds, faces as framed."""

from __future__ import annotations

import time

import cv2
import numpy as np
import pandas as pd
import pytest

from ferflow import tables
from ferflow.classes import AU_SCORE_COLUMNS, EMOTIONS
from ferflow.datasets import synth4d
from ferflow.datasets.synth4d import clips, expression, facemodel, identity, motion, render, stills
from ferflow.errors import SettingError, WeightsError
from ferflow.settings import Stills, Synth4d

SETTINGS = Synth4d(
    women=2,
    men=1,
    fps=25,
    width=160,
    height=208,
    frames=(30, 36),
    head_motion=(3, 4, 2),
    strength=(0.7, 1.0),
    weak_share=0.15,
    overlap=0.5,
    camera_noise=3.0,
    jpeg_quality=95,
)
STILLS = Stills(source="synth4d", path="fer2013.csv", subjects=10, per_class=10)
SEED = 20


@pytest.fixture(scope="module")
def model(weights_folder):
    return facemodel.load(weights_folder)


@pytest.fixture(scope="module")
def written(tmp_path_factory, weights_folder):
    folder = tmp_path_factory.mktemp("synth4d")
    synth4d.write_subject("F002", folder, weights_folder, SETTINGS, ["happy", "sad"], SEED)
    return folder


@pytest.fixture(scope="module")
def stills_csv(tmp_path_factory, weights_folder):
    path = tmp_path_factory.mktemp("stills") / "fer2013.csv"
    synth4d.write_stills(path, weights_folder, STILLS, SETTINGS, SEED)
    return path


def test_subjects_are_named_as_in_bu4dfe():
    assert synth4d.subjects(SETTINGS) == ["F001", "F002", "M001"]


def test_a_subject_has_its_clips_its_truth_and_the_notice(written):
    names = sorted(str(path.relative_to(written)) for path in written.rglob("*") if path.is_file())
    assert names == [
        "F002_happy_tex.avi",
        "F002_sad_tex.avi",
        "SYNTHETIC.txt",
        "truth/F002.csv",
        "truth/F002_happy.csv",
        "truth/F002_sad.csv",
    ]


def test_a_clip_has_the_frames_and_size_it_declares(written):
    capture = cv2.VideoCapture(str(written / "F002_sad_tex.avi"))
    declared = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    assert capture.get(cv2.CAP_PROP_FPS) == 25
    assert (capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)) == (160, 208)
    decoded = 0
    while capture.read()[0]:
        decoded += 1
    truth = tables.read(written / "truth" / "F002_sad.csv", "aus")
    assert declared == decoded == len(truth)
    assert 30 <= declared <= 36


def test_the_same_seed_gives_the_same_bytes_whatever_else_is_made(written, tmp_path, weights_folder):
    # More subjects, and another choice of emotions: the clip stays the same.
    larger = SETTINGS.model_copy(update={"women": 7})
    synth4d.write_subject("F002", tmp_path, weights_folder, larger, ["sad"], SEED)
    for name in ("F002_sad_tex.avi", "truth/F002_sad.csv"):
        assert (tmp_path / name).read_bytes() == (written / name).read_bytes()
    synth4d.write_subject("F002", tmp_path, weights_folder, larger, ["sad"], SEED + 1)
    assert (tmp_path / "F002_sad_tex.avi").read_bytes() != (written / "F002_sad_tex.avi").read_bytes()


def test_half_crossings_follow_from_the_true_curve(written):
    truth = tables.read(written / "truth" / "F002.csv", "truth").set_index("clip_id")
    for clip_id in ("F002_happy", "F002_sad"):
        aus = tables.read(written / "truth" / f"{clip_id}.csv", "aus")
        curve = aus[list(AU_SCORE_COLUMNS)].to_numpy().mean(axis=1)
        high = [frame for frame, value in enumerate(curve) if value >= curve.max() / 2]
        row = truth.loc[clip_id]
        assert (row.half_begin, row.half_end) == (high[0], high[-1] + 1)
        assert row.onset < row.apex_begin < row.apex_end < row.offset < len(aus)
        assert row.onset <= row.half_begin <= row.apex_begin


def test_half_crossings_of_a_known_curve():
    assert clips.half_crossings(np.array([0.0, 0.9, 1.0, 2.0, 0.4, 1.0, 0.3])) == (2, 6)


def test_an_emotion_shows_its_own_action_units(model):
    """Thesis, Table 2.4, with AU10 for AU16."""
    assert {name: set(units) for name, units in expression.EMFACS.items()} == {
        "happy": {6, 12},
        "sad": {1, 4, 15},
        "surprise": {1, 2, 5, 26},
        "fear": {1, 2, 4, 5, 7, 20, 26},
        "angry": {4, 5, 7, 23},
        "disgust": {9, 10, 15},
        "neutral": set(),
    }
    habit = expression.draw_habit(model, np.random.default_rng(0))
    for emotion in EMOTIONS:
        rng = np.random.default_rng(1)
        drawn = [expression.draw(emotion, habit, model, (0.7, 1.0), 0.0, 0.0, rng) for _ in range(40)]
        mean = np.mean([one.strengths for one in drawn], axis=0)
        inside = [model.index(number) for number in expression.EMFACS[emotion]]
        outside = [model.index(number) for number in expression.OPTIONAL[emotion]]
        rest = np.delete(mean, inside + outside)
        assert mean[inside].min() > 0.4
        assert rest.max() < 0.1


def test_weak_clips_are_weaker(model):
    habit = expression.draw_habit(model, np.random.default_rng(0))

    def mean(weak_share: float) -> float:
        rng = np.random.default_rng(2)
        return np.mean(
            [
                expression.draw("fear", habit, model, (0.7, 1.0), weak_share, 0.3, rng).strength
                for _ in range(60)
            ]
        )

    assert mean(1.0) < 0.6 * mean(0.0)


def test_head_and_action_units_stay_within_their_bounds(model):
    shown = expression.Expression(np.full(len(model.names), 0.9), 1.0, False)
    for seed in range(20):
        moved = motion.draw(shown, model, (60, 110), (3, 4, 2), np.random.default_rng(seed))
        assert 60 <= len(moved.aus) <= 110
        assert (np.abs(moved.pose).max(0) <= (3, 4, 2)).all()
        assert moved.aus.min() >= 0 and moved.aus.max() <= 1
        # Smooth: the head never jumps.
        assert np.abs(np.diff(moved.pose, axis=0)).max() < 1.5


def test_a_still_is_a_row_of_fer2013(stills_csv):
    table = pd.read_csv(stills_csv)
    assert list(table.columns) == ["emotion", "pixels", "Usage"]
    assert table.emotion.value_counts().to_dict() == {code: 10 for code in range(7)}
    images = np.array([np.array(row.split(), int) for row in table.pixels])
    assert images.shape == (70, 48 * 48)
    assert images.min() >= 0 and images.max() <= 255
    assert images.std(axis=1).min() > 10
    # One of ten people each in the two test parts.
    assert table.Usage.value_counts().to_dict() == {"Training": 56, "PublicTest": 7, "PrivateTest": 7}
    assert (stills_csv.parent / "SYNTHETIC.txt").exists()


def test_stills_are_the_same_for_the_same_seed(stills_csv, tmp_path, weights_folder):
    synth4d.write_stills(tmp_path / "again.csv", weights_folder, STILLS, SETTINGS, SEED)
    assert (tmp_path / "again.csv").read_bytes() == stills_csv.read_bytes()


def test_people_in_stills_are_not_the_people_in_clips(model):
    def people(stream: int, count: int) -> list[np.ndarray]:
        keys = [[SEED, stream, *rest] for rest in ([0, 1], [0, 2], [1, 1], [2, 0], [2, 1])][:count]
        return [identity.draw(model, "female", np.random.default_rng([*key, 0])).mesh for key in keys]

    for one in people(clips.CLIP_STREAM, 5):
        for other in people(clips.STILL_STREAM, 5):
            assert np.abs(one - other).max() > 0.1


def test_a_still_is_framed_as_haar_frames_a_clip(model):
    """The box that stills are cut with, against OpenCV's cascade on a frame at rest."""
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
    nothing = np.zeros(len(model.names))
    for seed, sex in enumerate(("male", "female", "male")):
        person = identity.draw(model, sex, np.random.default_rng(seed))
        renderer = render.Renderer(model, person, 480, 640)
        frame = renderer.frame(nothing, np.zeros(3), np.zeros(2), nothing)
        found = cascade.detectMultiScale(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), 1.1, 5, minSize=(96, 96))
        assert len(found) == 1
        expected = stills.face_box(renderer.points(nothing, np.zeros(3), nothing), chin=0)
        np.testing.assert_allclose(found[0] / expected[2], expected / expected[2], atol=0.16)


def test_the_mouth_opens_where_the_mesh_says(model):
    person = identity.draw(model, "male", np.random.default_rng(3))
    renderer = render.Renderer(model, person, 480, 640)
    aus = np.zeros(len(model.names))
    still = np.zeros(3), np.zeros(2), np.zeros(len(model.names))
    closed = renderer.frame(aus, *still)
    aus[model.index(26)] = 1
    opened = renderer.frame(aus, *still)
    points = renderer.points(aus, still[0], still[2])
    x, y = (points[13, :2] + points[14, :2]) / 2
    inside = np.s_[int(y) - 3 : int(y) + 4, int(x) - 8 : int(x) + 9]
    assert opened[inside].mean() < 0.7 * closed[inside].mean()


def test_an_unknown_subject_and_missing_weights_are_said(tmp_path, weights_folder):
    with pytest.raises(SettingError, match=r"no subject F009.*synth4d\.women"):
        synth4d.write_subject("F009", tmp_path, weights_folder, SETTINGS, ["sad"], SEED)
    with pytest.raises(WeightsError, match=r"au_to_mesh\.npz: is missing; run `ferflow weights fetch"):
        synth4d.write_subject("F001", tmp_path / "out", tmp_path, SETTINGS, ["sad"], SEED)
    assert not list(tmp_path.rglob("*.avi"))


def test_frames_a_second_are_told(model, tmp_path, capsys):
    """No claim on the time, which is the machine's; `pytest -s` shows it."""
    renderer = render.Renderer(model, identity.draw(model, "female", np.random.default_rng(0)), 480, 640)
    shown = expression.Expression(np.full(len(model.names), 0.5), 1.0, False)
    moved = motion.draw(shown, model, (30, 30), (3, 4, 2), np.random.default_rng(0))
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    begin = time.process_time()
    clips.write_clip(
        tmp_path / "clip.avi",
        renderer,
        clips.Camera(480, 640, 3.0, np.random.default_rng(0)),
        moved,
        np.zeros(len(model.names)),
        SETTINGS.model_copy(update={"width": 480, "height": 640}),
    )
    spent = time.process_time() - begin
    cv2.setNumThreads(threads)
    print(f"synth4d: {30 / spent:.0f} frames a second")
    assert "frames a second" in capsys.readouterr().out
