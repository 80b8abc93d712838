"""FER+, CK+, JAFFE and KDEF: every layout, the crops of whole pictures, and the counts beside the papers'."""

from __future__ import annotations

import shutil

import cv2
import numpy as np
import pytest

from ferflow import tables
from ferflow.classes import EMOTIONS_CONTEMPT
from ferflow.datasets import ckplus, fer2013, ferplus, jaffe, kdef, manifest
from ferflow.datasets.crops import NO_FACE, Crops
from ferflow.datasets.image_sets import count, read_images
from ferflow.datasets.images import pixel_hash
from ferflow.errors import InputError, SettingError
from ferflow.faces import store
from ferflow.faces.stream import FaceStream
from ferflow.faces.video import read_image
from ferflow.report import image_counts
from ferflow.settings import Sequences, Stills

RNG = np.random.default_rng(4)
SMALL = RNG.integers(0, 256, (12, 48, 48), np.uint8)
PEAK, WITH_NEUTRAL = Sequences(peak=3, neutral=False), Sequences(peak=2, neutral=True)


def save(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image if image.ndim == 2 else image[..., ::-1])
    return path


def touch(root, *names):
    """Pictures of which only the names count."""
    for name in names:
        save(root / name, np.zeros((4, 4), np.uint8))
    return root


def refused(call, *parts, error=InputError):
    with pytest.raises(error) as raised:
        call()
    message = str(raised.value)
    assert "\n" not in message and all(part in message for part in parts), message


@pytest.fixture(scope="module")
def face(weights_folder):
    """A rendered face of 320×240, RGB."""
    from ferflow.datasets.synth4d import facemodel, identity
    from ferflow.datasets.synth4d.render import Renderer

    model = facemodel.load(weights_folder)
    person = identity.draw(model, "female", np.random.default_rng(1))
    still = np.zeros(len(model.names))
    rendered = Renderer(model, person, 240, 320)
    return rendered.frame(still, np.zeros(3), np.zeros(2), np.zeros_like(still), person.light)


@pytest.fixture(scope="module")
def crops(weights_folder, small_settings):
    return Crops(weights_folder, small_settings().faces)


# FER+ ------------------------------------------------------------------------------------------------------

VOTES = {
    # neutral happiness surprise sadness anger disgust fear contempt unknown NF
    "4,0,0,1,3,2,0,0,0,0": None,  # 4 of the 9 left when the single vote is out: no majority
    "6,0,0,1,1,1,0,1,0,0": "neutral",
    "5,0,0,5,0,0,0,0,0,0": None,  # half is not more than half
    "1,0,0,0,0,0,1,5,1,2": "contempt",
    "0,3,0,1,1,1,1,1,1,1": "happy",  # the only choice with two votes or more
    "0,0,4,1,0,0,3,1,1,0": "surprise",
    "2,0,0,0,2,0,0,0,6,0": None,  # unknown
    "0,0,0,0,0,0,0,0,0,10": None,  # not a face
    "1,1,1,1,1,1,1,1,1,1": None,
    "0,0,0,2,1,0,0,0,1,1": "sad",
    "0,0,0,0,0,9,0,0,1,0": "disgust",
    "0,0,0,0,7,0,3,0,0,0": "angry",
}


def ferplus_folder(root, votes=VOTES, usages=None):
    root.mkdir(exist_ok=True)
    usages = usages or ["Training"] * (len(VOTES) - 2) + ["PublicTest", "PrivateTest"]
    lines = ["emotion,pixels,Usage"] + [
        f"{i % 7},{' '.join(map(str, SMALL[i].ravel()))},{usage}" for i, usage in enumerate(usages)
    ]
    (root / "fer2013.csv").write_text("\n".join(lines) + "\n")
    head = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
    # The published file names no image where all say NF, and its numbers are not those of the rows.
    names = ["" if line.endswith(",10") else f"fer{2 * i:07d}.png" for i, line in enumerate(votes)]
    rows = [f"{u},{n},{line}" for u, n, line in zip(usages, names, votes, strict=False)]
    (root / "fer2013new.csv").write_text("\n".join([head, *rows]) + "\n")
    return root


def test_ferplus(tmp_path):
    images = read_images("ferplus", ferplus_folder(tmp_path / "f"))
    kept = [i for i, emotion in enumerate(VOTES.values()) if emotion]
    assert list(images.table["emotion"]) == [emotion for emotion in VOTES.values() if emotion]
    assert list(images.table["clip_id"]) == [str(i) for i in kept]
    np.testing.assert_array_equal(images.pixels, SMALL[kept])
    assert images.labels.tolist() == [EMOTIONS_CONTEMPT.index(e) for e in images.table["emotion"]]
    assert images.labels.max() == 7 and images.splits == fer2013.USAGES
    assert images.table["votes_contempt"].tolist()[:2] == [1, 5] and images.table["votes_nf"][1] == 2
    reasons = images.omitted.set_index("clip_id")["reason"]
    assert reasons["7"] == "FER+: not a face" and reasons["6"] == "FER+: unknown"
    assert set(reasons[["0", "2", "8"]]) == {"FER+: no majority"} and len(reasons) == 5
    images.write_manifest(tmp_path / "manifest.csv")
    assert (
        manifest.read(tmp_path / "manifest.csv")["votes_disgust"].tolist()
        == images.table["votes_disgust"].tolist()
    )
    seven = images.only(EMOTIONS_CONTEMPT[:7])
    assert "contempt" not in set(seven.table["emotion"]) and len(seven.omitted) == 6


def test_the_majority_rule_is_that_of_its_authors():
    """Against the rule written as in the paper, a row at a time, on random votes."""
    rng = np.random.default_rng(0)
    votes = rng.multinomial(10, rng.dirichlet(np.full(10, 0.4), 3000).mean(0), 3000)
    votes = np.concatenate([votes, rng.multinomial(10, np.r_[np.full(3, 0.3), np.full(7, 0.1 / 7)], 3000)])
    expected = []
    for row in votes:
        left = [0 if n == 1 else n for n in row]
        most = max(left)
        expected.append(left.index(most) if most > 0.5 * sum(left) else -1)
    np.testing.assert_array_equal(ferplus.majority(votes), expected)
    assert 0.1 < np.mean(np.array(expected) < 0) < 0.9


def test_ferplus_must_fit_the_csv(tmp_path):
    root = ferplus_folder(tmp_path / "f")
    votes = root / "fer2013new.csv"
    lines = votes.read_text().splitlines()

    def with_lines(new):
        votes.write_text("\n".join(new) + "\n")
        return lambda: ferplus.read(root)

    refused(with_lines(lines[:-1]), "fer2013new.csv: has 11 rows", "fer2013.csv has 12")
    moved = [lines[0], lines[1].replace("Training", "PublicTest"), *lines[2:]]
    refused(with_lines(moved), "line 2: Usage is not that of")
    refused(with_lines([lines[0].replace("fear", "angst"), *lines[1:]]), "lacks the column fear")
    refused(with_lines([*lines[:3], lines[3].replace("5", "11", 1), *lines[4:]]), "line 4", "above 10")
    votes.rename(tmp_path / "elsewhere.csv")
    refused(lambda: ferplus.read(root), "fer2013new.csv: does not exist")
    votes_there = tmp_path / "elsewhere.csv"
    votes_there.write_text("\n".join(lines) + "\n")
    assert len(read_images("ferplus", root / "fer2013.csv", votes=votes_there)) == 7
    refused(lambda: ferplus.read(tmp_path), "holds no CSV of FER2013")
    (tmp_path / "fer.tar").write_bytes(b"")
    refused(lambda: ferplus.read(tmp_path / "fer.tar"), "follows the rows of fer2013.csv")


# CK+ -------------------------------------------------------------------------------------------------------

CODES = {1: "angry", 2: "contempt", 3: "disgust", 4: "fear", 5: "happy", 6: "sad", 7: "surprise"}


def ck_sequences(root, picture=None):
    """S005's seven sequences of four frames, one to an emotion, and one of S010 without."""
    for code in [*CODES, None]:
        subject, sequence = ("S005", f"{code:03d}") if code else ("S010", "001")
        for frame in range(1, 5):
            name = f"{subject}_{sequence}_{frame:08d}.png"
            image = picture if picture is not None else np.full((8, 9), 10 * frame + (code or 0), np.uint8)
            save(root / "cohn-kanade-images" / subject / sequence / name, image)
        if code:
            label = root / "Emotion" / subject / sequence / f"{subject}_{sequence}_00000004_emotion.txt"
            label.parent.mkdir(parents=True)
            label.write_text(f"   {code}.0000000e+00\n")
    return root


def test_ckplus_sequences(tmp_path):
    root = ck_sequences(tmp_path / "ck")
    listed, omitted = ckplus.find(root, PEAK)
    assert [clip.emotion for clip in listed] == [emotion for emotion in CODES.values() for _ in range(3)]
    assert [clip.clip_id for clip in listed[:3]] == [f"S005_001_0000000{n}" for n in (2, 3, 4)]
    assert {clip.subject_id for clip in listed} == {"S005"} and {clip.split for clip in listed} == {""}
    assert omitted.to_dict("records") == [
        {
            "clip_id": "S010_001",
            "source": (root / "cohn-kanade-images/S010/001").as_posix(),
            "emotion": "",
            "reason": "its sequence has no emotion file",
        }
    ]
    listed, _ = ckplus.find(root, WITH_NEUTRAL)
    assert [(clip.clip_id[-1], clip.emotion) for clip in listed[:3]] == [
        ("1", "neutral"),
        ("3", "angry"),
        ("4", "angry"),
    ]


def test_wrong_ckplus_sequences_are_refused(tmp_path):
    root = ck_sequences(tmp_path / "ck")
    label = root / "Emotion" / "S005" / "001" / "S005_001_00000004_emotion.txt"
    for text in ("8", "", "happy", "1 2", "2.5", "-1"):
        label.write_text(text)
        refused(lambda: ckplus.find(root, PEAK), label.as_posix(), "not one number of 0–7")
    label.write_text("1")
    extra = label.with_name("S005_001_00000003_emotion.txt")
    extra.write_text("1")
    refused(lambda: ckplus.find(root, PEAK), "is the second emotion file of S005_001")
    extra.unlink()
    refused(lambda: ckplus.find(root, Sequences(peak=4, neutral=True)), "holds 4 frames, 5 are needed")
    folder = root / "cohn-kanade-images" / "S005" / "001"
    save(folder / "S005_002_00000009.png", SMALL[0])
    refused(lambda: ckplus.find(root, PEAK), "is no frame of S005_001 by its name")
    shutil.rmtree(folder)
    refused(lambda: ckplus.find(root, PEAK), "S005/001: is missing, but has an emotion file")
    shutil.rmtree(root / "Emotion")
    refused(lambda: ckplus.find(root, PEAK), "Emotion: is not a folder")
    refused(lambda: read_images("ckplus", root), "holds sequences", error=SettingError)


def test_ckplus_csv(tmp_path):
    names = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral", "contempt"]
    rows = [f"{i},{' '.join(map(str, SMALL[i].ravel()))},Training" for i in range(8)]
    path = tmp_path / "ckextended.csv"
    path.write_text("\n".join(["emotion,pixels,Usage", *rows]) + "\n")
    for root in (path, tmp_path):
        images = read_images("ckplus", root)
        assert list(images.table["emotion"]) == names and images.name == "ckplus"
        np.testing.assert_array_equal(images.pixels, SMALL[:8])
    path.write_text("\n".join(["emotion,pixels,Usage", rows[0].replace("0,", "8,", 1)]))
    refused(lambda: ckplus.read(path), "ckextended.csv: line 2: class '8' is not 0–7")


def test_ckplus_folders_of_faces(tmp_path):
    folders = ["anger", "contempt", "disgust", "fear", "happy", "sadness", "surprise"]
    for number, folder in enumerate(folders):
        save(tmp_path / folder / f"S0{10 + number}_004_00000017.png", SMALL[number])
    images = read_images("ckplus", tmp_path)
    assert list(images.table["emotion"]) == list(CODES.values())
    assert images.table["subject_id"].tolist() == [f"S0{10 + n}" for n in range(7)]
    np.testing.assert_array_equal(images.pixels, SMALL[:7])
    save(tmp_path / "fear" / "small.png", np.zeros((48, 50), np.uint8))
    refused(lambda: ckplus.read(tmp_path), "fear/small.png: is 50x48 pixels, not 48x48")
    (tmp_path / "fear" / "small.png").unlink()
    (tmp_path / "neutral").mkdir()
    refused(lambda: ckplus.read(tmp_path), "neutral: holds no image")
    (tmp_path / "neutral").rename(tmp_path / "bored")
    refused(lambda: ckplus.read(tmp_path), "bored: is no class of CK+")
    (tmp_path / "none").mkdir()
    refused(lambda: ckplus.read(tmp_path / "none"), "is no folder of CK+")
    refused(lambda: ckplus.read(tmp_path / "nowhere"), "does not exist")
    (tmp_path / "x.txt").write_text("")
    refused(lambda: ckplus.read(tmp_path / "x.txt"), "is no CK+")


# JAFFE and KDEF --------------------------------------------------------------------------------------------


def test_jaffe_names(tmp_path):
    touch(tmp_path, "KA.HA1.29.tiff", "KA.AN1.9.tiff", "sub/YM.SU3.60.tiff", "KL.NE2.156.png")
    (tmp_path / "README").write_text("x")
    listed = jaffe.find(tmp_path)
    assert [(c.clip_id, c.subject_id, c.sex, c.emotion) for c in listed] == [
        ("KA.AN1.9", "KA", "female", "angry"),
        ("KA.HA1.29", "KA", "female", "happy"),
        ("KL.NE2.156", "KL", "female", "neutral"),
        ("YM.SU3.60", "YM", "female", "surprise"),
    ]
    refused(lambda: jaffe.find(touch(tmp_path, "KA.XX1.30.tiff")), "XX is no class of JAFFE")
    (tmp_path / "KA.XX1.30.tiff").unlink()
    refused(lambda: jaffe.find(touch(tmp_path, "a/face1.png")), "a/face1.png: is not named as JAFFE's")
    refused(lambda: jaffe.find(tmp_path / "nowhere"), "is not a folder")
    (tmp_path / "empty").mkdir()
    refused(lambda: jaffe.find(tmp_path / "empty"), "holds no picture")


def test_kdef_names(tmp_path):
    touch(tmp_path, "KDEF/AF01/AF01ANFL.JPG", "KDEF/BM35/BM35AFS.JPG", "AKDEF/FAFFL.JPG", "AKDEF/MHAS.JPG")
    touch(tmp_path, "KDEF/AF31/AF31V.JPG", "KDEF/AM31/AM31H.JPG")  # published under these names
    listed = kdef.find(tmp_path)
    assert [(c.clip_id, c.subject_id, c.sex, c.emotion) for c in listed] == [
        ("AF01ANFL", "F01", "female", "angry"),
        ("AF31SAHL", "F31", "female", "sad"),
        ("AM31SUHR", "M31", "male", "surprise"),
        ("BM35AFS", "M35", "male", "fear"),
        ("FAFFL", "AKDEF-F", "female", "fear"),
        ("MHAS", "AKDEF-M", "male", "happy"),
    ]
    assert [kdef.is_average(clip) for clip in listed] == [False] * 4 + [True] * 2
    for name, problem in (
        ("AF01XXFL.JPG", "XX is no class of KDEF"),
        ("AF01ANXL.JPG", "XL is no angle of KDEF"),
        ("CF01ANFL.JPG", "is not named as KDEF's pictures are"),
        ("FANQ.JPG", "Q is no angle of KDEF"),
    ):
        path = tmp_path / name
        refused(lambda name=name: kdef.find(touch(tmp_path, name)), problem)
        path.unlink()
    refused(lambda: kdef.find(tmp_path / "nowhere"), "is not a folder")
    refused(lambda: read_images("kdef", tmp_path), "holds whole pictures", error=SettingError)


# Crops -----------------------------------------------------------------------------------------------------


def test_crops_are_those_of_the_faces_step(tmp_path, face, crops):
    empty = np.full_like(face, 90)
    for name, picture in (("KA.AN1.39", face), ("KA.NE1.2", empty), ("KL.SA1.5", face[:, ::-1])):
        save(tmp_path / "jaffe" / f"{name}.tiff", picture)
    images = read_images("jaffe", tmp_path / "jaffe", crops=crops)
    assert list(images.table["clip_id"]) == ["KA.AN1.39", "KL.SA1.5"]
    size = crops.settings.size
    assert images.pixels.shape == (2, size, size, 3) and images.pixels.dtype == np.uint8
    expected = FaceStream(crops.weights_folder, crops.settings).step(face)
    np.testing.assert_array_equal(images.pixels[0], expected.crop)
    assert images.table["sha256"][0] == pixel_hash(face) and images.table["height"][0] == 320
    assert images.omitted[["clip_id", "emotion", "reason"]].values.tolist() == [
        ["KA.NE1.2", "neutral", NO_FACE]
    ]

    # The same from the files of the faces step, which keeps pictures without a face.
    pattern = str(tmp_path / "faces" / "{subject}.h5")
    listed = jaffe.find(tmp_path / "jaffe")
    for subject in ("KA", "KL"):
        mine = [clip for clip in listed if clip.subject_id == subject]
        rows = clips_table(mine)
        store.write_subject(rows, pattern.format(subject=subject), crops.weights_folder, crops.settings)
    stored = Crops(crops.weights_folder, crops.settings, pattern)
    again = read_images("jaffe", tmp_path / "jaffe", crops=stored)
    np.testing.assert_array_equal(again.pixels, images.pixels)
    assert again.table.equals(images.table) and again.omitted.equals(images.omitted)

    # A picture that came after the step is listed as one that is not in its file.
    save(tmp_path / "jaffe" / "KL.SU1.6.tiff", face)
    later = read_images("jaffe", tmp_path / "jaffe", crops=stored)
    assert later.omitted["reason"].iloc[-1] == f"is not in {pattern.format(subject='KL')}"
    shutil.rmtree(tmp_path / "faces")
    refused(lambda: read_images("jaffe", tmp_path / "jaffe", crops=stored), "KA.h5: does not exist")


def clips_table(listed):
    import pandas as pd

    return pd.DataFrame(
        {"clip_id": [c.clip_id for c in listed], "source": [c.source.as_posix() for c in listed]}
    )


def test_sequences_and_kdef_are_cropped(tmp_path, face, crops):
    root = ck_sequences(tmp_path / "ck", picture=face)
    images = read_images("ckplus", root, sequences=Sequences(peak=1, neutral=False), crops=crops)
    assert list(images.table["emotion"]) == list(CODES.values())
    assert len(np.unique(images.table["sha256"])) == 1  # all show the same picture
    assert (images.pixels == images.pixels[0]).all()
    assert images.omitted["clip_id"].tolist() == ["S010_001"]
    images.write_manifest(tmp_path / "manifest.csv")
    assert set(manifest.read(tmp_path / "manifest.csv")["subject_id"]) == {"S005"}
    save(tmp_path / "kdef" / "AF01ANS.JPG", face)
    posed = read_images("kdef", tmp_path / "kdef", crops=crops)
    assert posed.table["sha256"][0] == pixel_hash(read_image(tmp_path / "kdef" / "AF01ANS.JPG"))
    save(tmp_path / "kdef" / "AF01ANS.JPG", np.zeros_like(face))
    refused(lambda: read_images("kdef", tmp_path / "kdef", crops=crops), "has no image with a face", NO_FACE)


# Counts ----------------------------------------------------------------------------------------------------


@pytest.fixture
def fer_manifest(tmp_path):
    rows = [
        f"{i % 7},{' '.join(map(str, SMALL[i].ravel()))},{'Training' if i < 9 else 'PublicTest'}"
        for i in range(12)
    ]
    path = tmp_path / "stills" / "fer2013.csv"
    path.parent.mkdir()
    path.write_text("\n".join(["emotion,pixels,Usage", *rows]) + "\n")
    fer2013.read(path).write_manifest(tmp_path / "manifest.csv")
    return tmp_path / "manifest.csv"


def counted(fer_manifest, out, **folders):
    folders = {"ckplus": None, "jaffe": None, "kdef": None} | folders
    image_counts.write(fer_manifest, folders, PEAK, Stills(), out)
    return tables.read(out, "image_counts")


def test_counts_without_copies_keep_every_published_number(fer_manifest, tmp_path):
    table = counted(fer_manifest, tmp_path / "out.csv", jaffe=str(tmp_path / "jaffe"))
    by = table.set_index(["dataset", "split", "emotion"])
    assert by.loc[("FER2013", "", "total"), ["published", "ours", "difference"]].tolist() == [
        35887,
        12,
        12 - 35887,
    ]
    assert by.loc[("FER2013", "Training", "sad"), ["published", "ours"]].tolist() == [4830, 1]
    assert by.loc[("FER2013", "Training", "angry"), "ours"] == 2
    assert by.loc[("FER2013", "Training", "total"), "published"] == 28709
    private = by.loc[("FER2013", "PrivateTest", "total")]
    assert np.isnan(private["ours"]) and "does not say which images are of PrivateTest" in private["note"]
    ck = by.loc[("CK+", "", "contempt")]
    assert ck["published"] == 54 and "the paper heads it neutral" in ck["note"]
    assert "images.folders.ckplus names no folder" in ck["note"]
    assert ("CK+", "", "neutral") not in by.index
    fear = by.loc[("JAFFE", "", "fear")]
    assert fear["published"] == 31 and np.isnan(fear["ours"])
    assert fear["note"] == f"no copy at {tmp_path / 'jaffe'}; the paper's text says 33"
    # The 32 numbers of Figure 4 and the 21 of Table 3.3, with the three totals that the thesis leaves out;
    # the classes of each column add up to its total.
    assert table["published"].notna().sum() == 32 + 21 + 3
    assert table["published"].sum() == 2 * (35887 + 981 + 213 + 4970) + 2 * 35887


def test_counts_of_the_other_sets(fer_manifest, tmp_path):
    ck_sequences(tmp_path / "ck")
    touch(tmp_path / "jaffe", "KA.FE1.1.tiff", "KA.FE2.2.tiff")
    touch(tmp_path / "kdef", "AF01ANS.JPG", "AF01ANFL.JPG", "FANS.JPG")
    table = counted(
        fer_manifest,
        tmp_path / "out.csv",
        ckplus=str(tmp_path / "ck"),
        jaffe=str(tmp_path / "jaffe"),
        kdef=str(tmp_path / "kdef"),
    )
    by = table.set_index(["dataset", "split", "emotion"])
    assert by.loc[("CK+", "", "contempt"), ["ours", "difference"]].tolist() == [3, -51]
    assert by.loc[("CK+", "", "total"), "ours"] == 21
    assert "the last 3 frames of each sequence" in by.loc[("CK+", "", "total"), "note"]
    assert by.loc[("JAFFE", "", "fear"), "ours"] == 2
    assert by.loc[("KDEF+AKDEF", "", "angry"), ["published", "ours"]].tolist() == [710, 3]
    assert by.loc[("KDEF+AKDEF", "", "total"), "note"] == "2 of KDEF, 1 of AKDEF"
    found = count("ckplus", tmp_path / "ck", WITH_NEUTRAL)
    assert found.images["neutral"] == 7 and found.total == 21 and "first as neutral" in found.form


def test_counts_of_generated_images_are_not_compared(fer_manifest, tmp_path):
    (tmp_path / "stills" / "SYNTHETIC.txt").write_text("generated")
    fer2013.read(tmp_path / "stills" / "fer2013.csv").write_manifest(fer_manifest)
    table = counted(fer_manifest, tmp_path / "out.csv")
    ours = table[(table["dataset"] == "FER2013") & table["ours"].notna()]
    assert ours["synthetic"].all() and ours["difference"].isna().all()
    assert ours["note"].str.contains("synthetic data: not comparable").all()
    assert not table.loc[table["dataset"] == "JAFFE", "synthetic"].any()
