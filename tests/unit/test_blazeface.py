"""BlazeFace's boxes and tiles, and what the stream makes of faces that Haar's cascade does not see."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ferflow.bench import faceless
from ferflow.bench import landmarks as bench
from ferflow.errors import FerflowError
from ferflow.faces.blazeface import ANCHORS, LEAST, BlazeFace, tiles
from ferflow.faces.boxes import Detections, overlap
from ferflow.faces.detect import detectors
from ferflow.faces.landmarks import LandmarkNet, lean
from ferflow.faces.stream import FaceStream
from ferflow.faces.video import read_image


@pytest.fixture(scope="module")
def faces(small_settings):
    return small_settings({"faces": {"landmarks": "wheel"}}).faces


@pytest.fixture(scope="module")
def portrait(real_faces):
    return read_image(real_faces / "single_face.jpg")


@pytest.fixture(scope="module")
def place(portrait, weights_folder, faces):
    """Centre and width of the portrait's face, pixels."""
    (face,) = FaceStream(weights_folder, faces).run([portrait])
    return face.box[:2] + face.box[2:] / 2, float(face.box[2])


def turned(portrait, place, width, degrees, size=(640, 480)):
    """The portrait's face `width` pixels wide and turned clockwise, in the middle of a grey picture."""
    centre, whole = place
    matrix = cv2.getRotationMatrix2D(tuple(float(c) for c in centre), -degrees, width / whole)
    matrix[:, 2] += np.array(size) / 2 - centre
    border = {"borderMode": cv2.BORDER_CONSTANT, "borderValue": (110, 110, 110)}
    return cv2.warpAffine(portrait, matrix, size, flags=cv2.INTER_AREA, **border)


def test_anchors_lie_in_the_middle_of_their_cells():
    assert ANCHORS.shape == (896, 2)
    assert ANCHORS[[0, 1, 2, 511, 512, 895]].tolist() == [
        [8, 8],
        [8, 8],
        [24, 8],
        [248, 248],
        [16, 16],
        [240, 240],
    ]


@pytest.mark.parametrize(("height", "width"), [(480, 640), (1080, 1920), (1920, 1080), (2160, 3840)])
def test_every_face_that_the_whole_picture_is_too_large_for_stands_in_a_tile(height, width):
    squares, smallest = tiles(height, width, 40), 40.0
    assert (not squares) == (max(height, width) <= smallest / LEAST)
    rng = np.random.default_rng(0)
    for face in np.exp(
        rng.uniform(np.log(smallest), np.log(max(height, width) * LEAST), 200 if squares else 0)
    ):
        x, y = rng.uniform(0, width - face), rng.uniform(0, height - face)
        fits = [
            left <= x
            and top <= y
            and x + face <= left + side
            and y + face <= top + side
            and face >= 0.99 * LEAST * side
            for left, top, side in squares
        ]
        assert any(fits), (x, y, face)


@pytest.mark.parametrize(
    ("width", "degrees", "size"), [(130, 30, (640, 480)), (130, -30, (640, 480)), (44, 0, (1280, 720))]
)
def test_turned_and_small_faces_are_found(portrait, place, weights_folder, faces, width, degrees, size):
    picture = turned(portrait, place, width, degrees, size)
    assert not len(detectors("haar", faces.smallest, 40, weights_folder)[0].find(picture))
    (face,) = FaceStream(weights_folder, faces).run([picture])
    assert face.tracked and face.score > 10
    middle = np.array(size) / 2
    expected = np.array([*(middle - width / 2), width, width])
    assert overlap(face.box, expected) > 0.5  # whoever finds it, the box is drawn as Haar draws it
    assert np.degrees(lean(face.landmarks)) == pytest.approx(degrees, abs=6)


def test_each_detector_finds_the_portrait_and_gives_the_same_box(
    portrait, weights_folder, mtcnn_folder, faces, tmp_path
):
    for folder in (weights_folder, mtcnn_folder):
        for file in folder.iterdir():
            if file.suffix in (".tflite", ".pt"):
                (tmp_path / file.name).symlink_to(file)
    boxes = {}
    for name in ("auto", "haar", "blazeface", "mtcnn"):
        chosen = faces.model_copy(update={"detector": name})
        (face,) = FaceStream(tmp_path, chosen).run([portrait])
        boxes[name] = face.box
    assert np.array_equal(boxes["auto"], boxes["haar"])
    assert overlap(boxes["blazeface"], boxes["haar"]) > 0.8 and overlap(boxes["mtcnn"], boxes["haar"]) > 0.8


def test_the_landmark_network_sees_the_whole_face_whatever_found_it(portrait, weights_folder, faces):
    net = LandmarkNet(weights_folder, "wheel")
    (face,) = FaceStream(weights_folder, faces).run([portrait])
    region = net.region(face.landmarks, faces.landmark_grow)
    low, high = face.landmarks[:, :2].min(0), face.landmarks[:, :2].max(0)
    margin = (
        np.minimum(low - (region[:2] - region[2:4] / 2), (region[:2] + region[2:4] / 2) - high) / region[2:4]
    )
    assert (margin > 0.1).all()
    # A face that is squeezed to three quarters of its width is shown as wide as before.
    squeezed = face.landmarks * [0.75, 1, 1]
    assert net.region(squeezed, 0.5)[2] == pytest.approx(0.75 * net.region(face.landmarks, 0.5)[2], rel=0.05)


def test_black_frames_are_not_searched_and_do_not_count(portrait, weights_folder, faces, monkeypatch):
    stream = FaceStream(weights_folder, faces)
    black = np.zeros_like(portrait)
    looked = []
    find = stream._detectors[0].find
    monkeypatch.setattr(stream._detectors[0], "find", lambda *a: looked.append(a[1]) or find(*a))
    seen = list(stream.run([black] * 15 + [portrait] * 2 + [black] * 3 + [portrait]))
    assert [face.blank for face in seen] == [True] * 15 + [False] * 2 + [True] * 3 + [False]
    assert [face.tracked for face in seen] == [not face.blank for face in seen]
    assert looked == [False, False]  # never a quick search: no frame was searched in vain


def test_the_search_goes_on_where_faces_are_not_confirmed(portrait, weights_folder, faces, monkeypatch):
    """A hit of Haar's on no face does not keep BlazeFace from looking."""
    stream = FaceStream(weights_folder, faces)
    wrong = Detections(np.array([[0, 0, 60, 60]], np.float32), np.ones(1), np.full((1, 5, 2), np.nan))
    monkeypatch.setattr(stream._detectors[0], "find", lambda *_: wrong)
    (face,) = stream.run([portrait])
    assert face.tracked and overlap(face.box, wrong.boxes[0]) == 0


def test_no_face_is_seen_in_clutter(weights_folder, faces):
    assert faceless.seen(FaceStream(weights_folder, faces), 12, 1) == []
    assert np.array_equal(faceless.scene(1, 4), faceless.scene(1, 4))


def test_blazeface_alone_sees_the_portrait_whole(portrait, weights_folder, place):
    found = BlazeFace(weights_folder).find(portrait)
    centre, width = place
    assert len(found) == 1 and found.confidence[0] > 0.7
    assert np.abs(found.boxes[0, :2] + found.boxes[0, 2:] / 2 - centre).max() < 0.2 * width


def test_the_benchmark_of_landmarks_says_what_it_lacks_and_what_it_measures(tmp_path):
    with (
        pytest.raises(FerflowError, match=r"none\.task: is not there: nothing measured"),
        bench.mediapipe(tmp_path / "none.task"),
    ):
        pass
    rng = np.random.default_rng(0)
    theirs = rng.normal(0, 100, (5, 468, 3)).astype(np.float32)
    theirs[:, 33, :2], theirs[:, 263, :2] = (0, 0), (50, 0)
    ours = theirs + np.float32([3, 4, 9])  # 5 pixels of 50, whatever the depth
    assert {
        name: round(float(np.median(v)), 3) for name, v in bench.distances(ours, theirs).items()
    } == dict.fromkeys(bench.REGIONS, 10.0)
    said = list(bench.lines([bench.Seen("a", 45, 5, 38, ours, theirs)]))
    assert (
        said[0]
        == "1 of 1 clips with a face; a face in 38 of 40 frames that are not blank (95.00 %; 5 are blank)"
    )
    assert said[-1] == "gap of the lips: correlation 1.000, 1.00 times as wide"
