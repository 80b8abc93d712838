"""Image studies: settings of models, copies set apart, averages, tables."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from ferflow import settings, tables
from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.datasets.image_sets import read_stills
from ferflow.datasets.images import assemble
from ferflow.errors import InputError, SettingError
from ferflow.evaluation import images, run
from ferflow.evaluation.results import LEAKY
from ferflow.report import image_tables, reference, table_list
from ferflow.report.papers import StudyResults, published
from ferflow.settings import Evaluation
from ferflow.training import stills as stills_of

EVALUATION = Evaluation(bootstrap=40, confidence=0.95, by=[], controls=False)
SHARES = [f"p_{emotion}" for emotion in EMOTIONS_NEUTRAL]


def of_models(small_settings, models: dict, **more) -> settings.Settings:
    return small_settings({"kind": "images", "images": {"models": models, **more}})


def test_a_model_is_spatial_with_what_differs(small_settings):
    made = of_models(small_settings, {"a": None, "b": {"epochs": 3, "optimiser": {"name": "sgd"}, "seed": 5}})
    assert made.images.models["a"].recipe() == made.spatial.model_copy(update={"weights": None})
    other = made.images.models["b"]
    assert (other.epochs, other.optimiser.name, other.seed) == (3, "sgd", 5)
    assert other.optimiser.learning_rate == made.spatial.optimiser.learning_rate
    # As the workflow hands them on: plain values, read again.
    assert settings.ImageSettings(**made.model_dump(mode="json")) == made


def test_only_the_network_that_ships_is_taken_ready_made(small_settings):
    made = small_settings(
        {
            "kind": "images",
            "spatial": {"weights": "shipped"},
            "images": {"models": {"a": {}, "b": {"weights": "b.pt"}}},
        }
    )
    assert made.spatial.weights == "shipped" and made.datacentric.recipe.weights is None
    assert made.images.models["a"].weights is None and made.images.models["b"].weights == "b.pt"
    with pytest.raises(SettingError, match="shipped is a compact network; train vgg16 with weights: null"):
        small_settings({"spatial": {"weights": "shipped", "network": "vgg16"}})


def test_a_model_goes_on_from_another(small_settings):
    made = of_models(small_settings, {"a": {}, "b": {"start": "a", "epochs": 3}})
    assert made.images.models["b"].start == "a" and made.images.models["b"].recipe().epochs == 3
    made = of_models(small_settings, {"c": {"start": "b"}, "b": {"start": "a"}, "a": {}})
    assert {name: made.images.before(name) for name in "abc"} == {"a": [], "b": ["a"], "c": ["a", "b"]}


def test_a_model_that_is_not_run_takes_its_ensembles_with_it(small_settings):
    models = {"a": {}, "b": {}, "c": {"not_run": "too large"}}
    made = of_models(small_settings, models, ensembles={"ab": ["a", "b"], "ac": ["a", "c"]})
    assert list(made.images.trained()) == ["a", "b"]
    assert made.images.averaged() == {"ab": ["a", "b"]}


@pytest.mark.parametrize(
    ("models", "ensembles", "line"),
    [
        ({"a": {"epoch": 3}}, {}, "images.models.a.epoch is not a setting; did you mean epochs"),
        ({"a": {"schedule": {"nam": "step"}}}, {}, "images.models.a.schedule.nam is not a setting; did you"),
        ({"a": {}}, {"x": ["a", "b"]}, "ensemble x names b, which is not among the models"),
        ({"a": {}}, {"a": ["a"]}, "a is the name of a model and of an ensemble"),
        ({"a": {"network": "lenet"}}, {}, "images.models.a.network"),
        ({"a": {"start": "b"}}, {}, "models.a.start: b is not among the models"),
        (
            {"a": {"start": "c"}, "b": {"start": "a"}, "c": {"start": "b"}},
            {},
            "models.a.start: c goes on from a itself",
        ),
        ({"a": {}, "b": {"start": "a", "network": "resnet"}}, {}, "models.b.start: a is compact, not resnet"),
        ({"a": {"not_run": "no"}, "b": {"start": "a"}}, {}, "models.b.start: a is not run"),
        (
            {"a": {}, "b": {"start": "a", "pretrained": "x.pth"}},
            {},
            "models.b starts from a: leave pretrained",
        ),
    ],
)
def test_a_wrong_model_is_named(small_settings, models, ensembles, line):
    with pytest.raises(SettingError, match=line):
        of_models(small_settings, models, ensembles=ensembles)


@pytest.fixture
def stills(tmp_path):
    """Six images: t0 = t1 = p0 (a copy in PublicTest), t2 = q1 (in PrivateTest), q0 of its own."""
    pixels = np.zeros((7, 48, 48), np.uint8)
    pixels[:, 0, 0] = (1, 1, 2, 3, 1, 4, 2)
    names = ["t0", "t1", "t2", "t3", "p0", "q0", "q1"]
    columns = {
        "clip_id": names,
        "emotion": ["angry"] * 7,
        "source": [f"x/{name}" for name in names],
        "split": ["Training"] * 4 + ["PublicTest"] + ["PrivateTest"] * 2,
    }
    return assemble("fer2013", tmp_path, pixels, columns)


def test_copies_are_found_by_what_was_learnt(stills):
    learnt = images.trained_on(stills, {"protocol": "published", "images": {"Training": 4}}, "m.pt")
    found = images.copies(stills.table[4:], learnt)
    assert found.to_numpy().tolist() == [["PublicTest", "p0", "t0"], ["PrivateTest", "q1", "t2"]]
    honest = images.trained_on(stills, {"protocol": "honest", "images": {"Training": 1}}, "m.pt")
    assert honest["clip_id"].tolist() == ["t3"]
    assert images.copies(stills.table[4:], honest).empty


def test_near_copies_of_later_parts_are_left_out_where_that_is_asked_for(tmp_path):
    rng = np.random.default_rng(0)
    faces = [cv2.resize(rng.integers(0, 240, (6, 6), np.uint8), (48, 48)) for _ in range(8)]
    brighter = [cv2.add(face, 9) for face in faces]
    sides = {
        "Training": [*faces[:5], brighter[5], faces[7]],
        "PublicTest": [brighter[6], faces[4]],
        "PrivateTest": [faces[0], brighter[1], brighter[5]],
    }
    path = tmp_path / "fer2013.csv"
    lines = [
        f"{label},{' '.join(map(str, image.ravel()))},{side}"  # copies have other labels than their originals
        for side, shown in sides.items()
        for label, image in enumerate(shown)
    ]
    path.write_text("emotion,pixels,Usage\n" + "\n".join(lines) + "\n")
    exact, near = stills_of.read(path, "honest"), stills_of.read(path, "honest", near_copies=4)
    assert [len(side) for side in exact.listed.values()] == [4, 2, 3] and exact.near_copies is None
    assert near.listed["Training"].equals(exact.listed["Training"].iloc[1:].reset_index(drop=True))
    assert near.near_copies == {"bits": 4, "left_out": {"Training": 1, "PublicTest": 0}}
    assert stills_of.read(path, "published", near_copies=4).near_copies is None
    meta = {"protocol": "honest", **near.described()}
    learnt = images.trained_on(read_stills(path), meta, "m.pt")
    assert learnt["clip_id"].tolist() == near.listed["Training"]["clip_id"].tolist()
    with pytest.raises(InputError, match=r"was trained on 3 images, but .* has 4 for it"):
        images.trained_on(read_stills(path), {**meta, "near_copies": None}, "m.pt")


def test_a_network_of_other_images_is_refused(stills):
    with pytest.raises(InputError, match=r"was trained on 28709 images, but .* has 4 for it"):
        images.trained_on(stills, {"protocol": "published", "images": {"Training": 28709}}, "m.pt")


def predictions(model: str, protocol: str, right: list[bool], names: list[str]) -> pd.DataFrame:
    """Rows of two classes in turn; each right with 0.9, or wrong with it."""
    truth = [EMOTIONS_NEUTRAL[k % 2] for k in range(len(names))]
    said = [EMOTIONS_NEUTRAL[(k if ok else k + 1) % 2] for k, ok in enumerate(right)]
    shares = np.full((len(names), 7), 0.0)
    shares[:, :2] = 0.1
    shares[range(len(names)), [EMOTIONS_NEUTRAL.index(name) for name in said]] = 0.9
    rows = pd.DataFrame({"clip_id": names, "subject_id": "", "emotion": truth, "predicted": said})
    rows[SHARES] = shares
    rows = rows.assign(model=model, role="model", view="one", protocol=protocol, seed=20)
    rows["fold"] = pd.array([None] * len(rows), dtype="Int64")
    return rows


@pytest.fixture
def judged(tmp_path):
    """Two models' predictions and copies; `a` has learnt from q0, `b` from nothing it is asked."""
    public, private = ["p0", "p1"], ["q0", "q1", "q2", "q3"]
    rights = {"a": [True, False, False, True], "b": [False, False, True, True]}
    for name, right in rights.items():
        rows = [predictions(name, "validation", [True, False], public)]
        rows.append(predictions(name, "test", right, private))
        tables.write(pd.concat(rows, ignore_index=True), tmp_path / f"{name}.csv", "predictions")
        copies = pd.DataFrame({"model": "a", "split": "PrivateTest", "clip_id": ["q0"], "copy_of": ["t0"]})
        tables.write(copies if name == "a" else copies[:0], tmp_path / f"{name}-copies.csv", "copies")
    names = public + private
    listed = pd.DataFrame({"clip_id": names, "subject_id": "", "sex": "", "split": ""})
    listed["emotion"] = [EMOTIONS_NEUTRAL[k % 2] for k in (0, 1, 0, 1, 2, 3)]
    listed = listed.assign(source="x", n_frames=1, fps=0.0, width=48, height=48, sha256="0" * 64)
    tables.write(listed.assign(synthetic=False), tmp_path / "manifest.csv", "manifest")
    images.average_models(
        "both",
        [tmp_path / "a.csv", tmp_path / "b.csv"],
        [tmp_path / "a-copies.csv", tmp_path / "b-copies.csv"],
        tmp_path / "both.csv",
        tmp_path / "both-copies.csv",
    )
    return tmp_path


def test_an_average_has_learnt_what_a_member_has(judged):
    both = tables.read(judged / "both.csv", "predictions")
    a, b = (tables.read(judged / f"{name}.csv", "predictions") for name in "ab")
    np.testing.assert_allclose(both[SHARES], (a[SHARES] + b[SHARES]) / 2)
    assert set(both["model"]) == {"both"} and set(both["role"]) == {"ensemble"}
    copies = tables.read(judged / "both-copies.csv", "copies")
    assert copies[["model", "clip_id"]].to_numpy().tolist() == [["both", "q0"]]


def test_an_average_of_other_images_is_refused(judged):
    short = tables.read(judged / "b.csv", "predictions")[1:]
    short["fold"] = short["fold"].astype("Int64")
    tables.write(short, judged / "short.csv", "predictions")
    with pytest.raises(InputError, match=r"lacks image p0 \(one, validation\) of"):
        images.average_models(
            "x", [judged / "a.csv", judged / "short.csv"], [], judged / "x.csv", judged / "y"
        )


def evaluated(folder, names=("a", "b", "both")) -> Path:
    """The table of results."""
    said, listed = folder / "predictions.csv", folder / "manifest.csv"
    run.collect([folder / f"{name}.csv" for name in names], said, EMOTIONS_NEUTRAL, listed)
    copies = [folder / f"{name}-copies.csv" for name in names]
    names = ("results", "confusion", "class_report", "copies")
    outs = {f"out_{name}": folder / f"tables/{name}.csv" for name in names}
    given = ([said], listed, EVALUATION, EMOTIONS_NEUTRAL, "published", 20, folder / "metrics.json")
    run.evaluate(*given, **outs, copies_csvs=copies)
    return outs["out_results"]


def test_each_accuracy_stands_on_all_images_and_without_copies(judged):
    results = tables.read(evaluated(judged), "results")
    accuracy = results[results["metric"] == "accuracy"].set_index(["model", "protocol"])
    assert accuracy.loc[("a", "test"), "value"] == 0.5
    assert accuracy.loc[("a", "honest"), "value"] == pytest.approx(1 / 3)  # q0, which was right, is a copy
    assert accuracy.loc[("a", "honest"), "n_clips"] == 3
    assert accuracy.loc[("b", "honest"), "value"] == accuracy.loc[("b", "test"), "value"] == 0.5
    leaky = accuracy["note"].str.contains(LEAKY)
    assert set(leaky[leaky].index) == {("a", "test"), ("both", "test")}


def test_the_tables_say_what_leaks_and_what_was_not_run(judged, small_settings):
    study = of_models(
        small_settings, {"a": {}, "b": {}, "c": {"not_run": "no GPU"}}, ensembles={"both": ["a", "b"]}
    )
    listed = pd.DataFrame(
        {
            "model": ["a", "b", "c"],
            "network": "compact",
            "parameters": pd.array([10, 20, None], dtype="Int64"),
            "weights_mb": [1.0, 1.0, None],
            "size_mb": [2.0, 2.0, None],
            "hours": [0.5, None, None],
            "synthetic": False,
            "note": ["", "", "not run: no GPU"],
        }
    )
    for column in ("epochs", "learnt", "threads"):
        listed[column] = pd.array([1, 1, None], dtype="Int64")
    tables.write(listed, judged / "networks.csv", "networks")
    listed, out = judged / "networks.csv", judged / "accuracies.csv"
    image_tables.accuracies(evaluated(judged), listed, None, study.images, out)
    found = tables.read(judged / "accuracies.csv", "accuracies").set_index(["model", "views"])
    assert found.loc[("both", "one"), "parameters"] == 30
    assert bool(found.loc[("a", "one"), "leaky"]) and not bool(found.loc[("b", "one"), "leaky"])
    assert found.loc[("a", "one"), "n_honest"] == 3
    assert found.loc[("c", "one"), "note"] == "not run: no GPU"
    assert pd.isna(found.loc[("c", "one"), "test"])
    table_list.render(judged / "accuracies.csv", "accuracies", "Accuracy", [judged / "t.md"], confidence=0.95)
    text = (judged / "t.md").read_text()
    assert f"PrivateTest, all images (4 images), {LEAKY}" in text
    assert "PrivateTest without copies (3–4 images)" in text


def test_every_published_row_has_ours_or_a_reason():
    columns = tables.schema("accuracies").names
    row = dict.fromkeys(columns) | {"model": "compact", "views": "one", "leaky": True, "synthetic": False}
    row |= {"test": 0.71, "test_low": 0.7, "test_high": 0.72, "honest": 0.7, "validation": 0.69}
    row |= {"test_f1": 0.68, "test_weighted_f1": 0.705, "note": ""}
    none = dict.fromkeys(columns) | {"model": "vggnet", "views": "one", "leaky": False, "synthetic": False}
    none |= {"note": "not run: no GPU"}
    networks = pd.DataFrame(
        [{"model": "compact", "network": "compact", "parameters": 784263, "size_mb": 10.9, "weights_mb": 3.1,
          "epochs": 60, "hours": 1.5, "threads": 2, "synthetic": False, "note": ""}]
    )  # fmt: skip
    fig4 = published("compact", "fig4")
    counts = pd.DataFrame(
        {
            "dataset": fig4["split"],
            "emotion": [
                "contempt" if (row.split, row.item) == ("CK+", "neutral") else row.item
                for row in fig4.itertuples()
            ],
            "source": "compact, Figure 4",
            "ours": [row.value if row.split == "FER2013" else np.nan for row in fig4.itertuples()],
            "synthetic": False,
            "note": ["" if split == "FER2013" else "no copy" for split in fig4["split"]],
        }
    )
    speed = pd.DataFrame({"fps": [61.0], "note": ["two cores"]})
    accuracies = pd.DataFrame([row, none])
    found = {"accuracies": accuracies, "networks": networks, "image_counts": counts, "speed": speed}
    table = reference.compare("compact", StudyResults(found, {"dataset": "fer2013"}))
    key = ["table", "item", "metric", "split"]
    assert set(map(tuple, published("compact")[key].to_numpy())) <= set(map(tuple, table[key].to_numpy()))
    assert (table["ours"].notna() | (table["note"] != "")).all()
    by = table.set_index(["item", "metric", "split"])
    assert by.loc[("compact", "accuracy", "PrivateTest"), "difference"] == pytest.approx(2.48)
    assert by.loc[("compact", "accuracy", "PrivateTest"), "ours_honest"] == 0.7
    assert by.loc[("compact", "accuracy", "PublicTest"), "ours"] == 0.69
    assert by.loc[("compact", "weighted_f1", "PrivateTest"), "ours"] == 0.705
    assert by.loc[("total", "images", "FER2013"), "difference"] == 0
    assert by.loc[("total", "images", "CK+"), "note"] == "no copy"
    assert by.loc[("compact + haar cascade", "fps", ""), "difference"] == 51
    assert by.loc[("vggnet RLRP", "accuracy", "PrivateTest"), "note"] == "not run: no GPU"
    # The paper's own recipe has rows of its own.
    paper = row | {"model": "compact-paper", "test": 0.685, "honest": 0.667}
    both = reference.compare("compact", StudyResults(found | {"accuracies": pd.DataFrame([row, paper])}, {}))
    both = both[
        (both["item"] == "compact") & (both["metric"] == "accuracy") & (both["split"] == "PrivateTest")
    ]
    shown = both[["model", "ours", "ours_honest"]].to_numpy().tolist()
    assert shown == [["compact", 0.71, 0.7], ["compact-paper", 0.685, 0.667]]
    # A name is no network, a sweep may be of another, and an ensemble is several: no difference between them.
    found["accuracies"] = pd.DataFrame([row, row | {"model": "resnet"}])
    found["networks"] = networks.assign(network="alexnet")
    swept = {"stage": "optimiser", "optimiser": "nesterov", "schedule": "constant", "network": "compact"}
    swept |= {"validation_accuracy": 0.6, "images": 3000, "epochs": 12, "synthetic": False}
    found["sweep"] = pd.DataFrame([swept])
    apart = reference.compare("compact", StudyResults(found, {"dataset": "fer2013"}))
    apart = apart.set_index(["item", "metric", "split"])
    for key, note in {
        ("compact", "accuracy", "PrivateTest"): "theirs is compact, ours alexnet",
        ("compact", "parameters", ""): "theirs is compact, ours alexnet",
        ("resnet", "accuracy", "PrivateTest"): "theirs is an ensemble, ours one network",
        ("vggnet nesterov fixed lr", "accuracy", "PublicTest"): "theirs is vggnet, ours compact",
    }.items():
        one = apart.loc[key]
        assert one["note"].startswith(note) and pd.isna(one["difference"]) and pd.notna(one["ours"])
    text = reference.rendered(table, "x")
    assert any(LEAKY in heading for heading in text.headings)
    assert ["68.52", "71.00 [70.00, 72.00]", "70.00", "+2.48"] in [list(cells[4:8]) for cells in text.rows]
