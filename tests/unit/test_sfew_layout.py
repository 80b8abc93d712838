"""SFEW's layout, the images of 224 pixels, and the folds."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from ferflow import tables
from ferflow.datasets import sfew
from ferflow.datasets.images import open_pixels, write_rows
from ferflow.errors import InputError, SplitError
from ferflow.sfew import crops, folds

CLASSES = ("Angry", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise")


def scenes(root: Path, films: int = 4, size: int = 48, synthetic: bool = True) -> Path:
    """A set of one image of each class in each film."""
    rng = np.random.default_rng(5)
    for film in range(films):
        for name in CLASSES:
            path = root / name / f"Film_{film}_{10 * film:09d}_00000001.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), rng.integers(0, 256, (size, size + 8, 3), np.uint8))
    if synthetic:
        (root / "SYNTHETIC.txt").write_text("rendered\n")
    return root


def written(root: Path, smallest: int = 40) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    paths = [root.parent / f"{name}.csv" for name in ("manifest", "dropped", "counts")]
    sfew.write_manifest(root, smallest, *paths)
    schemas = ("manifest", "sfew_dropped", "sfew_counts")
    return tuple(tables.read(path, schema) for path, schema in zip(paths, schemas, strict=True))


def test_a_manifest_names_class_film_and_size(tmp_path):
    manifest, dropped, counted = written(scenes(tmp_path / "scenes", films=3))
    assert len(manifest) == 21 and manifest["clip_id"].is_unique and dropped.empty
    row = manifest.iloc[0]
    assert (row["emotion"], row["group_id"], row["split"]) == ("angry", "Film_0", "")
    assert (row["width"], row["height"], row["synthetic"]) == (56, 48, True)
    everything = counted.set_index("emotion").loc["all"]
    assert (everything["published"], everything["found"], everything["kept"]) == (675, 21, 21)
    assert counted.set_index("emotion").loc["disgust", "published"] == 75


def test_a_misspelt_class_folder_is_one_line_with_the_nearest_name(tmp_path):
    root = scenes(tmp_path / "scenes", films=1)
    (root / "Surprise").rename(root / "Suprise")
    with pytest.raises(InputError, match="no class of SFEW; rename it to Surprise"):
        sfew.find(root)
    (root / "Suprise").rename(root / "SURPRISED")  # any case, and the spellings of other copies
    assert {scene.emotion for scene in sfew.find(root)} == set(sfew.NAMES)


def test_a_tiny_and_a_broken_image_are_counted_rows(tmp_path):
    root = scenes(tmp_path / "scenes")
    cv2.imwrite(str(root / "Happy/Film_0_000000077_00000001.png"), np.zeros((10, 10, 3), np.uint8))
    (root / "Sad/Film_0_000000078_00000001.png").write_bytes(b"no image")
    manifest, dropped, counted = written(root)
    assert len(manifest) == 28
    assert dropped.set_index("emotion")["reason"].to_dict() == {"happy": "too small", "sad": "unreadable"}
    assert "10x10" in dropped["said"].iloc[0]
    everything = counted.set_index("emotion").loc["all"]
    assert (everything["found"], everything["too_small"], everything["unreadable"]) == (30, 1, 1)


def test_a_name_without_time_and_an_empty_class_are_refused(tmp_path):
    root = scenes(tmp_path / "scenes", films=1)
    (root / "Sad/Film_0_000000000_00000001.png").rename(root / "Sad/face.png")
    with pytest.raises(InputError, match="no time stamp"):
        sfew.find(root)
    (root / "Sad/face.png").unlink()
    with pytest.raises(InputError, match="has no images of Sad"):
        sfew.find(root)


def test_a_film_ends_at_its_time_stamp_with_one_underscore_or_two():
    names = ("AlexEmma_000207880_00000018", "IAmSam_013827920__00000101", "Film_0_000000077-00000001")
    films = [sfew.film_of(Path(f"{name}.png")) for name in (*names, "IAmSam_013827920__00000055")]
    assert films == ["AlexEmma", "IAmSam", "Film_0", "IAmSam"]


def test_the_same_name_in_one_class_gets_a_longer_one(tmp_path):
    root = scenes(tmp_path / "scenes", films=1)
    cv2.imwrite(str(root / "Sad/Film_0_000000000_00000001.jpg"), np.zeros((48, 48, 3), np.uint8))
    names = [scene.clip_id for scene in sfew.find(root) if scene.emotion == "sad"]
    assert names == ["sad-Film_0_000000000_00000001.jpg", "sad-Film_0_000000000_00000001.png"]


def test_the_sets_come_from_lists_or_from_folders(tmp_path):
    root = scenes(tmp_path / "scenes", films=2)
    for part in (1, 2):
        names = [f"{name}/Film_{part - 1}_{10 * (part - 1):09d}_00000001" for name in CLASSES]
        (root / f"spi_{part}.txt").write_text("\n".join(names) + "\n")
    listed = {scene.clip_id: scene.split for scene in sfew.find(root)}
    assert sorted(listed.values()) == ["1"] * 7 + ["2"] * 7
    apart = tmp_path / "apart"
    for scene in sfew.find(root):
        path = apart / f"Set{scene.split}" / scene.source.relative_to(root)
        path.parent.mkdir(parents=True, exist_ok=True)
        scene.source.rename(path)
    assert {scene.clip_id: scene.split for scene in sfew.find(apart)} == listed


@pytest.mark.parametrize(
    ("second", "said"),
    [("Angry/nobody.png", "line 1 names Angry/nobody.png"), ("Sad/Film_0_000000000_00000001", "names too")],
)
def test_lists_that_do_not_fit_are_refused(tmp_path, second, said):
    root = scenes(tmp_path / "scenes", films=2)
    (root / "spi_1.txt").write_text("Sad/Film_0_000000000_00000001.png\n")
    with pytest.raises(InputError, match=r"spi_2\.txt: does not exist"):
        sfew.find(root)
    (root / "spi_2.txt").write_text(second + "\n")
    with pytest.raises(InputError, match=said):
        sfew.find(root)


def test_originals_are_in_the_order_of_the_manifest(tmp_path):
    manifest, *_ = written(scenes(tmp_path / "scenes", films=2))
    path = tmp_path / "originals.h5"
    crops.write_originals(tmp_path / "manifest.csv", path)
    with open_pixels(path, manifest) as images:
        assert images.shape == (14, 224, 224, 3)
        whole = crops.fitted(sfew.read_image(manifest["source"].iloc[9]))
        assert np.array_equal(images[9], whole)
    with pytest.raises(InputError, match="order"), open_pixels(path, manifest[::-1]):
        pass


def test_a_file_that_holds_no_images_is_refused(tmp_path):
    path = tmp_path / "originals.h5"
    with pytest.raises(ValueError, match="1 images for 70 rows"):
        write_rows(path, listing(), [np.zeros((224, 224, 3), np.uint8)])
    with pytest.raises(ValueError, match="71 images for 70 rows"):
        write_rows(path, listing(), [np.zeros((8, 8, 3), np.uint8)] * 71)
    with pytest.raises(ValueError, match="not uint8"):
        write_rows(path, listing(), [np.zeros((8, 8, 3))] * 70)
    assert not path.exists()
    path.write_bytes(b"nothing")
    with pytest.raises(InputError, match="damaged"), open_pixels(path, listing()):
        pass


def listing(films: int = 10, each: int = 7, synthetic: bool = True) -> pd.DataFrame:
    """A manifest of `each` images of each of `films`, the classes in turn."""
    rows = [
        {"clip_id": f"{film}-{k}", "emotion": list(sfew.NAMES)[k % 7], "group_id": f"film{film}", "split": ""}
        for film in range(films)
        for k in range(each)
    ]
    return pd.DataFrame(rows).assign(sha256=lambda t: t["clip_id"], synthetic=synthetic)


def test_random_folds_are_stratified_and_always_the_same():
    manifest = listing()
    made = folds.make(manifest, "random", 5, 20)
    assert pd.crosstab(made, manifest["emotion"]).to_numpy().tolist() == [[2] * 7] * 5
    assert np.array_equal(made, folds.make(manifest, "random", 5, 20))
    assert not np.array_equal(made, folds.make(manifest, "random", 5, 21))
    found = folds.summary(manifest, made, "random")
    assert found["leaky"] and found["films_on_two_sides"] == 10


def test_no_film_and_no_copy_stands_on_two_sides():
    manifest = listing()
    manifest.loc[0, "sha256"] = manifest.loc[69, "sha256"]  # films 0 and 9 share an image
    made = folds.make(manifest, "film", 5, 20)
    assert pd.Series(made).groupby(manifest["group_id"]).nunique().max() == 1
    assert made[0] == made[69] and len(set(made)) == 5
    made[3] = (made[3] + 1) % 5
    with pytest.raises(SplitError, match="film film0 is both learnt from and judged"):
        folds.check(manifest, made, "film")
    folds.check(manifest, made, "random")


def test_the_sets_of_the_publisher_and_those_drawn_by_film():
    manifest = listing()
    made = folds.make(manifest, "spi", 5, 20)
    assert set(made) == {0, 1} and pd.Series(made).groupby(manifest["group_id"]).nunique().max() == 1
    with pytest.raises(SplitError, match=r"spi_1\.txt"):
        folds.make(manifest.assign(synthetic=False), "spi", 5, 20)
    own = manifest.assign(split=["1", "2"] * 34 + ["", ""], synthetic=False)
    with pytest.raises(SplitError, match="film film0"):
        folds.make(own.assign(synthetic=True), "spi", 5, 20)
    made = folds.make(own, "spi", 5, 20)  # people are apart, whatever film they are in
    assert folds.summary(own, made, "spi")["films_on_two_sides"] == 10
    assert folds.summary(own, made, "spi")["left_out"] == 2
    own.loc[1, "sha256"] = own.loc[0, "sha256"]
    with pytest.raises(SplitError, match="exact copy"):
        folds.make(own, "spi", 5, 20)


def test_folds_are_read_as_they_were_written(tmp_path):
    root = scenes(tmp_path / "scenes")
    manifest, *_ = written(root)
    path = tmp_path / "folds.csv"
    folds.write(tmp_path / "manifest.csv", "film", 2, 20, path)
    assert np.array_equal(folds.read(path, manifest, "film"), folds.make(manifest, "film", 2, 20))
    with pytest.raises(InputError, match="order"):
        folds.read(path, manifest.iloc[::-1], "film")
    with pytest.raises(SplitError, match="fewer folds"):
        folds.make(manifest, "film", 5, 20)
