"""The embedded set `affect`: AffectNet's layout, its long tail, and valence that follows the action units."""

from __future__ import annotations

import numpy as np
import pytest

from ferflow import tables
from ferflow.datasets.affectnet import CLASSES, write_manifest
from ferflow.datasets.synth4d import affect, facemodel
from ferflow.datasets.synth4d.circumplex import CONTEMPT, PLACES, Circumplex
from ferflow.datasets.synth4d.expression import EMFACS
from ferflow.errors import InputError

SEED = 20
SMALL = {"subjects": (2, 1), "train": 12, "validation_per_class": 1, "size": 48, "other_codes": 1,
         "unknown_share": 0.3}  # fmt: skip


@pytest.fixture(scope="module")
def chosen(small_settings):
    return small_settings({"kind": "affect", "affect": {"synthetic": SMALL}})


@pytest.fixture(scope="module")
def rendered(tmp_path_factory, weights_folder, chosen):
    folder = tmp_path_factory.mktemp("affect") / "set"
    affect.write(folder, weights_folder, chosen.affect.synthetic, chosen.synth4d, SEED)
    return folder


def test_the_set_is_marked_and_read_like_the_original(rendered, tmp_path):
    assert (rendered / "SYNTHETIC.txt").is_file()
    write_manifest(rendered, tmp_path / "manifest.csv", tmp_path / "counts.csv", 32)
    counts = tables.read(tmp_path / "counts.csv", "affect_counts")
    assert counts["synthetic"].all()
    numbers = counts.set_index(["part", "reason"])["number"]
    assert numbers["validation", "all classes"] == 8 and numbers["train", "all classes"] == 12
    assert [
        numbers["train", f"expression {what}"] for what in ("8 (none)", "9 (uncertain)", "10 (no face)")
    ] == [1] * 3
    truth = tables.read(rendered / "truth.csv", "affect_truth").set_index("image")
    listed = tables.read(tmp_path / "manifest.csv", "manifest")
    listed.index = listed["source"].str.removeprefix(f"{rendered.as_posix()}/")
    assert [CLASSES[truth.loc[image, "code"]] for image in listed.index] == list(listed["emotion"])
    noise = (listed[["valence", "arousal"]] - truth.loc[listed.index, ["valence", "arousal"]]).to_numpy()
    assert 0.05 < np.nanstd(noise) < 0.3
    assert list(listed["subject_id"]) == list(truth.loc[listed.index, "subject_id"])


def test_the_same_seed_gives_the_same_bytes_and_a_rerun_leaves_nothing_of_the_last(
    rendered, tmp_path, weights_folder, chosen
):
    before = {path.relative_to(rendered): path.read_bytes() for path in rendered.rglob("*") if path.is_file()}
    folder = tmp_path / "set"
    (folder / "val_set/images").mkdir(parents=True)
    (folder / "val_set/images/999.jpg").write_bytes(b"of an earlier run")
    with pytest.raises(InputError, match="val_set: is not synthetic"):
        affect.write(folder, weights_folder, chosen.affect.synthetic, chosen.synth4d, SEED)
    (folder / "SYNTHETIC.txt").touch()
    affect.write(folder, weights_folder, chosen.affect.synthetic, chosen.synth4d, SEED)
    after = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    del before[next(path for path in before if path.name == "SYNTHETIC.txt")]
    del after[next(path for path in after if path.name == "SYNTHETIC.txt")]
    assert before == after


def test_the_training_part_is_long_tailed_as_the_original_and_validation_is_balanced(small_settings):
    settings = small_settings({"kind": "affect"}).affect.synthetic
    plan = affect.planned(settings, SEED)
    train = [shown for shown in plan if shown.part == "train" and shown.code < 8]
    counts = np.bincount([shown.code for shown in train], minlength=8)
    published = np.array([74874, 134415, 25459, 14090, 6378, 3803, 24882, 3750])
    assert counts.sum() == settings.train == 900
    assert np.abs(counts - 900 * published / published.sum()).max() <= 1
    validation = [shown for shown in plan if shown.part == "validation"]
    assert np.bincount([shown.code for shown in validation]).tolist() == [25] * 8
    assert all(shown.known for shown in validation)
    assert 5 <= sum(not shown.known for shown in train) <= 40
    assert {shown.subject for shown in train} == set(range(120))


def test_prototypes_come_to_their_places_in_the_plane(weights_folder):
    model = facemodel.load(weights_folder)
    circumplex = Circumplex(model)
    for emotion, place in PLACES.items():
        aus = np.zeros(len(model.names))
        for number, full in (CONTEMPT if emotion == "contempt" else EMFACS[emotion]).items():
            aus[model.index(number)] = full
        np.testing.assert_allclose(circumplex(aus), place, atol=1e-9)
        np.testing.assert_allclose(circumplex(aus / 2), np.array(place) / 2, atol=1e-9)
    assert np.linalg.norm(circumplex(np.ones((5, len(model.names)))), axis=1).max() <= 1 + 1e-9


def test_contempt_moves_one_half_of_the_face(weights_folder, chosen):
    model = facemodel.load(weights_folder)
    from ferflow.datasets.synth4d import expression

    rng = np.random.default_rng(0)
    habit = expression.draw_habit(model, rng)
    for _ in range(5):
        aus, asymmetry = affect._strengths("contempt", habit, model, chosen.synth4d, rng)
        sided = np.array([asymmetry[model.index(number)] for number in CONTEMPT])
        assert (np.abs(sided) == affect.ONE_SIDED).all() and abs(sided.sum()) == 2 * affect.ONE_SIDED
        assert all(aus[model.index(number)] > 0.02 for number in CONTEMPT)
