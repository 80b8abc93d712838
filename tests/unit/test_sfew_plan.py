"""What the SFEW study's jobs cost, and what of its results is made again from its predictions."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from ferflow import layout, settings, tables
from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.release import facts
from ferflow.release.rebuild import rebuild
from ferflow.sfew import folds, run
from ferflow.steps import sizes, work
from ferflow.steps.files import files_of
from ferflow.steps.preflight import Ready

REPOSITORY = Path(__file__).parents[2]
IMAGES = 28


@pytest.fixture
def study() -> settings.Settings:
    return settings.load(REPOSITORY / "params.yaml", REPOSITORY / "tests/workflow/tiny_sfew.yaml")


def manifest(folder: Path, study: settings.Settings) -> Path:
    rows = {
        "clip_id": [f"image{k}" for k in range(IMAGES)],
        "source": "x.png",
        "emotion": [EMOTIONS_NEUTRAL[k % 7] for k in range(IMAGES)],
        "group_id": [f"film{k // 7}" for k in range(IMAGES)],
        "split": "",
        "subject_id": "",
        "sex": "",
        "n_frames": 1,
        "fps": 0.0,
        "sha256": [f"{k:064x}" for k in range(IMAGES)],
        "width": 50,
        "height": 50,
        "synthetic": True,
    }
    path = folder / layout.MANIFEST.format(dataset=study.data()[0])
    tables.write(pd.DataFrame(rows), path, "manifest")
    return path


def test_the_size_is_that_of_the_manifest_or_the_rendered_one(tmp_path, study):
    assumed = sizes.of_study(study, tmp_path)
    assert (assumed.images, assumed.known) == (27, False)
    manifest(tmp_path, study)
    assert (sizes.of_study(study, tmp_path).images, sizes.of_study(study, tmp_path).known) == (IMAGES, True)


def test_what_grows_with_the_images(study):
    size = work.Sizes({}, 100)
    passed = sizes.of_job("sfew_frozen", {"network": "resnet18", "unfrozen": "0"}, study, size)
    assert (passed.per, passed.amount) == (work.CLIP, 100)
    one = {"run": "resnet50-originals", "protocol": "random"}
    trained = sizes.of_job("sfew_run", one, study, size)
    assert (trained.per, trained.amount) == (work.STEP, 200)  # two epochs of half of them in two folds
    assert sizes.of_job("sfew_run", one | {"protocol": "spi"}, study, size).amount == 200
    assert sizes.of_job("sfew_folds", {}, study, size).per == work.CONSTANT


def predictions(name: str, protocol: str, made, study: settings.Settings) -> pd.DataFrame:
    found = []
    for model in study.sfew.transfer.trained()[name].models(study.sfew.transfer.batch).values():
        for k, fold in enumerate(made):
            said = EMOTIONS_NEUTRAL[(k + k % 2) % 7]  # every second one is wrong
            row = {"clip_id": f"image{k}", "subject_id": f"film{k // 7}", "emotion": EMOTIONS_NEUTRAL[k % 7]}
            row |= {"predicted": said, **{f"p_{name}": float(name == said) for name in EMOTIONS_NEUTRAL}}
            found.append(row | {"model": model, "protocol": protocol, "fold": int(fold), "seed": 20})
    return pd.DataFrame(found)


def test_tables_are_made_again_from_predictions(tmp_path, study):
    handmade = study.sfew.handmade.model_copy(update={"models": {}})
    study = study.model_copy(update={"sfew": study.sfew.model_copy(update={"handmade": handmade})})
    listed, at = manifest(tmp_path, study), files_of(Ready(study))
    transfer = study.sfew.transfer
    for protocol in transfer.under():
        path = tmp_path / at.at(layout.SFEW_FOLDS, protocol=protocol)
        folds.write(listed, protocol, transfer.folds, study.seed, path)
        made = folds.read(path, tables.read(listed, "manifest"), protocol)
        for name, one in transfer.trained().items():
            if protocol in one.protocols:
                folder = tmp_path / at.at(layout.SFEW_RUN, protocol=protocol, run=name)
                tables.write(
                    predictions(name, protocol, made, study), folder / "predictions.csv", "predictions"
                )
                model = list(one.models(transfer.batch).values())[-1]
                about = {"model": model, "protocol": protocol, "fold": 0, "network": one.network}
                about |= {"images": one.images, "unfrozen": one.unfrozen, "batch": one.batch}
                about |= {"epochs": max(one.epochs), "n_training": 14, "n": 14}
                rows = pd.DataFrame([about | {"seconds": 1.5, "start": transfer.start_of(one.network)}])
                tables.write(rows, folder / "runs.csv", "sfew_runs")
    names = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.csv")]
    names += at.tables("sfew_folds", "sfew_protocols", "sfew_batches").values()
    again = tmp_path / "again"
    rests_on = rebuild(tmp_path, names, study, again)
    assert {name.rpartition("/")[2]: why for name, why in rests_on.items()} == {
        "sfew_folds.csv": ("the predictions", ""),
        "sfew_protocols.csv": ("other files of the bundle", ""),
        "sfew_batches.csv": ("the predictions", ""),
    }
    made = tables.read(again / at.table("sfew_folds"), "sfew_folds")
    assert (made.loc[made["fold"].isna(), "accuracy"] == 0.5).all()
    ours = made["model"].str.startswith("compact")
    assert set(made.loc[ours, "start"]) == {"shipped"} and set(made.loc[~ours, "start"]) == {"untrained"}
    assert len(tables.read(again / at.table("sfew_protocols"), "sfew_protocols")) == 3
    batches = tables.read(again / at.table("sfew_batches"), "sfew_batches").set_index("batch")
    assert batches["published"].to_dict() == {8: "", 256: run.BATCHES_PUBLISHED[256]}
    said = facts.data(tmp_path, study, listed.relative_to(tmp_path).as_posix())
    assert [one["path"] for one in said] == ["data/raw/scenes"] and said[0]["note"].startswith("28 files")
