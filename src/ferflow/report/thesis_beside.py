"""The thesis's numbers (Cao 2022), each beside ours or the reason why there is none; one table per its own.

What is measured on synthetic data, or by simulated annotators, shows that the workflow runs, and not how well
a method reads real faces: `real` says no, and there is no difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from ferflow import tables
from ferflow.evaluation import predictions as predictions_table
from ferflow.report.published import NOT_COMPARABLE, published
from ferflow.report.thesis_ours import FINDERS, Ours

STUDY = "thesis"
TITLES = {
    "3.2": "Pretrained networks (thesis, Table 3.2)",
    "3.3": "Images of FER2013 (thesis, Table 3.3)",
    "3.4": "Fine-tuned networks (thesis, Table 3.4)",
    "3.5": "Spatial model by emotion (thesis, Table 3.5)",
    "3.6": "Best models (thesis, Table 3.6)",
    "3.7": "Fusion (thesis, Table 3.7)",
    "3.2.4": "Cascades in cross-validation (thesis, section 3.2.4)",
    "3.2.5": "C3D in cross-validation (thesis, section 3.2.5)",
    "fig3.4": "Clip lengths after trimming (thesis, Figure 3.4)",
    "fig3.15": "Parameters of the LSTM (thesis, Figure 3.15)",
    "fig3.22": "Parameters of C3D (thesis, Figure 3.22)",
    "fig3.25": "Human ground truth (thesis, Figure 3.25)",
    "fig3.28": "Recall of the cascades (thesis, Figure 3.28)",
    "fig3.29": "Mislabelled clips of VGGFace + 1D-CNN (thesis, Figure 3.29)",
}
"""The thesis's tables, sections and figures that give numbers, in the order they are shown in."""
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


def file_name(table: str) -> str:
    """Name of a table's files: `fig3.29` as `thesis_fig3_29`."""
    return f"thesis_{table.replace('.', '_')}"


def beside(ours: Ours, table: str) -> pd.DataFrame:
    """Schema `thesis_beside`: every row that published.csv has of `table` (a key of TITLES)."""
    rows = []
    for row in published(STUDY, table).itertuples(index=False):
        base = {
            "study": row.study,
            "table": row.table,
            "item": row.item,
            "metric": row.metric,
            "split": row.split,
            "published": row.value,
            "published_note": row.note,
            "model": "",
            "data": "",
            "real": "",
            "synthetic": False,
            "note": "",
        }
        rows.append(_compared(base | FINDERS[table](row, ours)))
    frame = pd.DataFrame(rows).reindex(columns=list(tables.schema("thesis_beside")["properties"]))
    return frame.astype(dict.fromkeys(("published", "ours", "low", "high", "difference"), float))


def load(
    table_csvs: Mapping[str, str | Path],
    predictions_csv: str | Path,
    manifest_csv: str | Path,
    emotions: Sequence[str],
    **about,
) -> Ours:
    """Ours from files: `table_csvs` maps fields of `Ours` to CSV tables; `about` are its other fields."""
    schemas = {"spatial_class_report": "class_report"}
    found = {name: tables.read(path, schemas.get(name, name)) for name, path in table_csvs.items()}
    frame = predictions_table.read([predictions_csv], emotions, manifest_csv)
    return Ours(predictions=frame, **found, **about)


def write(ours: Ours, folder: str | Path) -> None:
    """Write every table of TITLES as CSV to `folder`, under its `file_name`."""
    for table in TITLES:
        tables.write(beside(ours, table), Path(folder) / f"{file_name(table)}.csv", "thesis_beside")


def _compared(row: dict) -> dict:
    """`row` with what can be said of its two numbers."""
    value, simulated = row.get("ours"), row.pop("simulated", False)
    if value is None or pd.isna(value):
        return row | {"data": "", "real": "", "synthetic": False}
    scale = 100 if row["metric"] in MEASURED else 1
    difference = scale * (value - row["published"])
    if row["metric"] in UNBOUND:
        return row | {"difference": difference, "data": "", "synthetic": False}
    if row["synthetic"] or simulated:
        reasons = [NOT_COMPARABLE] * row["synthetic"] + [SIMULATED] * simulated
        return row | {"data": "; ".join(reasons), "real": "no"}
    return row | {"difference": difference, "real": "yes"}
