"""MTCNN: its networks, the cascade, and the alignment by its points."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch

from ferflow import weights
from ferflow.errors import WeightsError
from ferflow.faces import align, boxes, mtcnn
from ferflow.faces.boxes import overlap
from ferflow.faces.video import read_image


@pytest.fixture(scope="module")
def detector(mtcnn_folder):
    torch.set_num_threads(1)
    return mtcnn.Mtcnn(mtcnn_folder, smallest=60)


def test_the_faces_of_a_photograph(detector, real_faces):
    found = detector.find(read_image(real_faces / "multi_face.jpg"))
    assert len(found) == 5 and (found.confidence > 0.99).all()
    assert (np.diff(found.confidence) <= 0).all()
    for (x, y, width, height), points in zip(found.boxes, found.points, strict=True):
        assert ((points > (x, y)) & (points < (x + width, y + height))).all()
        left, right, nose, *mouth = points
        assert left[0] < nose[0] < right[0] and max(left[1], right[1]) < nose[1] < min(p[1] for p in mouth)
        assert mouth[0][0] < mouth[1][0]


def test_one_face_lies_where_it_was_seen(detector, real_faces):
    found = detector.find(read_image(real_faces / "single_face.jpg"))
    assert len(found) == 1
    # Measured by eye in the photograph: from the hairline to the chin, from cheek to cheek.
    assert overlap(found.boxes[0], np.array((189, 150, 183, 252))) > 0.8
    seen = ((230, 246), (313, 244), (270, 290), (240, 328), (313, 325))
    np.testing.assert_allclose(found.points[0], seen, atol=14)


@pytest.mark.parametrize("size", [(1, 1), (10, 10), (3, 400), (64, 64)])
def test_pictures_without_a_face_have_none(detector, size):
    found = detector.find(np.full((*size, 3), 90, np.uint8))
    assert len(found) == 0 and found.boxes.shape == (0, 4) and found.points.shape == (0, 5, 2)


def test_the_pyramid_ends_where_no_window_fits(detector):
    assert detector.scales(480, 40) == []
    assert detector.scales(90, 100) == pytest.approx([0.2, 0.2 * 0.709])


def test_of_boxes_over_one_another_the_most_probable_stays():
    boxes = np.array(((0, 0, 10, 10), (0, 0, 10, 8), (4, 4, 6, 6), (20, 0, 30, 10)), np.float32)
    scores = np.array((0.7, 0.9, 0.8, 0.6), np.float32)
    # The first two share 80 of 100; the third lies inside both: 4 of 100, but all of itself.
    assert mtcnn.suppressed(boxes, scores, 0.7).tolist() == [1, 2, 3]
    assert mtcnn.suppressed(boxes, scores, 0.7, of_smaller=True).tolist() == [1, 3]
    assert mtcnn.suppressed(boxes, scores, 0.8).tolist() == [1, 2, 0, 3]
    assert mtcnn.suppressed(np.zeros((0, 4)), np.zeros(0), 0.5).tolist() == []


def test_boxes_are_moved_by_shares_of_their_sides():
    box = np.array(((10.0, 20.0, 30.0, 60.0),))
    assert mtcnn.moved(box, np.array(((0.1, 0.0, -0.1, 0.5),))).tolist() == [[12, 20, 28, 80]]
    assert mtcnn.square(box).tolist() == [[0, 20, 40, 60]]


def test_what_lies_beyond_the_picture_is_black():
    picture = np.full((8, 8, 3), 200, np.uint8)
    crop = mtcnn._cut(picture, np.array((-4, 0, 4, 8)), 8)
    assert (crop[:, :4] == 0).all() and (crop[:, 4:] == 200).all()
    assert (mtcnn._cut(picture, np.array((20, 20, 30, 30)), 4) == 0).all()


def test_weights_of_another_network_are_refused(mtcnn_folder, tmp_path, monkeypatch):
    for name in mtcnn.FILES:
        shutil.copy(mtcnn_folder / name, tmp_path / name)
    shutil.copy(mtcnn_folder / "mtcnn-pnet.pt", tmp_path / "mtcnn-rnet.pt")
    with pytest.raises(WeightsError, match="is not the expected file"):
        mtcnn.Mtcnn(tmp_path)
    monkeypatch.setattr(weights, "path", lambda name, folder: tmp_path / name)
    with pytest.raises(WeightsError, match=r"does not hold mtcnn-rnet\.pt"):
        mtcnn.Mtcnn(tmp_path)
    (tmp_path / "mtcnn-rnet.pt").write_bytes(b"no weights")
    with pytest.raises(WeightsError, match=r"fetch mtcnn-rnet\.pt again"):
        mtcnn.Mtcnn(tmp_path)


def test_a_similarity_is_found_again():
    turn = np.deg2rad(25)
    matrix = 1.7 * np.array(((np.cos(turn), -np.sin(turn)), (np.sin(turn), np.cos(turn))))
    points = np.random.default_rng(4).uniform(0, 100, (5, 2))
    found = align.similarity(points, points @ matrix.T + (12, -5))
    np.testing.assert_allclose(found, np.column_stack([matrix, (12, -5)]), atol=1e-9)
    with pytest.raises(ValueError, match="no direction"):
        align.similarity(np.ones((5, 2)), align.TEMPLATE)


def test_an_aligned_face_has_its_points_in_the_template():
    size, margin = 64, 0.2
    target = (0.5 + (align.TEMPLATE - 0.5) / (1 + margin)) * size
    turn = np.deg2rad(-30)
    back = 3 * np.array(((np.cos(turn), -np.sin(turn)), (np.sin(turn), np.cos(turn))))
    points = target @ back.T + (90, 140)
    picture = np.zeros((400, 400, 3), np.uint8)
    for k, (x, y) in enumerate(points.astype(int)):
        picture[y - 3 : y + 4, x - 3 : x + 4] = 50 + 40 * k
    crop = align.aligned(picture, points, size, margin)
    for k, (x, y) in enumerate(target.astype(int)):
        assert abs(int(crop[y - 1 : y + 2, x - 1 : x + 2].max()) - (50 + 40 * k)) < 45
    bright = np.argwhere(crop[:, :, 0] > 20)
    assert np.hypot(*(bright[:, None, ::-1] - target[None]).transpose(2, 0, 1)).min(1).max() < 4


def test_a_box_beyond_the_picture_repeats_its_edge():
    picture = np.zeros((10, 10, 3), np.uint8)
    picture[:, 0] = 200
    crop = boxes.boxed(picture, np.array((-10.0, 0.0, 20.0, 20.0)), 20)
    assert (crop[:, :10] == 200).all() and (crop[:, 12:] == 0).all()
