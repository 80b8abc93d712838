"""Faces are found, followed, lost and stored: on real videos, with what is wrong said in one line."""

import shutil
from pathlib import Path

import cv2
import h5py
import numpy as np
import pandas as pd
import pytest

from ferflow import tables
from ferflow.errors import InputError, WeightsError
from ferflow.faces import store
from ferflow.faces.boxes import chin, clip_to, cropped, extend_chin, overlap
from ferflow.faces.compare import compare_trackers
from ferflow.faces.stream import FaceStream, placed, relative_to_anchors
from ferflow.faces.video import content_hash, open_clip, read_image
from ferflow.settings import Faces, load

SHARE = load(
    *(Path(__file__).parents[2] / name for name in ("params.yaml", "workflow/studies/thesis.yaml"))
).faces.extend


@pytest.fixture(scope="module")
def faces(small_settings):
    return small_settings().faces


@pytest.fixture(scope="module")
def one_face(real_faces):
    return read_image(real_faces / "single_face.jpg")


def rows(**sources):
    return pd.DataFrame({"clip_id": list(sources), "source": [str(s) for s in sources.values()]})


@pytest.fixture(scope="module")
def stored(tmp_path_factory, one_face, weights_folder, faces):
    """A subject of two clips: a still face of seven frames with a gap of three, and an image."""
    folder = tmp_path_factory.mktemp("stored")
    (folder / "gap").mkdir()
    empty = np.full_like(one_face, 90)
    for index, frame in enumerate([one_face] * 2 + [empty] * 3 + [one_face] * 2):
        cv2.imwrite(str(folder / "gap" / f"{index}.png"), frame[..., ::-1])
    cv2.imwrite(str(folder / "image.png"), one_face[..., ::-1])
    path = folder / "faces" / "S1.h5"
    store.write_subject(rows(S1_gap="gap", S1_image="image.png"), path, weights_folder, faces, folder)
    return path


def test_a_face_gives_the_same_crop_at_half_the_resolution(one_face, weights_folder):
    frames = {scale: cv2.resize(one_face, None, fx=scale, fy=scale, interpolation=3) for scale in (1, 0.5)}
    for scale, frame in frames.items():
        stream = FaceStream(weights_folder, Faces(smallest=round(96 * scale), extend=SHARE))
        box = next(stream.run([frame])).box
        assert box[3] / box[2] == pytest.approx(1 + SHARE, abs=1e-3)
    found = np.array([*box[:2], box[2], box[2]])  # at half, where Haar's own box is square

    def apart(margin: float) -> float:
        """Grey levels, on average, between the crops of one face at the two resolutions."""
        crops = [cropped(frames[s], extend_chin(2 * s * found, margin), 160).astype(float) for s in frames]
        return np.abs(crops[0] - crops[1]).mean()

    assert apart(SHARE) < 4 < apart(10) / 2  # of two faces some 50


def test_boxes():
    assert overlap(np.array([0, 0, 10, 10]), np.array([5, 0, 10, 10])) == pytest.approx(1 / 3)
    assert overlap(np.array([0, 0, 10, 10]), np.array([10, 0, 10, 10])) == 0
    found = np.array([5, 5, 159, 159])
    assert extend_chin(found, 10).tolist() == [5, 5, 159, 169]  # figure 3.2
    assert np.round(extend_chin(found, SHARE)).tolist() == [5, 5, 159, 169]
    assert extend_chin(found / 2, SHARE).tolist() == (extend_chin(found, SHARE) / 2).tolist()
    for margin in (SHARE, 10):
        assert chin(extend_chin(found, margin)[3], margin) == pytest.approx(
            extend_chin(found, margin)[3] - 159
        )
    assert clip_to(np.array([-5, 90, 20, 20]), 100, 100).tolist() == [0, 90, 15, 10]
    random = np.random.default_rng(0)
    landmarks = random.normal(0, 30, (468, 3))
    box = np.array([10.0, 20, 160, 170])
    place = relative_to_anchors(box, landmarks)
    assert np.allclose(placed(place, landmarks), box, atol=1e-4)
    assert np.allclose(placed(place, 2 * landmarks + [7, 9, 0]), 2 * box + [7, 9, 0, 0], atol=1e-3)


def test_the_stored_clip(stored, one_face):
    assert store.clip_ids(stored) == ["S1_gap", "S1_image"]
    clip = store.read(stored, "S1_gap")
    assert clip["tracked"].tolist() == [True, True, False, False, False, True, True]
    assert clip["n_frames"] == 7 and clip["n_tracked"] == 4 and clip["warnings"] == []
    assert (clip["boxes"].shape, clip["landmarks"].shape) == ((7, 4), (7, 468, 3))
    lost = ~clip["tracked"]
    assert np.isnan(clip["boxes"][lost]).all() and np.isnan(clip["landmarks"][lost]).all()
    assert (clip["scores"][~lost] > 7).all()
    frames = store.read_frames(stored, "S1_gap")
    assert frames.shape == (7, 160, 160, 3) and frames.dtype == np.uint8
    assert (frames[lost] == 0).all()
    # What is stored is the box of the source, resized: RGB, not BGR, and without loss.
    left, top, width, height = np.floor(clip["boxes"][0] + 0.5).astype(int)
    part = one_face[top : top + height, left : left + width]
    assert np.array_equal(frames[0], cv2.resize(part, (160, 160), interpolation=cv2.INTER_AREA))
    assert np.array_equal(store.read_frames(stored, "S1_gap", 5, 6), frames[5:6])
    # The landmarks lie on the face: eyes in the upper half of the box, the chin at its end.
    box, points = clip["boxes"][0], clip["landmarks"][0]
    assert box[0] < points[33, 0] < points[263, 0] < box[0] + box[2]
    assert points[33, 1] < box[1] + box[3] / 2 < points[13, 1] < points[152, 1] < box[1] + box[3] + 30


def test_the_file_tells_its_settings_and_is_lossless_in_chunks_of_a_frame(stored, faces):
    with h5py.File(stored) as file:
        assert file.attrs["settings"] == faces.model_dump_json()
        assert file.attrs["ferflow"] == "0.1.0"
        assert file["S1_gap/frames"].chunks == (1, 160, 160, 3)
        assert file["S1_gap/tracked"].dtype == bool


def test_the_same_clips_give_the_same_bytes(stored, weights_folder, faces, tmp_path):
    again = tmp_path / "again.h5"
    folder = stored.parent.parent
    store.write_subject(rows(S1_gap="gap", S1_image="image.png"), again, weights_folder, faces, folder)
    assert again.read_bytes() == stored.read_bytes()


def test_damaged_files_and_unknown_clips(stored, tmp_path):
    with pytest.raises(InputError, match=r"S1\.h5: has no clip S9; it has S1_gap, S1_image"):
        store.read(stored, "S9")
    with pytest.raises(InputError, match="does not exist"):
        store.read(tmp_path / "none.h5", "S1_gap")
    cut = tmp_path / "cut.h5"
    cut.write_bytes(stored.read_bytes()[: stored.stat().st_size // 2])
    with pytest.raises(InputError, match=r"cut\.h5: is damaged or no HDF5 file"):
        store.read(cut, "S1_gap")
    holed = tmp_path / "holed.h5"
    with h5py.File(stored) as file:
        chunk = file["S1_gap/frames"].id.get_chunk_info(0)
    data = bytearray(stored.read_bytes())
    data[chunk.byte_offset : chunk.byte_offset + chunk.size] = b"\xaa" * chunk.size
    holed.write_bytes(data)
    with pytest.raises(InputError, match=r"holed\.h5: is damaged"):
        store.read_frames(holed, "S1_gap")
    short = tmp_path / "short.h5"
    shutil.copy(stored, short)
    with h5py.File(short, "a") as file:
        file["S1_gap/boxes"].resize(3, axis=0)
    with pytest.raises(InputError, match="clip S1_gap is incomplete"):
        store.read(short, "S1_gap")


def test_a_second_face_is_left_out_or_an_error(real_faces, weights_folder, faces):
    (face,) = FaceStream(weights_folder, faces).run(open_clip(real_faces / "multi_face.jpg"))
    assert face.tracked and face.box[2] == pytest.approx(130, abs=3)  # the largest of four
    strict = FaceStream(weights_folder, faces.model_copy(update={"several": "error"}), "multi_face.jpg")
    with pytest.raises(InputError, match=r"multi_face\.jpg: shows \d faces in frame 0"):
        list(strict.run(open_clip(real_faces / "multi_face.jpg")))
    (face,) = FaceStream(weights_folder, strict.settings).run(open_clip(real_faces / "single_face.jpg"))
    assert face.tracked


def test_of_two_people_of_one_size_the_same_one_is_followed_throughout(
    one_face, weights_folder, faces, tmp_path
):
    grey = np.full_like(one_face, 90)
    grey[::2] = 120
    both, right = np.hstack([one_face, one_face]), np.hstack([grey, one_face])
    stream = FaceStream(weights_folder, faces)
    middle = one_face.shape[1]
    (first,) = stream.run([both])
    assert first.box[0] < middle and stream.crowd == (2, 0)
    (tmp_path / "clip").mkdir()
    lost = [np.hstack([grey, grey])] * (faces.lost_frames + 1)
    for number, frame in enumerate([right, *lost, both]):
        cv2.imwrite(str(tmp_path / "clip" / f"{number}.png"), frame[..., ::-1])
    store.write_subject(rows(S1="clip"), tmp_path / "S1.h5", weights_folder, faces, tmp_path)
    clip = store.read(tmp_path / "S1.h5", "S1")
    assert clip["tracked"][[0, -1]].all() and not clip["tracked"][1:-1].any()
    assert (clip["boxes"][[0, -1], 0] > middle).all()
    assert clip["warnings"] == [f"shows 2 faces in frame {len(lost) + 1}; one of them is followed"]


def test_a_box_that_left_the_face_is_put_back(one_face, weights_folder, faces):
    stream = FaceStream(weights_folder, faces)
    stream.reset()
    first = stream.step(one_face)
    stream._tracker.start(one_face, first.box + np.array([90, 60, 0, 0], np.float32))
    second = stream.step(one_face)
    assert stream.recentred == 1
    assert overlap(first.box, second.box) > 0.9
    assert stream.detections == 1


def test_several_clips_do_not_mix(one_face, weights_folder, faces):
    stream = FaceStream(weights_folder, faces)
    mirrored = np.ascontiguousarray(one_face[:, ::-1])
    first = [face.box for face in stream.run([one_face, one_face])]
    list(stream.run([mirrored]))
    again = [face.box for face in stream.run([one_face, one_face])]
    assert np.array_equal(first, again)


def test_what_cannot_be_used_is_stored_with_the_reason_and_the_next_clip_goes_on(
    one_face, weights_folder, faces, tmp_path
):
    (tmp_path / "noise.mp4").write_bytes(np.random.default_rng(1).bytes(5000))
    (tmp_path / "two").mkdir()
    cv2.imwrite(str(tmp_path / "two" / "0.png"), one_face[..., ::-1])
    cv2.imwrite(str(tmp_path / "two" / "1.png"), np.zeros((100, 60, 3), np.uint8))
    (tmp_path / "black").mkdir()
    for number in range(3):
        cv2.imwrite(str(tmp_path / "black" / f"{number}.png"), np.full((90, 60, 3), number, np.uint8))
    (tmp_path / "face").mkdir()
    cv2.imwrite(str(tmp_path / "face" / "0.png"), one_face[..., ::-1])
    path, names = tmp_path / "S2.h5", ("noise.mp4", "two", "black", "face")
    store.write_subject(rows(**{Path(n).stem: n for n in names}), path, weights_folder, faces, tmp_path)
    facts = store.facts(path)
    assert {name: (own["n_frames"], own["n_blank"], own["n_tracked"]) for name, own in facts.items()} == {
        "noise": (0, 0, 0),
        "two": (1, 0, 1),
        "black": (3, 3, 0),
        "face": (1, 0, 1),
    }
    height, width = one_face.shape[:2]
    # What the manifest is made of: what the clip declares, and its content.
    assert facts["two"]["n_declared"] == 2 and facts["noise"]["width"] == facts["noise"]["n_declared"] == 0
    assert {name: facts[Path(name).stem]["sha256"] for name in names} == {
        name: content_hash(tmp_path / name) for name in names
    }
    assert facts["noise"]["problem"] == "is not a video that can be read"
    assert facts["two"]["problem"] == f"1.png is 60x100, 0.png is {width}x{height}"
    assert "problem" not in facts["black"] and len(store.read(path, "noise")["landmarks"]) == 0


def test_an_interrupted_write_leaves_nothing(real_faces, weights_folder, faces, tmp_path, monkeypatch):
    path = tmp_path / "S2.h5"
    step = FaceStream.step

    def interrupted(self, frame):
        if self.index == 3:
            raise KeyboardInterrupt
        return step(self, frame)

    monkeypatch.setattr(FaceStream, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.write_subject(rows(S2="single_face.mp4"), path, weights_folder, faces, real_faces)
    assert list(tmp_path.iterdir()) == []


def test_without_its_network_it_says_where_to_get_it(tmp_path, faces):
    with pytest.raises(WeightsError, match=r"face_landmark\.tflite: is missing"):
        FaceStream(tmp_path, faces)


@pytest.mark.parametrize(
    ("name", "first", "last", "n_frames"),
    [
        ("single_face.mp4", 0, 71, 72),
        ("WolfgangLanger_Pexels.mp4", 0, 471, 472),
        ("face_noface.mov", 0, 71, 169),
        ("noface_face.mov", 96, 167, 169),
    ],
)
def test_real_videos_are_tracked_exactly_where_there_is_a_face(
    real_faces, weights_folder, faces, name, first, last, n_frames
):
    stream = FaceStream(weights_folder, faces)
    tracked = np.array([face.tracked for face in stream.run(open_clip(real_faces / name, 5))])
    assert len(tracked) == n_frames
    expected = np.zeros(n_frames, bool)
    expected[first : last + 1] = True
    # Where the face enters or leaves, one frame more or less is a matter of taste.
    assert (tracked != expected).sum() <= 2
    assert stream.detections == 1


def test_the_trackers_side_by_side(real_faces, weights_folder, faces, tmp_path):
    clips = {"single": real_faces / "single_face.mp4"}
    table = compare_trackers(clips, weights_folder, faces, ("medianflow", "kcf"))
    tables.write(table, tmp_path / "trackers.csv", "trackers")
    table = table.set_index("tracker")
    assert (table["failures"] == 0).all()
    assert (table["drift_mean"] < 0.1).all()
    assert table.loc["medianflow", "ms_per_frame"] < table.loc["kcf", "ms_per_frame"]
