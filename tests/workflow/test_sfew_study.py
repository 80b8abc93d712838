"""The SFEW study through the workflow, on a few rendered scenes."""

from __future__ import annotations

from pathlib import Path

import pytest

from ferflow import settings, tables
from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.release import bundle, verify

pytestmark = pytest.mark.workflow

STUDY = Path(__file__).with_name("tiny_sfew.yaml")
PARAMS = Path(__file__).parents[2] / "params.yaml"
RESULTS = Path("results/tiny-sfew")


@pytest.fixture(scope="module")
def finished(run_once) -> Path:
    """A folder in which the tiny study has run through."""
    return run_once(STUDY)


@pytest.fixture(scope="module")
def manifest(finished):
    return tables.read(finished / "data/interim/scenes/manifest.csv", "manifest")


def test_every_scene_is_listed_or_left_out(finished, manifest):
    counted = tables.read(finished / RESULTS / "tables/sfew_counts.csv", "sfew_counts").set_index("emotion")
    assert (
        counted.loc["all", "kept"]
        == len(manifest)
        == len(list((finished / "data/raw/scenes").rglob("*.png")))
    )
    assert set(manifest["emotion"]) == set(EMOTIONS_NEUTRAL) and manifest["synthetic"].all()


def test_every_run_judges_every_image_once(finished, manifest):
    transfer = settings.load(PARAMS, STUDY).sfew.transfer
    films = manifest.set_index("clip_id")["group_id"]
    for name, run in transfer.trained().items():
        for protocol in run.protocols:
            path = finished / RESULTS / f"sfew/{protocol}/{name}/predictions.csv"
            said = tables.read(path, "predictions")
            assert set(said["model"]) == set(run.models(transfer.batch).values())
            for _, one in said.groupby("model"):
                assert sorted(one["clip_id"]) == sorted(manifest["clip_id"])
                if protocol != "random":
                    assert one.groupby(one["clip_id"].map(films))["fold"].nunique().max() == 1


def test_random_folds_alone_are_marked_as_leaky(finished):
    found = tables.read(finished / RESULTS / "tables/sfew_protocols.csv", "sfew_protocols")
    assert found.set_index("protocol")["leaky"].to_dict() == {"random": True, "film": False, "spi": False}
    assert (found.loc[~found["leaky"], "films_on_two_sides"] == 0).all()
    page = (finished / RESULTS / "tables/sfew_folds.html").read_text(encoding="utf-8")
    assert "untrained" in page and "synthetic data" in page


def test_batch_sizes_stand_beside_one_another(finished):
    found = tables.read(finished / RESULTS / "tables/sfew_batches.csv", "sfew_batches")
    assert found["batch"].tolist() == [8, 256] and found["accuracy"].between(0, 1).all()


def test_its_tables_follow_from_a_bundle(finished, tmp_path):
    written = bundle.write(finished / RESULTS, tmp_path / "sfew.zip", pictures=False)
    found = verify.verify(written)
    assert found.equal, found.differences()
    made = {one.name.rpartition("/")[2] for one in found.checked if one.rests_on != verify.BY_HASH}
    assert {"sfew_folds", "sfew_protocols", "sfew_batches"} <= made
    assert {"sfew_handmade", "sfew_comparison", "sfew_table1", "sfew_table4", "results", "confusion"} <= made
