"""Images without official parts: who is on which side, and what is said of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ferflow import layout, tables
from ferflow.classes import EMOTIONS_CONTEMPT, EMOTIONS_NEUTRAL
from ferflow.datasets import kdef
from ferflow.datasets.images import assemble, write_pixels
from ferflow.errors import InputError, SettingError
from ferflow.report import image_counts, image_tables
from ferflow.settings import Sequences, Stills, SubjectParts, check
from ferflow.training import stills

WOMEN, MEN = [f"F{n:02d}" for n in range(1, 21)], [f"M{n:02d}" for n in range(1, 11)]


def images(root, subjects=(*WOMEN, *MEN), emotions=EMOTIONS_NEUTRAL, odd=()):
    """An image of each of `emotions` of each subject; those of `odd` have the first class alone."""
    shown = [(s, e) for s in subjects for e in (emotions[:1] if s in odd else emotions)]
    columns = {
        "clip_id": [f"{s}{e}" for s, e in shown],
        "subject_id": [s for s, _ in shown],
        "sex": ["female" if "F" in s else "male" for s, _ in shown],
        "emotion": [e for _, e in shown],
        "source": [f"{s}{e}.jpg" for s, e in shown],
    }
    pixels = np.random.default_rng(1).integers(0, 256, (len(shown), 8, 8), np.uint8)
    return assemble("kdef", root, pixels, columns)


def sides(parted):
    return {side: set(own["subject_id"]) for side, own in parted.table.groupby("split")}


def test_nobody_is_in_two_parts_and_the_seed_says_who_is_where(tmp_path):
    parted = stills.by_subject(images(tmp_path), SubjectParts(watched=0.2, judged=0.1), 20)
    people = sides(parted)
    assert sum(map(len, people.values())) == len(set.union(*people.values())) == 30
    assert {side: (len(own & set(WOMEN)), len(own & set(MEN))) for side, own in people.items()} == {
        "Training": (14, 7),
        "PublicTest": (4, 2),
        "PrivateTest": (2, 1),
    }
    assert people == sides(stills.by_subject(images(tmp_path), SubjectParts(watched=0.2, judged=0.1), 20))
    assert people != sides(stills.by_subject(images(tmp_path), SubjectParts(watched=0.2, judged=0.1), 21))


def test_averages_and_other_classes_are_left_out(tmp_path):
    whole = images(tmp_path, (*WOMEN, *MEN, f"{kdef.AVERAGE}F"), EMOTIONS_CONTEMPT).only(EMOTIONS_NEUTRAL)
    parted = stills.by_subject(whole, SubjectParts(), 20)
    assert len(parted) == 30 * 7 and kdef.AVERAGE not in "".join(parted.table["subject_id"])
    assert set(parted.labels) == set(range(7))
    assert len(parted.omitted) == 31 + 7


def test_what_cannot_be_parted_is_refused(tmp_path):
    nobody = images(tmp_path, ("",))
    with pytest.raises(InputError, match="does not say who is shown"):
        stills.by_subject(nobody, SubjectParts(), 20)
    with pytest.raises(InputError, match="has no image of the class disgust among"):
        stills.by_subject(images(tmp_path, odd=(*WOMEN, *MEN)), SubjectParts(), 20)
    with pytest.raises(SettingError, match="none are left"):
        check({"kind": "images", "stills": {"source": "kdef", "parts": {"watched": 0.5, "judged": 0.5}}})
    with pytest.raises(SettingError, match="needs FER2013's parts"):
        check({"kind": "images", "stills": {"source": "kdef"}, "datacentric": {"studied": True}})


def test_a_network_learns_from_what_was_unpacked(tmp_path):
    parted = stills.by_subject(images(tmp_path), SubjectParts(), 20)
    parted.write_manifest(tmp_path / "manifest.csv")
    write_pixels(parted, tmp_path / "images.h5")
    read = stills.read(tmp_path / "images.h5", "honest")
    assert layout.POOL.endswith("/images.h5") and layout.MANIFEST.endswith("/manifest.csv")
    for side, people in sides(parted).items():
        assert set(read.listed[side]["subject_id"]) == people
        assert len(read.parts[side].labels) == 7 * len(people)


def test_tables_say_by_subject(tmp_path):
    for subject in ("F01", "F02"):
        for session in "AB":
            path = tmp_path / "kdef" / f"{session}{subject}ANS.JPG"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"only its name counts")
    stills.by_subject(images(tmp_path), SubjectParts(), 20).write_manifest(tmp_path / "manifest.csv")
    own = Stills(source="kdef", path=str(tmp_path / "kdef"))
    folders = {"ckplus": None, "jaffe": None, "kdef": None}
    image_counts.write(tmp_path / "manifest.csv", folders, Sequences(), own, tmp_path / "counts.csv")
    counted = tables.read(tmp_path / "counts.csv", "image_counts").set_index(["dataset", "split", "emotion"])
    assert counted.loc[("KDEF+AKDEF", "", "angry"), "ours"].item() == 4  # of the pictures, faces or not
    assert counted.loc[("KDEF+AKDEF", "training subjects", "total"), "ours"].item() == 21 * 7
    assert "faces of 21 subjects" in counted.loc[("KDEF+AKDEF", "training subjects", "total"), "note"]
    assert counted.loc["FER2013"]["ours"].isna().all()
    noted = pd.DataFrame({"note": ["", "average of a, b; parts by subject"]})
    assert image_tables.protocols(noted)["test"] == "test subjects, all images"
    assert image_tables.protocols(noted[:1]) is image_tables.PROTOCOLS
