"""The SFEW paper's numbers beside ours: none is missing, and each has a figure of ours or a reason."""

from __future__ import annotations

import pandas as pd
import pytest

from ferflow import tables
from ferflow.evaluation.results import LEAKY
from ferflow.report import reference, rendering
from ferflow.report.papers import NOT_COMPARABLE, StudyResults, paper, published
from ferflow.report.table_list import render


def facts(model: str) -> dict[str, str | int]:
    """The columns that say what a network is; none of hand-made features."""
    if model.startswith(("lpq", "phog")):
        return {}
    network, *stages, epochs, images = model.split("-")
    unfrozen = int(stages[0].removeprefix("unfrozen")) if stages else 0
    return {"network": network, "images": images, "unfrozen": unfrozen, "epochs": int(epochs)}


def fold_table(
    models: dict[str, list[str]], start: str = "imagenet", synthetic: bool = False
) -> pd.DataFrame:
    """Schema `sfew_folds`: in fold k of five (two of SPI) accuracy 0.30 + k/100, one less by film and SPI."""
    rows = []
    for model, protocols in models.items():
        for protocol in protocols:
            folds = range(2 if protocol == "spi" else 5)
            each = [0.30 + (fold + 1) / 100 - (0 if protocol == "random" else 0.1) for fold in folds]
            for fold, accuracy in [*zip(folds, each, strict=True), (None, sum(each) / len(each))]:
                rows.append(
                    {
                        "model": model,
                        **facts(model),
                        "protocol": protocol,
                        "fold": fold,
                        "n_training": 540,
                        "n": 135,
                        "accuracy": accuracy,
                        "sd": None,
                        "start": "none" if model.startswith(("lpq", "phog")) else start,
                        "leaky": protocol == "random",
                        "synthetic": synthetic,
                    }
                )
    return pd.DataFrame(rows)


ALL = {model: ["random", "film", "spi"] for model in paper("sfew").items.values()}


def results(folds: pd.DataFrame, in_spi: int = 600) -> StudyResults:
    counts = {"emotion": "all", "published": 675, "found": 679, "unreadable": 0, "too_small": 2, "kept": 677}
    counts |= {"films": 30, "in_spi": in_spi, "synthetic": bool(folds["synthetic"].any())}
    return StudyResults({"sfew_folds": folds, "sfew_counts": pd.DataFrame([counts])}, {"dataset": "sfew"})


def beside(folds: pd.DataFrame, in_spi: int = 600) -> pd.DataFrame:
    return reference.compare("sfew", results(folds, in_spi))


def row(table: pd.DataFrame, item: str, split: str) -> pd.Series:
    return table[(table["item"] == item) & (table["split"] == split)].iloc[0]


def test_every_published_row_stands_there_once_with_its_value():
    columns = ["table", "item", "metric", "split"]
    printed = published("sfew").set_index(columns)["value"]
    found = beside(fold_table(ALL)).set_index(columns)["published"]
    assert len(found) == len(printed) == 55 and found.index.is_unique
    assert (found.loc[printed.index] == printed).all()


def test_ours_by_protocol_and_fold():
    table = beside(fold_table(ALL))
    third = row(table, "resnet50 original images", "fold 3")
    assert (third["ours"], third["ours_film"]) == pytest.approx((0.33, 0.23))
    assert (
        third["protocol"] == LEAKY
        and pd.isna(third["ours_spi"])
        and "SPI: it has two sets" in third["note"]
        and pd.isna(third["difference"])
    )
    mean = row(table, "resnet50 original images", "mean")
    assert (mean["ours"], mean["ours_film"], mean["ours_spi"]) == pytest.approx((0.33, 0.23, 0.215))
    assert mean["difference"] == pytest.approx(33 - 40.9) and mean["model"] == "resnet50-200-originals"
    images = row(table, "SFEW", "")
    assert (images["ours"], images["difference"], images["data"]) == (679, 4, "sfew")
    assert "2 of ours are left out" in images["note"]


def test_a_copy_without_lists_says_why_there_is_no_spi():
    without = {model: ["random", "film"] for model in ALL}
    mean = row(beside(fold_table(without), in_spi=0), "resnet50 original images", "mean")
    assert "SPI: not run: this copy of the data set has no lists of its two sets" in mean["note"]
    assert pd.isna(mean["ours_spi"]) and mean["difference"] == pytest.approx(33 - 40.9)


def test_spi_is_a_protocol_and_lpg_is_lpq():
    table = beside(fold_table(ALL))
    spi = row(table, "SPI protocol baseline", "mean")
    assert pd.isna(spi["ours"]) and pd.isna(spi["ours_film"]) and spi["model"] == "lpq-phog-crops"
    assert spi["difference"] == pytest.approx(21.5 - 19.0) and "a protocol, not a feature" in spi["note"]
    assert "printed as LPG" in row(table, "LPQ", "mean")["note"]


def test_what_was_not_run_has_its_reason():
    table = beside(fold_table({"resnet50-200-originals": ["random"]}))
    lacks = row(table, "PHOG", "mean")
    assert "not run: phog-crops is not among this study's models" in lacks["note"]
    assert lacks["data"] == "" and pd.isna(lacks["difference"]) and not lacks["synthetic"]
    partly = row(table, "resnet50 original images", "mean")
    assert "folds by film: not run" in partly["note"] and "SPI: not run" in partly["note"]
    for protocol in ("ours", "ours_film", "ours_spi"):
        empty = table[table[protocol].isna() & (table["metric"] == "accuracy")]
        assert (empty["note"].str.contains("not run|two sets|a protocol, not")).all()


def test_synthetic_figures_stand_under_their_own_heading_and_are_not_compared(tmp_path):
    ours = results(fold_table(ALL, "untrained", True))
    folds = ours.tables["sfew_folds"].astype({"fold": "Int64"})
    handmade = folds["network"].isna()
    parts = [folds[~handmade], folds[handmade].dropna(axis=1, how="all").assign(sd=None)]
    paths = [tmp_path / f"{name}.csv" for name in ("folds", "handmade", "counts")]
    for path, part in zip(paths, parts, strict=False):
        tables.write(part, path, "sfew_folds")
    tables.write(ours.tables["sfew_counts"], paths[2], "sfew_counts")
    sources = ["sfew_folds", "sfew_folds", "sfew_counts"]
    reference.write("sfew", sources, paths, "scenes", tmp_path / "beside.csv")
    table = tables.read(tmp_path / "beside.csv", "reference")
    assert table["difference"].isna().all() and table["synthetic"].all()
    assert set(table["data"]) == {NOT_COMPARABLE}
    assert "untrained start" in row(table, "resnet18 50 epochs, face crops", "mean")["note"]
    assert "untrained start" not in row(table, "PHOG", "mean")["note"]
    shown = reference.rendered(table, "The paper and ours")
    headed = [heading for heading in shown.headings if "synthetic scenes" in heading]
    assert len(headed) == 3 and not any(heading.startswith("ours") for heading in shown.headings)
    assert f"synthetic scenes, random folds ({LEAKY})" in shown.headings and shown.marks == "synthetic data"
    paths = [tmp_path / f"beside.{form}" for form in ("md", "tex", "html")]
    render(tmp_path / "beside.csv", "reference", "The paper and ours", paths)
    assert all(NOT_COMPARABLE in path.read_text(encoding="utf-8") for path in paths)


def test_a_network_that_did_not_start_from_imagenet_has_no_difference():
    table = beside(fold_table(ALL, "untrained"))
    other = row(table, "resnet50 original images", "mean")
    assert other["ours"] == pytest.approx(0.33) and pd.isna(other["difference"])
    assert "untrained start" in other["note"] and pd.notna(row(table, "PHOG", "mean")["difference"])


def test_real_figures_are_ours():
    shown = reference.rendered(beside(fold_table(ALL)), "The paper and ours")
    assert f"ours, random folds ({LEAKY})" in shown.headings and shown.marks == ""
    assert {len(cells) for cells in shown.rows} == {len(shown.headings)}
    last = shown.rows[-1]
    assert last[3:6] == ["images", "675", "679"] and last[6] == rendering.MISSING and last[8] == "+4"
