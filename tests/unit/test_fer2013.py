"""FER2013 as CSV, folders and tar file: what is read, and what is refused."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.datasets import fer2013, manifest, pixel_csv
from ferflow.datasets.image_sets import read_images
from ferflow.datasets.images import pixel_hash
from ferflow.errors import InputError, SettingError

IMAGES = np.random.default_rng(2).integers(0, 256, (9, 48, 48), np.uint8)
USAGES = ["Training"] * 7 + ["PublicTest", "PrivateTest"]
CODES = [0, 1, 2, 3, 4, 5, 6, 1, 4]
NAMES = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral", "disgust", "sad"]
REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "fer2013_images.tar.gz"


def write(path, rows, header="emotion,pixels,Usage"):
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def text(image) -> str:
    return " ".join(map(str, image.ravel()))


def row(number: int, pixels: str | None = None, emotion=None, usage=None) -> str:
    pixels = text(IMAGES[number]) if pixels is None else pixels
    emotion = CODES[number] if emotion is None else emotion
    return f"{emotion},{pixels},{usage or USAGES[number]}"


def rows() -> list[str]:
    return [row(i) for i in range(9)]


def png(image) -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()


FILES = {f"train/{NAMES[i]}/Training_{100 - i}.png": IMAGES[i] for i in range(7)} | {
    "test/disgust/PublicTest_9.png": IMAGES[7],
    "test/sad/PrivateTest_3.png": IMAGES[8],
}


def unpack(root, files=FILES):
    for name, image in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image if isinstance(image, bytes) else png(image))
    return root


def pack(path, files=FILES, mode="w:gz", prefix=""):
    with tarfile.open(path, mode) as archive:
        for folder in sorted({prefix + str(Path(name).parent) for name in files}):
            member = tarfile.TarInfo(folder)
            member.type = tarfile.DIRTYPE
            archive.addfile(member)
        for name, image in files.items():
            data = image if isinstance(image, bytes) else png(image)
            member = tarfile.TarInfo(prefix + name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def refused(path, *parts: str) -> str:
    with pytest.raises(InputError) as error:
        fer2013.read(path)
    message = str(error.value)
    assert "\n" not in message
    for part in parts:
        assert part in message
    return message


def test_kaggles_csv(tmp_path):
    path = write(tmp_path / "fer2013.csv", rows())
    images = fer2013.read(path)
    np.testing.assert_array_equal(images.pixels, IMAGES)
    assert images.pixels.dtype == np.uint8 and images.labels.dtype == np.int64
    assert [EMOTIONS_NEUTRAL[label] for label in images.labels] == NAMES == list(images.table["emotion"])
    assert list(images.table["split"]) == USAGES and images.splits == fer2013.USAGES
    assert list(images.table["clip_id"]) == [str(i) for i in range(9)]
    assert images.table["source"][8] == f"{path.as_posix()}:10"  # the header is line 1
    assert (images.table[["width", "height", "n_frames"]] == [48, 48, 1]).all().all()
    assert not images.synthetic and images.omitted.empty
    images.write_manifest(tmp_path / "manifest.csv")
    written = manifest.read(tmp_path / "manifest.csv")
    assert list(written["sha256"]) == [pixel_hash(image) for image in IMAGES]
    assert list(written["clip_id"]) == list(images.table["clip_id"])


def test_the_columns_of_icml_face_data(tmp_path):
    lines = [f'{CODES[i]}, {USAGES[i]}, "{text(IMAGES[i])}"'.replace(', "', ',"') for i in range(9)]
    images = fer2013.read(write(tmp_path / "icml_face_data.csv", lines, "emotion, Usage, pixels"))
    np.testing.assert_array_equal(images.pixels, IMAGES)
    assert list(images.table["emotion"]) == NAMES and list(images.table["split"]) == USAGES


def test_pixels_may_be_spaced_in_other_ways(tmp_path):
    lines = rows()
    lines[3] = row(3, pixels="  " + text(IMAGES[3]).replace(" ", "  ") + " ")
    lines[4] = row(4, pixels=" ".join(f"{value:03d}" for value in IMAGES[4].ravel()))
    np.testing.assert_array_equal(fer2013.read(write(tmp_path / "f.csv", lines)).pixels, IMAGES)


def test_many_rows_are_read_as_numpy_reads_them(tmp_path):
    """More rows than are parsed at once, with every number of digits in every place."""
    rng = np.random.default_rng(5)
    many = rng.integers(0, 256, (3 * pixel_csv.BATCH + 5, 48, 48)) >> rng.integers(0, 9, (1, 48, 48))
    lines = [f"{i % 7},{text(image)},Training" for i, image in enumerate(many)]
    images = fer2013.read(write(tmp_path / "f.csv", lines))
    np.testing.assert_array_equal(images.pixels, many)
    np.testing.assert_array_equal(images.labels, np.arange(len(many)) % 7)


def test_folder_and_tar_file_give_the_same(tmp_path):
    folder = fer2013.read(unpack(tmp_path / "folder"))
    # By part, then by file name: the training images were named downwards.
    order = [*sorted(range(7), key=lambda i: f"Training_{100 - i}"), 7, 8]
    np.testing.assert_array_equal(folder.pixels, IMAGES[order])
    assert list(folder.table["emotion"]) == [NAMES[i] for i in order]
    assert list(folder.table["split"]) == ["Training"] * 7 + ["PublicTest", "PrivateTest"]
    assert folder.table["clip_id"][7] == "PublicTest_9"
    plain = [column for column in folder.table if column != "source"]
    for name, mode, prefix in (
        ("a.tar.gz", "w:gz", ""),
        ("b.tar", "w", "./"),
        ("c.tar.xz", "w:xz", "fer2013/"),
        ("d.tar.bz2", "w:bz2", ""),
    ):
        tar = fer2013.read(pack(tmp_path / name, mode=mode, prefix=prefix))
        np.testing.assert_array_equal(tar.pixels, folder.pixels)
        assert tar.table[plain].equals(folder.table[plain])
        assert tar.table["source"][8].startswith((tmp_path / name).as_posix() + "/")
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "a.tar.gz",
        "b.tar",
        "c.tar.xz",
        "d.tar.bz2",
        "folder",
    ]


def test_a_folder_may_hold_the_csv_or_the_tar_file(tmp_path):
    (tmp_path / "csv").mkdir(), (tmp_path / "tar").mkdir()
    write(tmp_path / "csv" / "fer2013.csv", rows())
    pack(tmp_path / "tar" / "anything.tgz")
    assert list(fer2013.read(tmp_path / "csv").table["split"]) == USAGES
    assert len(read_images("fer2013", tmp_path / "tar")) == 9
    # Kaggle's own archive holds the CSV; what else is in it does not matter.
    inside = {
        "fer2013/README": b"text",
        "fer2013/fer2013.csv": write(tmp_path / "x.csv", rows()).read_bytes(),
    }
    packed = fer2013.read(pack(tmp_path / "fer2013.tar.gz", inside))
    np.testing.assert_array_equal(packed.pixels, IMAGES)
    assert packed.table["source"][0].endswith("fer2013.tar.gz/fer2013/fer2013.csv:2")
    pack(tmp_path / "tar" / "second.tar", mode="w")
    refused(tmp_path / "tar", "2 tar files (anything.tgz, second.tar)")


def test_test_images_without_a_part_in_their_names(tmp_path):
    files = {f"train/{NAMES[i]}/im0.png": IMAGES[i] for i in range(7)}
    files |= {"test/disgust/im0.png": IMAGES[7], "test/sad/im 7.png": IMAGES[8]}
    images = fer2013.read(unpack(tmp_path / "plain", files))
    assert images.splits == ("Training", "test") and len(images.part("test")) == 2
    ids = list(images.table["clip_id"])
    assert len(set(ids)) == 9 and "Training-im0-angry" in ids and "test-im_7" in ids
    with pytest.raises(InputError, match="has no part PrivateTest; fer2013 has here: Training, test"):
        images.part("PrivateTest")
    files["test/sad/PrivateTest_1.png"] = IMAGES[8]
    refused(unpack(tmp_path / "plain", files), "is not named PublicTest_… or PrivateTest_… as others are")


def test_two_images_of_one_name_get_their_class(tmp_path):
    """The real set has two such pairs."""
    files = {**FILES, "train/sad/Training_100.png": IMAGES[8]}
    table = fer2013.read(unpack(tmp_path, files)).table
    assert {"Training_100-angry", "Training_100-sad", "Training_99"} <= set(table["clip_id"])


def test_only_test_images_need_no_class_complete(tmp_path):
    write(tmp_path / "f.csv", [row(i, usage="PrivateTest") for i in range(7)])
    assert fer2013.read(tmp_path / "f.csv").splits == ("PrivateTest",)
    write(tmp_path / "f.csv", [row(i, usage="PrivateTest") for i in range(6)])
    refused(tmp_path / "f.csv", "has no image of the class neutral;")


def test_generated_images_are_called_synthetic(tmp_path):
    path = write(tmp_path / "f.csv", rows())
    (tmp_path / "SYNTHETIC.txt").write_text("generated")
    assert fer2013.read(path).synthetic and fer2013.read(path).table["synthetic"].all()
    assert fer2013.read(unpack(tmp_path / "folder")).synthetic


def test_parts_and_classes_of_a_set(tmp_path):
    images = fer2013.read(write(tmp_path / "f.csv", rows()))
    public = images.part("PublicTest")
    np.testing.assert_array_equal(public.pixels, IMAGES[7:8])
    assert public.table.index.tolist() == [0] and public.labels.tolist() == [1]
    some = images.only(["sad", "angry"])
    assert list(some.table["emotion"]) == ["angry", "sad", "sad"] and len(some.omitted) == 6
    assert set(some.omitted["reason"]) == {"not a class of sad, angry"}
    np.testing.assert_array_equal(images.rows(np.array([8, 0])).pixels, IMAGES[[8, 0]])


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (row(1, pixels=text(IMAGES[1])[: text(IMAGES[1]).rindex(" ")]), "2303 pixels, not 2304"),
        (row(1, pixels=" ".join(["256"] * 2304)), "a pixel is not within 0–255 but 256"),
        (row(1, pixels="300 " + " ".join(["7"] * 2303)), "a pixel is not within 0–255 but 300"),
        (row(1, pixels="1000 " + " ".join(["7"] * 2303)), "a pixel is not within 0–255 but 1000"),
        (row(1, pixels=" ".join(["-1"] * 2304)), "a pixel is not within 0–255 but -1"),
        (row(1, pixels="1 2 x" + " 3" * 2301), "a pixel is not a whole number"),
        (row(1, pixels="1 2 0.5" + " 3" * 2301), "a pixel is not a whole number"),
        (row(1, pixels="1 2 ³" + " 3" * 2301), "a pixel is not a whole number"),
        (row(1, pixels=""), "0 pixels, not 2304"),
        (row(1, emotion=9), "class '9' is not 0–6"),
        (row(1, emotion=-1), "class '-1' is not 0–6"),
        (row(1, usage="Test"), "usage 'Test' is not one of Training, PublicTest, PrivateTest"),
        ("1,2", "2 columns, not 3"),
    ],
)
def test_a_wrong_row_is_named_by_its_line(tmp_path, line, problem):
    lines = rows()
    lines[1] = line
    path = write(tmp_path / "f.csv", lines)
    refused(path, f"{path}: line 3: {problem}; take fer2013.csv as Kaggle gives it")


def test_wrong_csv_files_are_refused(tmp_path):
    path = tmp_path / "f.csv"
    refused(tmp_path / "none.csv", "does not exist")
    refused(write(path, [], "emotion,pixels"), "lacks the column Usage")
    refused(write(path, []), "holds no image")
    refused(
        write(path, [line for line in rows() if line[0] != "2"]), "no image of the class fear in Training"
    )
    path.write_bytes(b"")
    refused(path, "lacks the column emotion")
    path.write_bytes(bytes(range(256)) * 40)
    refused(path, "not a readable CSV")
    path.write_bytes(write(path, rows()).read_bytes()[:-20])  # cut in the middle of the last row
    refused(path, "line 10: ")
    path.rename(tmp_path / "f.zip")
    refused(tmp_path / "f.zip", "is no FER2013", "expected fer2013.csv")


def test_wrong_folders_are_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "is no folder of FER2013; expected fer2013.csv")
    (tmp_path / "bare" / "train").mkdir(parents=True)
    refused(tmp_path / "bare", "holds no image of FER2013")
    size = unpack(tmp_path / "size", {**FILES, "train/sad/Training_0.png": np.zeros((48, 50), np.uint8)})
    refused(size, f"{size}/train/sad/Training_0.png: is 50x48 pixels, not 48x48")
    lack = unpack(tmp_path / "lack", {k: v for k, v in FILES.items() if "fear" not in k})
    refused(lack, "has no image of the class fear in Training")
    (lack / "train" / "fear").mkdir()
    refused(lack, "train/fear: holds no image")
    more = unpack(tmp_path / "more", {**FILES, "train/contempt/Training_1.png": IMAGES[0]})
    refused(more, "train/contempt: is no class of FER2013; they are angry")
    moved = unpack(tmp_path / "moved", {**FILES, "train/sad/PublicTest_1.png": IMAGES[0]})
    refused(moved, "is of PublicTest by its name, not of train")
    broken = unpack(tmp_path / "broken", {**FILES, "train/sad/Training_1.jpg": b"no image"})
    refused(broken, "Training_1.jpg: is not an image that can be read")
    half = cv2.imencode(".jpg", IMAGES[0])[1].tobytes()[:-100]
    refused(unpack(tmp_path / "half", {**FILES, "train/sad/Training_1.jpg": half}), "Training_1.jpg: is ")


def test_hidden_and_other_files_are_passed_over(tmp_path):
    unpack(tmp_path, FILES | {"train/sad/._Training_1.png": b"mac", "train/sad/Thumbs.db": b"windows"})
    (tmp_path / ".git" / "x").mkdir(parents=True)
    assert len(fer2013.read(tmp_path)) == 9


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz"])
def test_a_tar_file_cut_anywhere_is_refused(tmp_path, name):
    whole = pack(tmp_path / name, mode="w" if name == "a.tar" else "w:gz").read_bytes()
    cut = tmp_path / ("cut-" + name)
    # The end of a plain tar file is zeros, of which one block says enough that it ended.
    last = len(whole.rstrip(b"\0")) if name == "a.tar" else len(whole) - 200
    places = sorted({100, *np.linspace(600, last, 12).astype(int).tolist()})
    for place in places:
        cut.write_bytes(whole[:place])
        refused(cut, "is cut off", "copy or download it again")


def test_a_tar_file_cut_between_two_members_is_refused(tmp_path):
    path = pack(tmp_path / "a.tar", mode="w")
    with tarfile.open(path) as archive:
        places = [member.offset for member in archive.getmembers()]
    whole = path.read_bytes()
    for place in places[1:]:
        path.write_bytes(whole[:place])
        refused(path, "is cut off or damaged after")
        (tmp_path / "a.tar.gz").write_bytes(gzip.compress(whole[:place]))
        refused(tmp_path / "a.tar.gz", "is cut off or damaged after")


def test_wrong_tar_files_are_refused(tmp_path):
    path = tmp_path / "a.tar.gz"
    path.write_bytes(b"not a tar file at all" * 100)
    refused(path, "is cut off or damaged after its beginning")
    refused(pack(path, {"notes.txt": b"x"}), "holds no image of FER2013")
    refused(pack(path, {**FILES, "extra/im.png": IMAGES[0]}), "extra/im.png: lies in no folder of FER2013")
    wide = {**FILES, "test/sad/PrivateTest_4.png": np.zeros((48, 50), np.uint8)}
    refused(pack(path, wide), "a.tar.gz/test/sad/PrivateTest_4.png: is 50x48 pixels, not 48x48")
    bad = write(tmp_path / "x.csv", [*rows()[:-1], row(8, emotion=9)]).read_bytes()
    refused(pack(path, {"fer2013.csv": bad}), "a.tar.gz/fer2013.csv: line 10: class '9' is not 0–6")


def test_unknown_sets_are_refused():
    with pytest.raises(SettingError, match="'fer' is no set of images; choose from fer2013, ferplus"):
        read_images("fer", "anywhere")


@pytest.fixture(scope="module")
def real():
    if not REAL.is_file():
        pytest.skip(f"needs FER2013 itself at {REAL}")
    return fer2013.read(REAL)


def test_the_real_set(real):
    assert real.pixels.shape == (35887, 48, 48)
    assert [len(real.part(part)) for part in fer2013.USAGES] == [28709, 3589, 3589]
    first = real.table.drop_duplicates("sha256")
    assert len(real) - len(first) == 1853  # the data-centric paper's number of duplicates
    groups = real.table.groupby("sha256").agg({"emotion": "nunique", "split": "nunique"})
    assert (groups["emotion"] > 1).sum() == 57 and (groups["split"] > 1).sum() == 557


def test_the_real_set_has_the_papers_counts(real, tmp_path, small_settings):
    from ferflow import tables
    from ferflow.report import image_counts

    real.write_manifest(tmp_path / "manifest.csv")
    own, out = small_settings({"kind": "images"}), tmp_path / "counts.csv"
    folders, sequences = own.images.folders, own.images.sequences
    image_counts.write(tmp_path / "manifest.csv", folders, sequences, own.stills, out)
    table = tables.read(out, "image_counts")
    ours = table[table["dataset"] == "FER2013"]
    assert len(ours) == 8 + 3 * 8 and (ours["difference"] == 0).all()
    assert set(ours["source"]) == {"compact, Figure 4", "thesis, Table 3.3"}
