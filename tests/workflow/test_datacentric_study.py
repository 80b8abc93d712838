"""The data-centric study through the workflow, on a few rendered stills."""

from __future__ import annotations

from pathlib import Path

import pytest

from ferflow import tables
from ferflow.report.papers import published

pytestmark = pytest.mark.workflow

STUDY = Path(__file__).with_name("tiny_datacentric.yaml")
RESULTS = Path("results/tiny-datacentric")


@pytest.fixture(scope="module")
def finished(run_once) -> Path:
    """A folder in which the tiny study has run through."""
    return run_once(STUDY) / RESULTS


def table(results: Path, name: str, schema: str | None = None):
    return tables.read(results / f"tables/{name}.csv", schema or name)


def test_both_protocols_of_every_row(finished):
    sampling, variants = (table(finished, name, "sampling") for name in ("sampling", "variants"))
    assert sampling.groupby("sampling", sort=False).size().to_dict() == {"none": 3, "smote": 3}
    assert set(variants["network"]) == {"vit"} and set(variants["sampling"]) == {"none"}
    assert (sampling["related_honest"] == 0).all()
    assert sampling["synthetic"].all()
    for protocol in ("published", "honest"):
        folder = finished / f"datacentric/models/vit/smote-{protocol}"
        predictions = tables.read(folder / "predictions.csv", "predictions")
        right = (predictions["emotion"] == predictions["predicted"]).mean()
        row = sampling[(sampling["sampling"] == "smote") & (sampling["metric"] == "accuracy")].iloc[0]
        assert row[protocol] == pytest.approx(right) and row[f"test_{protocol}"] == len(predictions)


def test_training_on_the_cleaned_split_takes_what_it_keeps(finished):
    found = table(finished, "cleaned_training").iloc[0]
    cleaned = tables.read(finished / "datacentric/cleaned.csv", "cleaned")
    kept = (cleaned["decision"] == "keep") & (cleaned["split"] == "Training")
    assert 0 < found["training_cleaned"] <= kept.sum()
    assert found["training_cleaned"] < found["training_official"]
    folder = finished / "datacentric/models/vit"
    cell = tables.read(folder / "none-cleaned/sides.csv", "sampling_sides").iloc[0]
    assert cell["n_training"] == found["training_cleaned"] and cell["n_test"] == found["n_test"]


def test_every_published_number_and_every_image_has_its_place(finished):
    beside = table(finished, "datacentric", "reference")
    items = published("datacentric")[["table", "item"]].apply(tuple, axis=1)
    assert set(beside[["table", "item"]].apply(tuple, axis=1)) == set(items)
    assert (beside["ours"].notna() | (beside["note"] != "")).all()
    cleaned = tables.read(finished / "datacentric/cleaned.csv", "cleaned")
    steps = table(finished, "cleaning")
    left = steps[["left_training", "left_test"]].iloc[-1].sum()
    assert (cleaned["decision"] == "keep").sum() == left
    assert (cleaned["rule"] != "").sum() == steps[["dropped_training", "dropped_test"]].sum().sum()


def test_tables_and_figures_say_that_the_stills_are_synthetic(finished):
    shown = sorted(path.name for path in (finished / "figures").glob("*.svg"))
    assert "pixel_means.svg" in shown and "protocols-sampling.svg" in shown
    assert sum(name.startswith("sheet-") for name in shown) == 6
    for name in shown:
        if name != "counts.svg":
            assert "synthetic data" in (finished / "figures" / name).read_text(), name
    page = (finished / "tables/sampling.html").read_text()
    assert "published protocol, leaky" in page and "synthetic data" in page
