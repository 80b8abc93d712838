"""A closer look at the same predictions: against each other, calibration, by group, confidence, errors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from ferflow import tables
from ferflow.controls import is_control
from ferflow.evaluation import predictions as predictions_table
from ferflow.evaluation.calibration import calibration
from ferflow.evaluation.compare import comparisons
from ferflow.evaluation.confidence import confidences, confidences_by_class
from ferflow.evaluation.confusion import confusion
from ferflow.evaluation.detail_tables import SCHEMAS, titles
from ferflow.evaluation.errors import error_counts
from ferflow.evaluation.fusions import FOUND, fusion_name, is_fusion
from ferflow.evaluation.groups import results_by
from ferflow.evaluation.majority import HUMAN, is_majority, majority
from ferflow.evaluation.results import study_note
from ferflow.settings import Calibration, Evaluation


def write_details(
    predictions_csvs: Iterable[str | Path],
    manifest_csv: str | Path,
    out_tables: str | Path,
    settings: Calibration,
    evaluation: Evaluation,
    seed: int,
    emotions: Sequence[str],
    protocol: str = "honest",
    by: Sequence[str] = (),
) -> None:
    """Write the tables of `detail_tables.titles` (.csv) to the folder `out_tables`.

    `by` are the columns of the manifest that put its clips into groups (`groups.used`).

    The predictions are those of models, fusions and annotators. Of the fusions only those that were found in
    cross-validation take part: the listed ones stand in schema `fusion`. Of the annotators only the majority
    does; controls are not compared. Models are set beside each other on the test subjects' clips, or by their
    cross-validation where nobody is held out.
    """
    frame = chosen(predictions_table.read(predictions_csvs, emotions, manifest_csv), emotions)
    manifest = tables.read(manifest_csv, "manifest")
    note = study_note(protocol)
    scored = frame[frame["protocol"] != HUMAN]
    judged = frame[frame["protocol"].isin((predictions_table.judged(frame), HUMAN))]
    models = compared(judged)
    errors, bins = calibration(scored, emotions, settings, evaluation, seed, note)
    found = {
        "comparisons": comparisons(judged[judged["model"].isin(models)], models, evaluation, seed, note),
        "calibration": errors,
        "reliability": bins,
        "results_by": results_by(frame, manifest, by, emotions, evaluation, seed, note),
        "confidences": confidences(scored, emotions, settings.listed, note),
        "confidences_by_class": confidences_by_class(scored, emotions, note),
        "error_counts": error_counts(frame, emotions, evaluation, seed, note),
        "confusion_beside": confusion(judged[judged["model"].isin(models)], emotions, note),
    }
    for name in titles(by):
        tables.write(found[name], Path(out_tables) / f"{name}.csv", SCHEMAS.get(name, name))


def chosen(predictions: pd.DataFrame, emotions: Sequence[str]) -> pd.DataFrame:
    """The rows that a closer look is worth: models, fusions that were found, and the annotators' majority."""
    shown = [fusion_name(name) for name in FOUND]
    listed = predictions["model"].map(lambda model: is_fusion(model) and model not in shown)
    models = predictions[(predictions["protocol"] != HUMAN) & ~listed]
    return pd.concat([models, majority(predictions, emotions)], ignore_index=True)


def compared(judged: pd.DataFrame) -> list[str]:
    """The models of one protocol's table in the order they are compared in: models, fusions, the majority."""
    models = [model for model in dict.fromkeys(judged["model"]) if not is_control(model)]
    return sorted(models, key=lambda model: (is_majority(model), is_fusion(model)))
