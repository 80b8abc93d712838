"""SFEW's Tables 1 to 4, its confusion matrices and its figures, from predictions under three protocols."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_sfew_comparison import ALL, fold_table
from test_sfew_comparison import results as results_of

from ferflow import tables
from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.errors import InputError
from ferflow.evaluation import run
from ferflow.evaluation.results import LEAKY
from ferflow.report import sfew_figures, sfew_tables, table_list
from ferflow.report.papers import StudyResults, published
from ferflow.settings import Evaluation

EVALUATION = Evaluation(bootstrap=50, confidence=0.95, by=[], controls=False)
RIGHT = {0: 9, 1: 2, 2: 6}
"""Of 14 images in each fold, how many are judged rightly; the mean is 17/42, nearest is fold 2."""


def ours(models: dict, start: str = "imagenet", synthetic: bool = False) -> StudyResults:
    return results_of(fold_table(models, start, synthetic))


def predictions(model: str, protocol: str = "film") -> pd.DataFrame:
    """Schema `predictions` of 42 images in three folds, each class twice in a fold."""
    rows = []
    for fold, right in RIGHT.items():
        for place in range(14):
            said = place % 7 if place < right else (place + 1) % 7
            shares = np.full(7, 0.05)
            shares[said] = 0.7
            rows.append(
                {
                    "clip_id": f"i{fold}-{place}",
                    "subject_id": f"film{place % 5}",
                    "emotion": EMOTIONS_NEUTRAL[place % 7],
                    "predicted": EMOTIONS_NEUTRAL[said],
                    **{f"p_{name}": share for name, share in zip(EMOTIONS_NEUTRAL, shares, strict=True)},
                    "model": model,
                    "protocol": protocol,
                    "fold": fold,
                    "seed": 1,
                }
            )
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("sfew-results")
    said = [root / f"{protocol}.csv" for protocol in ("random", "film")]
    for path in said:
        tables.write(predictions("resnet50-200-originals", path.stem), path, "predictions")
    outs = [root / name for name in ("metrics.json", "results.csv", "confusion.csv")]
    more = {"scored": (), "representative": True, "synthetic": True}
    run.evaluate(said, None, EVALUATION, EMOTIONS_NEUTRAL, "honest", 1, *outs, **more)
    return root


def test_the_published_rows_of_tables_1_to_3():
    for number, n_rows in (("1", 1), ("2", 1), ("3", 6)):
        table = sfew_tables.paper_table(number, ours(ALL))
        theirs = table[table["whose"] == "published"]
        assert len(theirs) == n_rows and len(table) == 4 * n_rows
        printed = published("sfew", number)
        assert theirs["average"].to_list() == printed.loc[printed["split"] == "mean", "value"].to_list()
        folds = theirs[[f"fold_{k}" for k in range(1, 6)]].to_numpy().ravel().tolist()
        assert folds == printed.loc[printed["split"] != "mean", "value"].to_list()


def test_our_rows_stand_below_with_their_folds():
    table = sfew_tables.paper_table("1", ours(ALL)).set_index("whose")
    random = table.loc[f"ours, random folds ({LEAKY})"]
    assert random[[f"fold_{k}" for k in range(1, 6)]].to_list() == pytest.approx(
        [0.31, 0.32, 0.33, 0.34, 0.35]
    )
    assert random["average"] == pytest.approx(0.33) and (random["network"], random["epochs"]) == (
        "resnet50",
        200,
    )
    spi = table.loc["ours, SPI"]
    assert spi["fold_2"] == pytest.approx(0.22) and pd.isna(spi["fold_3"])


def test_what_was_not_run_has_a_row_with_the_reason():
    table = sfew_tables.paper_table("3", ours({"resnet50-100-crops": ["random"]}))
    own = table[table["whose"] != "published"]
    assert len(own) == 3 + 5 and (own["average"].notna() | own["note"].str.contains("not run: ")).all()
    assert own["note"].str.contains("resnet18-50-crops is not among").sum() == 1


def test_table_4_with_the_future_work_below():
    more = ALL | {"resnet18-unfrozen1-3-crops": ["random", "spi"]}
    table = sfew_tables.methods(ours(more, "untrained", True)).set_index("method")
    assert table["published"].dropna().to_list() == [0.409, 0.388, 0.19, 0.437, 0.463]
    spi = table.loc["SPI protocol baseline"]
    assert spi["model"] == "lpq-phog-crops" and pd.isna(spi["random"]) and spi["spi"] == pytest.approx(0.215)
    last = table.loc["resnet18, crops, last stage learning too"]
    assert pd.isna(last["film"]) and "future work" in last["note"] and "random" in last["note"]


def test_rendered_under_the_heading_of_its_data(tmp_path):
    for synthetic, headed in ((True, "synthetic scenes, SPI"), (False, "ours, SPI")):
        sfew_tables.write(
            ours(ALL, synthetic=synthetic), {f"sfew_table{k}": tmp_path / f"{k}.csv" for k in range(1, 5)}
        )
        for number, schema in ((1, "sfew_paper"), (4, "sfew_methods")):
            out = tmp_path / f"{number}.md"
            table_list.render(tmp_path / f"{number}.csv", schema, "Table", [out])
            text = out.read_text(encoding="utf-8")
            assert headed in text and ("synthetic data" in text) == synthetic
            assert ("ours, SPI" in text) != synthetic


def test_the_matrix_is_of_the_fold_nearest_the_mean(evaluated):
    made = predictions("m").assign(role="model", view="")
    fold, accuracy, mean = run.representative_fold(made)
    assert (fold, accuracy, mean) == (2, pytest.approx(6 / 14), pytest.approx(17 / 42))
    table = tables.read(evaluated / "confusion.csv", "confusion")
    one = table[table["protocol"] == "random"]
    assert one["count"].sum() == 14 and one.loc[one["emotion"] == one["predicted"], "count"].sum() == 6
    assert one["note"].iloc[0] == f"fold 3: accuracy 42.9 %, mean 40.5 %; {LEAKY}"
    film = table[table["protocol"] == "film"]
    assert LEAKY not in film["note"].iloc[0] and film["synthetic"].all()


def test_metrics_of_each_protocol(evaluated):
    metrics = json.loads((evaluated / "metrics.json").read_text(encoding="utf-8"))
    own = metrics["models"]["resnet50-200-originals"]
    assert metrics["synthetic"] and set(own) == {"film", "random"}
    accuracy = own["film"]["accuracy"]
    assert accuracy["value"] == pytest.approx(17 / 42) and accuracy["low"] < 17 / 42 < accuracy["high"]
    table = tables.read(evaluated / "results.csv", "results")
    leaky = table["note"].str.contains(LEAKY)
    assert (leaky == (table["protocol"] == "random")).all()
    assert "auc" not in set(table["metric"])


def test_figures_are_drawn(evaluated, tmp_path):
    path = tmp_path / "confusion.svg"
    sfew_figures.write_confusion(evaluated / "confusion.csv", "resnet50-200-originals", "random", path)
    text = path.read_text(encoding="utf-8")
    assert "random folds, fold 3: accuracy 42.9 %, mean 40.5 %" in text
    assert f"synthetic data; {LEAKY}" in text
    with pytest.raises(InputError, match="has no rows"):
        sfew_figures.write_confusion(evaluated / "confusion.csv", "resnet18-50-crops", "film", path)
    for synthetic in (True, False):
        folds = fold_table({"resnet50-100-crops": ["random", "film", "spi"]}, synthetic=synthetic)
        tables.write(folds.astype({"fold": "Int64"}), tmp_path / "folds.csv", "sfew_folds")
        sfew_figures.write_folds([tmp_path / "folds.csv"], tmp_path / "folds.svg", 7)
        text = (tmp_path / "folds.svg").read_text(encoding="utf-8")
        assert ("synthetic data" in text) == synthetic and ("the paper's mean" in text) != synthetic
        assert f"random folds ({LEAKY})" in text and "chance, 14.3 %" in text
