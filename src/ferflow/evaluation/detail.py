"""A closer look at the same predictions: against each other, calibration, by sex, confidence, errors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from ferflow import tables
from ferflow.evaluation import predictions as predictions_table
from ferflow.evaluation.calibration import calibration
from ferflow.evaluation.compare import comparisons
from ferflow.evaluation.confidence import confidences, confidences_by_class
from ferflow.evaluation.confusion import confusion
from ferflow.evaluation.controls import is_control
from ferflow.evaluation.detail_tables import SCHEMAS, TITLES
from ferflow.evaluation.errors import error_counts
from ferflow.evaluation.fusions import FOUND, fusion_name, is_fusion
from ferflow.evaluation.groups import by_sex
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
) -> None:
    """Write the tables of `detail_tables.TITLES` (.csv) to the folder `out_tables`.

    The predictions are those of models, fusions and annotators. Of the fusions only those that were found in
    cross-validation take part: the listed ones stand in schema `fusion`. Of the annotators only the majority
    does; controls are not compared.
    """
    frame = chosen(predictions_table.read(predictions_csvs, emotions, manifest_csv), emotions)
    manifest = tables.read(manifest_csv, "manifest").set_index("clip_id")
    note = study_note(protocol)
    scored = frame[frame["protocol"] != HUMAN]
    test = frame[frame["protocol"].isin(("test", HUMAN))]
    models = compared(test)
    errors, bins = calibration(scored, emotions, settings, evaluation, seed, note)
    found = {
        "comparisons": comparisons(test[test["model"].isin(models)], models, evaluation, seed, note),
        "calibration": errors,
        "reliability": bins,
        "results_by_sex": by_sex(frame, manifest["sex"], emotions, evaluation, seed, note),
        "confidences": confidences(scored, emotions, settings.listed, note),
        "confidences_by_class": confidences_by_class(scored, emotions, note),
        "error_counts": error_counts(frame, emotions, evaluation, seed, note),
        "confusion_beside": confusion(test[test["model"].isin(models)], emotions, note),
    }
    for name in TITLES:
        tables.write(found[name], Path(out_tables) / f"{name}.csv", SCHEMAS.get(name, name))


def chosen(predictions: pd.DataFrame, emotions: Sequence[str]) -> pd.DataFrame:
    """The rows that a closer look is worth: models, fusions that were found, and the annotators' majority."""
    shown = [fusion_name(name) for name in FOUND]
    listed = predictions["model"].map(lambda model: is_fusion(model) and model not in shown)
    models = predictions[(predictions["protocol"] != HUMAN) & ~listed]
    return pd.concat([models, majority(predictions, emotions)], ignore_index=True)


def compared(test: pd.DataFrame) -> list[str]:
    """The models of a test table in the order they are compared in: models, fusions, the majority."""
    models = [model for model in dict.fromkeys(test["model"]) if not is_control(model)]
    return sorted(models, key=lambda model: (is_majority(model), is_fusion(model)))
