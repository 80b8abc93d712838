"""From predictions to metrics and tables, for studies of all kinds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import pandas as pd

from ferflow import tables
from ferflow.evaluation import predictions
from ferflow.evaluation.classification import class_report, confusion, errors
from ferflow.evaluation.copies import set_apart
from ferflow.evaluation.metrics import SCORED
from ferflow.evaluation.results import nested, results
from ferflow.files import write_text
from ferflow.settings import Evaluation, View


def collect(
    predictions_csvs: Sequence[str | Path],
    out: str | Path,
    emotions: Sequence[str],
    manifest_csv: str | Path | None = None,
) -> None:
    """Check the predictions of all models, folds and controls and write them below one another to `out`."""
    predictions.write(predictions.read(predictions_csvs, emotions, manifest_csv), out)


def evaluate(
    predictions_csvs: Sequence[str | Path],
    manifest_csv: str | Path | None,
    evaluation: Evaluation,
    emotions: Sequence[str],
    protocol: str,
    seed: int,
    out_metrics: str | Path,
    out_results: str | Path,
    out_confusion: str | Path,
    out_errors: str | Path | None = None,
    out_class_report: str | Path | None = None,
    out_copies: str | Path | None = None,
    copies_csvs: Sequence[str | Path] = (),
    scored: Sequence[str] = SCORED,
    representative: bool = False,
    weighted: bool = False,
    synthetic: bool | None = None,
) -> None:
    """Write metrics.json and the tables results, confusion and, where they are asked for, others of a study.

    `emotions` are its classes, `protocol` is its setting: all that rests on `published` protocols says so.
    Where a network was looked at images in several views, classes and errors are those of the simplest.

    `copies_csvs` list the images that a network has learnt from, and whose results are set apart; all of
    these are written to `out_copies`. `scored` as in `results`, `weighted` as in `class_report`. With
    `representative` the confusion matrices are each of one fold (`representative_fold`). Without a manifest
    `synthetic` must be given.
    """
    frame = predictions.read(predictions_csvs, emotions, manifest_csv, protocol)
    if synthetic is not None:
        frame["synthetic"] = synthetic
    if out_copies is not None:
        copies = pd.concat([tables.read(path, "copies") for path in copies_csvs], ignore_index=True)
        frame = set_apart(frame, copies)
        tables.write(copies, out_copies, "copies")
    pooled = predictions.evaluation_protocol(frame) == "cv"
    table = results(frame, emotions, evaluation, seed, pooled, scored)
    tables.write(table, out_results, "results")
    write_text(out_metrics, json.dumps(nested(table, evaluation, seed, protocol), indent=2) + "\n")
    frame = in_simplest_view(frame)
    matrices = representatives(frame, emotions) if representative else confusion(frame, emotions)
    tables.write(matrices, out_confusion, "confusion")
    if out_errors is not None:
        tables.write(errors(frame, emotions), out_errors, "errors")
    if out_class_report is not None:
        tables.write(class_report(frame, emotions, weighted), out_class_report, "class_report")


def tabulate(
    predictions_csvs: Sequence[str | Path],
    manifest_csv: str | Path,
    out: str | Path,
    settings: Evaluation,
    seed: int,
    emotions: Sequence[str],
    protocol: str = "honest",
) -> None:
    """Write schema `results` alone to `out`; no rows where there are no predictions."""
    if predictions_csvs:
        frame = predictions.read(predictions_csvs, emotions, manifest_csv, protocol)
        table = results(frame, emotions, settings, seed)
    else:
        table = pd.DataFrame(columns=tables.schema("results").names)
    tables.write(table, out, "results")


def in_simplest_view(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of the simplest of the views there are."""
    simplest = next((view for view in get_args(View) if (frame["view"] == view).any()), "")
    return frame[frame["view"] == simplest]


def representatives(frame: pd.DataFrame, emotions: Sequence[str]) -> pd.DataFrame:
    """Schema `confusion` of each model in its `representative_fold`, which the note names."""
    parts = []
    for _, rows in predictions.groups(frame):
        fold, accuracy, mean = representative_fold(rows)
        chosen = f"fold {fold + 1}: accuracy {100 * accuracy:.1f} %, mean {100 * mean:.1f} %"
        table = confusion(rows[rows["fold"] == fold], emotions)
        parts.append(table.assign(note=[f"{chosen}; {note}".removesuffix("; ") for note in table["note"]]))
    return pd.concat(parts, ignore_index=True)


def representative_fold(frame: pd.DataFrame) -> tuple[int, float, float]:
    """The fold of one model whose accuracy is nearest the mean, that accuracy, and the mean (Gong, 3.2).

    Of equally near ones the first.
    """
    right = (frame["emotion"] == frame["predicted"]).groupby(frame["fold"]).mean().sort_index()
    # Rounded, so that equal distances do not differ in their last bit.
    fold = (right - right.mean()).abs().round(9).idxmin()
    return int(fold), float(right.loc[fold]), float(right.mean())
