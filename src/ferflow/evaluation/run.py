"""From predictions to metrics and tables: what the workflow calls."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from ferflow import tables
from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.evaluation import predictions as predictions_table
from ferflow.evaluation.classes import class_report
from ferflow.evaluation.confusion import confusion
from ferflow.evaluation.errors import errors
from ferflow.evaluation.results import nested, results, study_note
from ferflow.files import write_text
from ferflow.settings import Evaluation


def collect(
    predictions_csvs: Iterable[str | Path],
    manifest_csv: str | Path,
    out: str | Path,
    emotions: Sequence[str],
) -> None:
    """Check the predictions of all models, folds and controls and write them below one another to `out`."""
    frame = predictions_table.read(predictions_csvs, emotions, manifest_csv).drop(columns="synthetic")
    for column in ("fold", "seed"):
        frame[column] = frame[column].astype("Int64")
    tables.write(frame, out, "predictions")


def evaluate(
    predictions_csvs: Iterable[str | Path],
    manifest_csv: str | Path,
    out_metrics: str | Path,
    out_tables: str | Path,
    settings: Evaluation,
    seed: int,
    emotions: Sequence[str],
    protocol: str = "honest",
) -> None:
    """Evaluate clips: metrics.json, and results, confusion, errors and class_report (.csv) in `out_tables`.

    `protocol` is the study's setting; `published` is written into every row's note.
    """
    frame = predictions_table.read(predictions_csvs, emotions, manifest_csv)
    _write(frame, out_metrics, Path(out_tables), "", settings, seed, emotions, protocol)


def evaluate_spatial(
    predictions_csv: str | Path,
    out_metrics: str | Path,
    out_tables: str | Path,
    settings: Evaluation,
    seed: int,
    synthetic: bool,
    emotions: Sequence[str] = EMOTIONS_NEUTRAL,
    protocol: str = "honest",
) -> None:
    """The same for the still images of the spatial phase, with `spatial_` before each table's name.

    There is no manifest of stills, so whether they are `synthetic` must be said. The bootstrap is over
    subjects where `subject_id` is given, else over images.
    """
    frame = predictions_table.read([predictions_csv], emotions)
    frame["synthetic"] = synthetic
    _write(frame, out_metrics, Path(out_tables), "spatial_", settings, seed, emotions, protocol)


def tabulate(
    predictions_csvs: Iterable[str | Path],
    manifest_csv: str | Path,
    out: str | Path,
    settings: Evaluation,
    seed: int,
    emotions: Sequence[str],
    protocol: str = "honest",
) -> None:
    """Write schema `results` of clips alone to `out`; no rows where there are no predictions."""
    paths = list(predictions_csvs)
    if paths:
        frame = predictions_table.read(paths, emotions, manifest_csv)
        table = results(frame, emotions, settings, seed, study_note(protocol))
    else:
        table = pd.DataFrame(columns=tables.schema("results").names)
    tables.write(table, out, "results")


def _write(frame, out_metrics, folder, prefix, settings, seed, emotions, protocol) -> None:
    note = study_note(protocol)
    pooled = predictions_table.judged(frame) == "cv"
    table = results(frame, emotions, settings, seed, note, pooled)
    tables.write(table, folder / f"{prefix}results.csv", "results")
    tables.write(confusion(frame, emotions, note), folder / f"{prefix}confusion.csv", "confusion")
    tables.write(errors(frame, emotions, note), folder / f"{prefix}errors.csv", "errors")
    tables.write(class_report(frame, emotions, note), folder / f"{prefix}class_report.csv", "class_report")
    write_text(out_metrics, json.dumps(nested(table, settings, seed, protocol), indent=2) + "\n")
