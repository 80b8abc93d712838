"""Hand-made features of crops with a support vector machine, under each protocol."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ferflow import tables
from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.evaluation import predictions as predictions_table
from ferflow.settings.sfew import HandMade, Svm
from ferflow.sfew import store, svm
from ferflow.sfew.run import write_folds

MACHINE = {"kernel": "rbf", "c": [1, 10], "gamma": ["scale"], "variance": 0.98, "inner_folds": 2}
SETTINGS = HandMade.model_validate(
    {
        "size": 32,
        "models": {"lpq-crops": ["lpq"], "phog-crops": ["phog"], "both": ["lpq", "phog"], "none": None},
        "protocols": ["random", "spi"],
        "lpq": {"window": 7, "rho": 0.9, "grid": 2},
        "phog": {"levels": 1, "bins": 8, "degrees": 360, "canny": [50, 100]},
        "svm": MACHINE,
    }
)
N = 42


def stripes(emotion: int, rng: np.random.Generator) -> np.ndarray:
    """Stripes whose direction says the class, uint8 [224,224,3]."""
    y, x = np.mgrid[:224, :224]
    angle = np.pi * emotion / 7
    wave = np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / 45 + rng.uniform(0, 6))
    grey = np.clip(128 + 90 * wave + rng.normal(0, 8, wave.shape), 0, 255)
    return np.repeat(np.uint8(grey)[..., None], 3, axis=2)


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """Crops, manifest, and folds at random (3) and of the SPI lists (2, which leave some out)."""
    root = tmp_path_factory.mktemp("handmade")
    rng = np.random.default_rng(5)
    labels = np.arange(N) % 7
    ids = [f"s{number:03d}" for number in range(N)]
    store.write(root / "crops.h5", ids, (stripes(label, rng) for label in labels))
    manifest = pd.DataFrame(
        {
            "clip_id": ids,
            "source": [f"{name}.png" for name in ids],
            "emotion": [EMOTIONS_NEUTRAL[label] for label in labels],
            "group_id": [f"film{number // 7}" for number in range(N)],
            "split": ["" if number >= 35 else str(1 + number // 7 % 2) for number in range(N)],
            "subject_id": "",
            "sex": "",
            "n_frames": 1,
            "fps": 0.0,
            "sha256": [f"{number:064x}" for number in range(N)],
            "width": 224,
            "height": 224,
            "synthetic": True,
        }
    )
    tables.write(manifest, root / "manifest.csv", "manifest")
    for name, folds in (
        ("random", pd.array(np.arange(N) // 7 % 3, "Int64")),
        ("spi", pd.array([None if n >= 35 else n // 7 % 2 for n in range(N)], "Int64")),
    ):
        tables.write(pd.DataFrame({"image_id": ids, "fold": folds}), root / f"{name}.csv", "sfew_sides")
    return root


def judged(study: Path, out: Path) -> dict:
    sides = [study / f"{name}.csv" for name in SETTINGS.protocols]
    paths = {
        (protocol, model): out / protocol / model / "predictions.csv"
        for protocol in SETTINGS.protocols
        for model in SETTINGS.trained()
    }
    svm.write_predictions(
        study / "crops.h5", study / "manifest.csv", sides, SETTINGS, 1, list(paths.values())
    )
    write_folds(paths.values(), {}, study / "manifest.csv", out / "folds.csv")
    return paths


def test_stripes_are_told_apart_and_the_tables_agree(study, tmp_path):
    paths = judged(study, tmp_path)
    folds = tables.read(tmp_path / "folds.csv", "sfew_folds")
    assert set(folds["model"]) == {"lpq-crops", "phog-crops", "both"}
    assert set(folds["start"]) == {"none"} and folds["synthetic"].all()
    assert folds.groupby("protocol")["leaky"].unique().map(list).to_dict() == {
        "random": [True],
        "spi": [False],
    }
    for (protocol, model), path in paths.items():
        said = predictions_table.read([path], EMOTIONS_NEUTRAL)
        assert len(said) == (N if protocol == "random" else 35)
        own = folds[(folds["protocol"] == protocol) & (folds["model"] == model)].set_index("fold")
        right = (said["emotion"] == said["predicted"]).groupby(said["fold"]).mean()
        assert np.allclose(own.loc[right.index, "accuracy"], right)
        assert own.loc[own.index.isna(), "accuracy"].item() == pytest.approx(right.mean())
        assert right.mean() > 0.6  # chance is 0.14
    random = folds[(folds["protocol"] == "random") & folds["fold"].notna()]
    assert (random["n_training"] + random["n"] == N).all()


def test_equal_runs_make_equal_files(study, tmp_path):
    first, second = judged(study, tmp_path / "a"), judged(study, tmp_path / "b")
    for key, path in first.items():
        assert path.read_bytes() == second[key].read_bytes()


def test_the_test_side_has_no_say():
    # Labels of the test fold are noise: what is said of it must not change with them.
    rng = np.random.default_rng(0)
    values = rng.normal(size=(30, 12))
    labels, folds = np.arange(30) % 3, np.repeat([0, 1, 2], 10)
    settings = Svm.model_validate(MACHINE)
    first = svm.predicted(values, labels, folds, settings, 1)
    other = np.where(folds == 1, rng.permutation(labels), labels)
    assert np.array_equal(first[folds == 1], svm.predicted(values, other, folds, settings, 1)[folds == 1])
    # Nor do the other test images: one alone gets what it gets among others.
    some = np.delete(np.arange(30), [11, 12])
    fewer = svm.predicted(values[some], labels[some], folds[some], settings, 1)
    assert np.array_equal(fewer[folds[some] == 1], first[some][folds[some] == 1])


def test_linear_machines_and_rare_classes():
    values = np.vstack([np.eye(4)] * 2 + [[[0, 0, 0, 9.0]]])
    labels, folds = np.array([0, 1, 2, 3] * 2 + [4]), np.array([0] * 4 + [1] * 5)
    settings = Svm.model_validate(MACHINE | {"kernel": "linear", "variance": None})
    assert svm.predicted(values, labels, folds, settings, 1)[4:8].tolist() == [0, 1, 2, 3]


def test_a_side_of_one_class_is_refused():
    with pytest.raises(ValueError, match="fewer than two classes"):
        svm.predicted(np.eye(4), np.zeros(4, int), np.array([0, 0, 1, 1]), SETTINGS.svm, 1)
