"""The synthetic scenes: SFEW's layout, a truth that holds, the same bytes for the same seed."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ferflow import tables
from ferflow.datasets import sfew
from ferflow.datasets.scenes import FOLDERS, TRUTH, clutter, draw_film, draw_scene, occlusion, write_scenes
from ferflow.datasets.scenes.write import NAME
from ferflow.datasets.synth4d import facemodel
from ferflow.errors import InputError, WeightsError

SEED = 6


@pytest.fixture(scope="module")
def settings(small_settings):
    over = {"per_class": 2, "films": 2, "people": 1, "width": 200, "height": 150, "face": [24, 90]}
    shares = {"several": 0.0, "without_face": 0.0, "occluded": 0.5}
    return small_settings({"kind": "sfew", "sfew": {"scenes": over | shares}})


@pytest.fixture(scope="module")
def folder(settings, weights_folder, tmp_path_factory):
    root = tmp_path_factory.mktemp("rendered") / "scenes"
    write_scenes(root, weights_folder, settings.sfew.scenes, settings.synth4d, SEED)
    return root


@pytest.fixture(scope="module")
def film(settings, weights_folder):
    two = settings.sfew.scenes.model_copy(update={"people": 2})
    model = facemodel.load(weights_folder)
    return draw_film("Synthetic01", 0, model, two, SEED), model, two


def test_the_layout_is_the_publishers(folder):
    assert {path.name for path in folder.iterdir() if path.is_dir()} == set(FOLDERS.values())
    counts = {emotion: len(list((folder / name).iterdir())) for emotion, name in FOLDERS.items()}
    assert counts == {emotion: 2 for emotion in FOLDERS}  # disgust: three quarters of 2, rounded
    assert all(NAME.fullmatch(path.name) for path in folder.glob("*/*.png"))
    found = sfew.find(folder)
    assert {scene.group_id for scene in found} == {"Synthetic01", "Synthetic02"}
    parts = {(scene.group_id, scene.split) for scene in found}
    assert parts == {("Synthetic01", "1"), ("Synthetic02", "2")}


def test_the_mark_is_written_last(folder):
    newest = max(folder.rglob("*"), key=lambda path: (path.is_file(), path.stat().st_mtime_ns))
    assert newest.name == "SYNTHETIC.txt"


def test_the_truth_is_about_the_images(folder, settings):
    truth = tables.read(folder / TRUTH, "scene_truth")
    assert set(truth["image"]) == {path.relative_to(folder).as_posix() for path in folder.glob("*/*.png")}
    assert truth["labelled"].all() and (truth["shown"] == truth["emotion"]).all()
    assert truth["width"].between(23.9, 90.1).all()
    assert ((truth["x"] >= 0) & (truth["x"] + truth["width"] <= 200)).all()
    assert ((truth["y"] >= 0) & (truth["y"] + truth["height"] <= 150)).all()
    assert ((truth["hidden"] > 0) <= (truth["occlusion"] != "")).all() and (truth["occlusion"] != "").any()
    image = cv2.imread(str(folder / truth["image"].iloc[0]))
    assert image.shape == (150, 200, 3)


def test_a_film_is_the_same_however_many_others_there_are(folder, settings, weights_folder, tmp_path):
    one = settings.sfew.scenes.model_copy(update={"films": 1, "per_class": 1})
    write_scenes(tmp_path / "one", weights_folder, one, settings.synth4d, SEED)
    alone = sorted((tmp_path / "one").glob("*/*.png"))
    assert len(alone) == 7
    for path in alone:
        assert path.read_bytes() == (folder / path.relative_to(tmp_path / "one")).read_bytes()
    # Scenes of an earlier call go.
    stale = tmp_path / "one" / "Sad" / "Synthetic09_000000001_00000001.png"
    stale.write_bytes(b"stale")
    none = one.model_copy(update={"without_face": 1.0})
    write_scenes(tmp_path / "one", weights_folder, none, settings.synth4d, SEED)
    truth = tables.read(tmp_path / "one" / TRUTH, "scene_truth")
    assert not stale.exists() and (truth["faces"] == 0).all() and truth["width"].isna().all()
    assert not truth["labelled"].any() and len(truth) == 7


def test_other_images_are_left_alone(settings, weights_folder, tmp_path):
    (tmp_path / "Happy").mkdir()
    theirs, earlier = tmp_path / "Happy" / "AlexEmma_000207880_00000018.png", tmp_path / TRUTH
    theirs.write_bytes(b"theirs")
    earlier.write_text("earlier")
    with pytest.raises(InputError, match=r"AlexEmma.*is no synthetic scene; write the synthetic scenes else"):
        write_scenes(tmp_path, weights_folder, settings.sfew.scenes, settings.synth4d, SEED)
    assert theirs.read_bytes() == b"theirs" and earlier.exists() and not (tmp_path / "SYNTHETIC.txt").exists()


def test_the_face_model_is_asked_for(settings, tmp_path):
    with pytest.raises(WeightsError, match="au_to_mesh"):
        write_scenes(tmp_path / "s", tmp_path / "no", settings.sfew.scenes, settings.synth4d, SEED)


def test_the_labelled_face_is_the_largest_of_several(film, settings):
    one, model, asked = film
    crowd = asked.model_copy(update={"several": 1.0, "width": 320, "height": 240})
    seen = 0
    for number in range(4):
        rng = np.random.default_rng([SEED, number])
        scene = draw_scene(one, "happy", 0, model, crowd, settings.synth4d, rng)
        again = np.random.default_rng([SEED, number])
        assert (scene.image == draw_scene(one, "happy", 0, model, crowd, settings.synth4d, again).image).all()
        first, *others = scene.faces
        assert first.labelled and not any(face.labelled for face in others)
        assert all(face.width <= 0.86 * first.width for face in others)
        seen += len(others)
    assert seen > 0


def test_a_person_covers_the_face_and_not_the_corner(film):
    renderer = film[0].people[0].renderer
    still = np.zeros(20)
    frame, cover = renderer.cut_out(still, np.array((0.0, 25.0, 0.0)), np.zeros(2), still)
    x, y = renderer.points(still, np.array((0.0, 25.0, 0.0)), still)[1, :2].astype(int)
    assert cover[y, x] == 255 and cover[2, 2] == 0 and frame.shape[:2] == cover.shape


@pytest.mark.parametrize("kind", occlusion.KINDS)
def test_what_hides_a_face_says_how_much(film, kind):
    points = film[0].people[0].renderer.geometry.rest[:, :2]
    image = np.full((480, 360, 3), 128, np.float32)
    share = occlusion.hide(image, points, kind, film[0].palette, np.random.default_rng(3))
    assert 0.01 < share < 0.5 and (image != 128).any()


def test_clutter_differs_from_scene_to_scene():
    palette = np.array(((200, 80, 60), (40, 90, 160)), np.float32)
    first, second = (clutter.paint(96, 64, palette, np.random.default_rng(k)) for k in (1, 2))
    assert first.shape == (64, 96, 3) and first.std() > 5 and np.abs(first - second).mean() > 5
    assert min(first.min(), second.min()) >= 0 and max(first.max(), second.max()) <= 255
