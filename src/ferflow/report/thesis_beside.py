"""The thesis's numbers (Cao 2022), each beside ours or the reason why there is none; one table per its own.

What is measured on synthetic data, or by simulated annotators, shows that the workflow runs, and not how well
a method reads real faces: `real` says no, and there is no difference. Nor is there one beside another network
than the thesis's: its rows name both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from ferflow import tables
from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.evaluation import predictions as predictions_table
from ferflow.report.published import (
    NOT_COMPARABLE,
    VGGFACE,
    facts,
    other_models,
    other_network,
    published,
)
from ferflow.report.thesis_ours import FINDERS, Ours
from ferflow.report.thesis_titles import STUDY, TITLES, file_name

SIMULATED = "simulated annotators: not comparable"
MEASURED = (
    "accuracy",
    "max_accuracy",
    "train_minus_validation",
    "precision",
    "recall",
    "recall_min",
    "recall_max",
    "f1",
    "imagenet_top1",
    "imagenet_top5",
    "mean_of_medians",
    "median_accuracy",
)
"""Metrics that are shares, shown in percent, with differences in points."""
UNBOUND = ("parameters", "trainable_parameters")
"""Metrics that do not depend on the data."""
OF_VGGFACE = "3.5"
"""The table whose network for single images, there alone, is VGGFace."""
OF_RUNS = "3.2.4"
"""The table of heads in experiments, whose names do not tell the network below."""


def beside(ours: Ours, table: str) -> pd.DataFrame:
    """Schema `thesis_beside`: every row that published.csv has of `table` (a key of TITLES)."""
    rows = []
    for row in published(STUDY, table).itertuples(index=False):
        base = facts(row) | {"real": "", "note": ""}
        rows.append(_compared(base | FINDERS[table](row, ours), ours))
    frame = pd.DataFrame(rows).reindex(columns=tables.schema("thesis_beside").names)
    return frame.astype(dict.fromkeys(("published", "ours", "low", "high", "difference"), float))


def load(
    table_csvs: Mapping[str, str | Path],
    predictions_csv: str | Path,
    manifest_csv: str | Path,
    emotions: Sequence[str],
    spatial_predictions_csv: str | Path | None = None,
    synthetic_stills: bool = False,
    **about,
) -> Ours:
    """Ours from files: `table_csvs` maps fields of `Ours` to CSV tables; `about` are its other fields.

    There is no manifest of stills, so whether they are synthetic must be said.
    """
    schemas = {
        "spatial_results": "results",
        "experiment_results": "results",
        "experiment_epochs": "cv_epochs",
    }
    found = {name: tables.read(path, schemas.get(name, name)) for name, path in table_csvs.items()}
    frame = predictions_table.read([predictions_csv], emotions, manifest_csv)
    if spatial_predictions_csv is not None:
        stills = predictions_table.read([spatial_predictions_csv], EMOTIONS_NEUTRAL)
        found["spatial_predictions"] = stills.assign(synthetic=synthetic_stills)
    return Ours(predictions=frame, **found, **about)


def write(ours: Ours, folder: str | Path) -> None:
    """Write every table of TITLES as CSV to `folder`, under its `file_name`."""
    for table in TITLES:
        tables.write(beside(ours, table), Path(folder) / f"{file_name(table)}.csv", "thesis_beside")


def _compared(row: dict, ours: Ours) -> dict:
    """`row` with what can be said of its two numbers."""
    value, simulated = row.get("ours"), row.pop("simulated", False)
    models = row.pop("members", row["model"])
    if value is None or pd.isna(value):
        return row | {"data": "", "real": "", "synthetic": False}
    scale = 100 if row["metric"] in MEASURED else 1
    difference = scale * (value - row["published"])
    if row["metric"] in UNBOUND:
        return row | {"difference": difference, "data": "", "synthetic": False}
    if row["table"] == OF_VGGFACE:
        other = other_network(VGGFACE, [row["model"]])
    else:
        other = other_models(models, ours.others, ours.spatial if row["table"] == OF_RUNS else "")
    row["note"] = "; ".join(note for note in (other, row["note"]) if note)
    if row["synthetic"] or simulated:
        reasons = [NOT_COMPARABLE] * row["synthetic"] + [SIMULATED] * simulated
        return row | {"data": "; ".join(reasons), "real": "no"}
    return row | {"difference": None if other else difference, "real": "yes"}
