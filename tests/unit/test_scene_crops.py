"""Face crops of scenes: which face counts, what stands for none, what is flagged, what is counted."""

from __future__ import annotations

import math
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from ferflow import tables
from ferflow.bench import detection
from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.datasets import sfew
from ferflow.errors import InputError
from ferflow.faces.boxes import Detections
from ferflow.report import crop_sheet
from ferflow.sfew import crops, quality, store

FRONTAL = np.array(((30, 30), (50, 30), (40, 42), (32, 52), (48, 52)), np.float32)


@pytest.fixture(scope="module")
def asked(small_settings):
    return small_settings({"kind": "sfew"}).sfew.crops


@pytest.fixture
def manifest(tmp_path):
    """Seven scenes of 100×80, a class each; that of fear is 10×10."""
    rng = np.random.default_rng(1)
    for emotion, name in sfew.NAMES.items():
        (tmp_path / "set" / name).mkdir(parents=True)
        size = (10, 10, 3) if emotion == "fear" else (80, 100, 3)
        image = rng.integers(0, 256, size).astype(np.uint8)
        cv2.imwrite(str(tmp_path / "set" / name / "Film_000000001_00000001.png"), image)
    out = [tmp_path / f"{name}.csv" for name in ("manifest", "dropped", "counts")]
    sfew.write_manifest(tmp_path / "set", 1, *out)
    return out[0]


def detections(*faces, points=FRONTAL):
    boxes = np.array([box for box, _ in faces], np.float32).reshape(-1, 4)
    sure = np.array([confidence for _, confidence in faces], np.float32)
    return Detections(boxes, sure, np.repeat(points[None], len(boxes), 0))


def write(manifest, asked, monkeypatch, find):
    monkeypatch.setattr(crops, "detector", lambda *_: [SimpleNamespace(name="mtcnn", find=find)])
    h5, table = manifest.with_name("crops.h5"), manifest.with_name("crops.csv")
    crops.write(manifest, h5, table, "mtcnn", asked, "no weights needed")
    return h5, table


def test_the_largest_face_counts_and_of_equal_ones_the_nearest_to_the_middle():
    boxes = np.array(((0, 0, 20, 20), (40, 30, 20, 20), (0, 0, 30, 30)), np.float32)
    assert crops.chosen(boxes, 100, 80, "largest") == 2
    assert crops.chosen(boxes[:2], 100, 80, "largest") == 1
    assert crops.chosen(boxes, 100, 80, "central") == 1


def test_crops_stand_in_the_order_of_the_manifest(manifest, asked, monkeypatch):
    def find(picture):
        faces = [((20, 20, 40, 48), 0.999), ((0, 0, 5, 5), 0.9999)]
        return detections(*faces) if picture.shape[0] == 80 else detections()

    h5, table = write(manifest, asked, monkeypatch, find)
    rows = crops.read(h5, table).set_index("image_id")
    listed = tables.read(manifest, "manifest")
    assert rows.index.tolist() == listed["clip_id"].tolist()
    fear = listed.loc[listed["emotion"] == "fear", "clip_id"].item()
    assert rows.loc[fear, "found_by"] == "none" and math.isnan(rows.loc[fear, "width"])
    others = rows.drop(fear)
    assert (others["found_by"] == "mtcnn").all() and (others["faces"] == 2).all()
    assert (others[["x", "y", "width", "height"]] == (20, 20, 40, 48)).all().all()
    assert (others["yaw_proxy"] == 0).all() and (others["roll_degrees"] == 0).all()
    with store.read(h5) as (_, images):
        whole = images[rows.index.get_loc(fear)]
        first = images[rows.index.get_loc(others.index[0])]
    scene = sfew.read_image(listed.set_index("clip_id").loc[fear, "source"])
    assert (whole == store.fitted(scene)).all()
    picture = sfew.read_image(listed.set_index("clip_id").loc[others.index[0], "source"])
    side = round(48 * (1 + asked.margin))
    left, top = round(40 - side / 2), round(44 - side / 2)
    cut = cv2.resize(picture[top : top + side, left : left + side], (224, 224))
    assert np.abs(first.astype(int) - cut).mean() < 3

    crops.write_quality(manifest, table, manifest.with_name("quality.csv"))
    counted = tables.read(manifest.with_name("quality.csv"), "crop_quality").set_index("emotion")
    assert list(counted.index) == [*EMOTIONS_NEUTRAL, "all"]
    assert counted.loc["fear", ["images", "mtcnn", "none", "good"]].tolist() == [1, 0, 1, 0]
    assert counted.loc["all", ["images", "mtcnn", "none", "several", "good"]].tolist() == [7, 6, 1, 6, 6]

    crop_sheet.draw(manifest, h5, table, manifest.with_name("sheet.svg"), "Face crops")
    assert manifest.with_name("sheet.svg").read_text(encoding="utf-8").count("<image") == 7


def test_boxes_by_hand_stand_in_where_none_is_found(manifest, asked, monkeypatch):
    names = tables.read(manifest, "manifest")["clip_id"].tolist()
    listed = manifest.with_name("boxes.csv")
    listed.write_text(f"image_id,x,y,width,height\n{names[0]},10,10,50,50\n", encoding="utf-8")
    by_hand = asked.model_copy(update={"manual_boxes": str(listed)})
    _, table = write(manifest, by_hand, monkeypatch, lambda _: detections())
    rows = tables.read(table, "crops")
    assert rows["found_by"].tolist() == ["manual"] + ["none"] * 6
    assert math.isnan(rows["confidence"].iloc[0]) and rows["width"].iloc[0] == 50


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("nobody,1,1,5,5", "line 2: nobody is no image of the manifest"),
        ("{0},1,1,5,5\n{0},1,1,5,5", "line 3: .* is listed twice"),
        ("{0},300,1,5,5", "line 2: the box lies outside .* which is 100x80"),
        ("{0},1,1,0,5", "the box lies outside"),
    ],
)
def test_a_list_of_boxes_that_does_not_fit_is_refused(manifest, line, said):
    listed = manifest.with_name("boxes.csv")
    table = tables.read(manifest, "manifest")
    rows = line.format(table["clip_id"].iloc[0])
    listed.write_text(f"image_id,x,y,width,height\n{rows}\n", encoding="utf-8")
    with pytest.raises(InputError, match=said):
        crops.manual_boxes(listed, table)


def test_haar_finds_nothing_in_tiny_pictures(asked):
    (haar,) = crops.detector("haar", asked, "no weights needed")
    for size in ((1, 1), (10, 10), (60, 60)):
        assert len(haar.find(np.full((*size, 3), 128, np.uint8))) == 0


def test_aligned_crops_are_turned(manifest, asked, monkeypatch):
    turned = np.array([(40 + (y - 42), 42 - (x - 40)) for x, y in FRONTAL], np.float32)

    def find(_):
        return detections(((20, 20, 40, 40), 0.999), points=turned)

    _, table = write(manifest, asked.model_copy(update={"align": True}), monkeypatch, find)
    rows = tables.read(table, "crops")
    assert (rows["roll_degrees"].abs() == 90).all() and rows["flags"].str.contains("pose").all()


def test_the_pose_of_worked_examples():
    assert quality.pose(FRONTAL) == (0.0, 0.0)
    turned = FRONTAL.copy()
    turned[2, 0] = 50  # the nose below the right eye: half the distance of the eyes
    assert quality.pose(turned)[0] == pytest.approx(0.5)
    tilted = FRONTAL.copy()
    tilted[1] = (50, 50)
    assert quality.pose(tilted)[1] == pytest.approx(45)
    assert quality.pose(np.zeros((5, 2)))[0] == math.inf


def test_flags_name_what_breaks_a_limit(asked):
    limits = asked.limits
    good = (limits.blur, limits.size, limits.confidence, limits.yaw, -limits.roll)
    assert quality.flags(*good, limits) == []
    bad = (limits.blur - 1, limits.size - 1, limits.confidence - 0.01, -limits.yaw - 0.1, 0)
    assert quality.flags(*bad, limits) == list(quality.FLAGS)
    assert quality.flags(100, 100, math.nan, math.nan, math.nan, limits) == []


def test_blur_is_the_variance_of_the_laplacian():
    crop = np.zeros((5, 5, 3), np.uint8)
    assert quality.blur(crop) == 0
    crop[2, 2] = 100  # −400 there, 100 at its four neighbours: a mean of 0
    assert quality.blur(crop) == pytest.approx((400**2 + 4 * 100**2) / 25)
    rough = np.random.default_rng(2).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    assert quality.blur(cv2.GaussianBlur(rough, (0, 0), 3)) < 0.01 * quality.blur(rough)


def test_boxes_and_faces_are_matched_once_each():
    faces = np.array(((0, 0, 10, 10), (50, 50, 20, 20)))
    boxes = np.array(((0, 0, 10, 9), (0, 0, 10, 8), (50, 50, 6, 6)))
    with_face, with_box = detection.matched(boxes, faces)
    assert with_face.tolist() == [True, False, False] and with_box.tolist() == [True, False]
    found = detection.Counts("mtcnn", 2, 40, 38, 50, 1, 12.0)
    assert "38 of 40" in str(found) and "95.0 %" in str(found) and "2.00 %" in str(found)
    assert detection.matched(np.zeros((0, 4)), faces)[1].tolist() == [False, False]
