"""Further tables of the same predictions: comparisons, calibration, confidences, errors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from ferflow import tables
from ferflow.evaluation import predictions
from ferflow.evaluation.calibration import calibration
from ferflow.evaluation.classification import confidences, confidences_by_class, confusion, error_counts
from ferflow.evaluation.compare import comparisons
from ferflow.evaluation.predictions import CHOSEN_FUSIONS, HUMAN, PEOPLE, fusion_name
from ferflow.settings import Calibration, Evaluation

TITLES = {
    "comparisons": "Models against each other",
    "calibration": "Calibration: confidence against accuracy",
    "reliability": "Accuracy in bins of confidence",
    "confidences": "Most and least confident clips",
    "confidences_by_class": "Confidences of the clips that are right",
    "error_counts": "Errors by emotion",
    "confusion_with_annotators": "Confusion of models and annotators",
}
SCHEMAS = {"confusion_with_annotators": "confusion"}
"""Schemas of tables that have another name."""


def write_details(
    predictions_csvs: Iterable[str | Path],
    manifest_csv: str | Path,
    out_folder: str | Path,
    settings: Calibration,
    evaluation: Evaluation,
    seed: int,
    emotions: Sequence[str],
    protocol: str = "honest",
) -> None:
    """Write the tables of `TITLES` (.csv) to `out_folder`.

    The predictions are those of models, fusions and annotators. Of the fusions only those that were found in
    cross-validation take part: the listed ones stand in schema `fusion`. Of the annotators only the majority
    does; controls are not compared. Models are compared on the test subjects' clips, or by cross-validation
    where nobody is held out.
    """
    frame = chosen(predictions.read(predictions_csvs, emotions, manifest_csv, protocol))
    scored = frame[frame["protocol"] != HUMAN]
    compared = frame[frame["protocol"].isin((predictions.evaluation_protocol(frame), HUMAN))]
    compared = compared[compared["role"] != "control"]
    errors, bins = calibration(scored, emotions, settings, evaluation, seed)
    made = {
        "comparisons": comparisons(compared, compared_models(compared), evaluation, seed),
        "calibration": errors,
        "reliability": bins,
        "confidences": confidences(scored, emotions, settings.listed),
        "confidences_by_class": confidences_by_class(scored, emotions),
        "error_counts": error_counts(frame, emotions, evaluation, seed),
        "confusion_with_annotators": confusion(compared, emotions),
    }
    for name in TITLES:
        tables.write(made[name], Path(out_folder) / f"{name}.csv", SCHEMAS.get(name, name))


def chosen(frame: pd.DataFrame) -> pd.DataFrame:
    """All rows but those of listed fusions."""
    shown = [fusion_name(name) for name in CHOSEN_FUSIONS]
    return frame[(frame["role"] != "fusion") | frame["model"].isin(shown)].reset_index(drop=True)


def compared_models(compared: pd.DataFrame) -> list[str]:
    """The models of one protocol's table in the order they are compared in: models, fusions, people."""
    roles = dict(zip(compared["model"], compared["role"], strict=True))
    return sorted(roles, key=lambda model: (roles[model] in PEOPLE, roles[model] == "fusion"))
