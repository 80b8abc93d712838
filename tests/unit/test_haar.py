"""Faces without landmarks: the cascade's looks, the tracker in between, on drawn and on real faces."""

from __future__ import annotations

import numpy as np
import pytest

from ferflow import settings
from ferflow.errors import InputError
from ferflow.faces.boxes import overlap
from ferflow.faces.detect import HaarCascade
from ferflow.faces.haar import HaarStream
from ferflow.faces.stream import FaceStream
from ferflow.faces.video import open_clip, read_image

WATCHING = settings.watching()


def stream(interval=WATCHING.haar.interval, **changes):
    haar = WATCHING.haar.model_copy(update={"interval": interval})
    return HaarStream(WATCHING.faces.model_copy(update=changes), haar)


@pytest.fixture(scope="module")
def portrait(real_faces):
    """A real face, 480 pixels high."""
    import cv2

    image = read_image(real_faces / "single_face.jpg")
    return cv2.resize(
        image, (round(image.shape[1] * 480 / image.shape[0]), 480), interpolation=cv2.INTER_AREA
    )


def test_faces_are_watched_as_a_study_does(small_settings):
    assert WATCHING.faces == small_settings().faces


@pytest.mark.wheel
def test_the_look_around_a_box_finds_what_the_whole_frame_has(portrait):
    detector = HaarCascade(WATCHING.faces.smallest)
    whole = detector.find(portrait).boxes[0]
    shifted = whole + np.array([12, -9, 0, 0], np.float32)
    near = detector.find_near(portrait, shifted, WATCHING.haar.window, WATCHING.haar.sizes)
    assert overlap(near.boxes[0], whole) > 0.85
    away = np.array([0, 0, 60, 60], np.float32)
    assert len(detector.find_near(portrait, away, 0.1, (0.75, 1.3))) == 0


@pytest.mark.wheel
def test_a_face_that_moves_is_followed_with_one_search(portrait):
    height, width = portrait.shape[:2]
    frames = [np.zeros((height + 60, width + 120, 3), np.uint8) + 90 for _ in range(30)]
    for i, frame in enumerate(frames):
        frame[i : i + height, 3 * i : 3 * i + width] = portrait
    found = stream()
    faces = list(found.run(frames))
    assert all(face.tracked for face in faces) and found.detections == 1
    still = faces[0].box + np.outer(np.arange(30), [3, 1, 0, 0])
    assert min(overlap(face.box, box) for face, box in zip(faces, still, strict=True)) > 0.8
    assert faces[7].crop.shape == (160, 160, 3) and np.isnan(faces[7].score)


@pytest.mark.wheel
def test_a_face_that_goes_is_noticed_though_the_tracker_goes_on(portrait):
    gone = np.full_like(portrait, 128)
    found = stream()
    faces = list(found.run([portrait] * 6 + [gone] * 14 + [portrait] * 6))
    tracked = [face.tracked for face in faces]
    limit = WATCHING.haar.interval + WATCHING.haar.lost
    assert all(tracked[:6]) and not any(tracked[6 + limit : 20]) and all(tracked[20:])
    assert found.detections == 2
    assert not faces[19].crop.any() and np.isnan(faces[19].box).all()


@pytest.mark.wheel
def test_a_look_at_every_frame_searches_every_frame(portrait):
    found = stream(interval=1)
    assert all(face.tracked for face in found.run([portrait] * 4)) and found.detections == 4


@pytest.mark.wheel
def test_several_faces_are_refused_where_asked(portrait):
    two = np.hstack([portrait, portrait])
    assert stream().step(two).tracked
    with pytest.raises(InputError, match="shows 2 faces in frame 0"):
        stream(several="error").step(two)


@pytest.mark.wheel
@pytest.mark.parametrize("name", ["single_face.mp4", "face_noface.mov", "noface_face.mov"])
def test_real_videos_give_the_frames_that_the_landmark_network_confirms(real_faces, weights_folder, name):
    reference = FaceStream(weights_folder, WATCHING.faces).run(open_clip(real_faces / name, 5))
    found = stream().run(open_clip(real_faces / name, 5))
    pairs = list(zip(reference, found, strict=True))
    assert sum(ours.tracked and not there.tracked for there, ours in pairs) == 0
    assert sum(there.tracked and not ours.tracked for there, ours in pairs) <= 3
    assert np.median([overlap(a.box, b.box) for a, b in pairs if a.tracked and b.tracked]) > 0.75
