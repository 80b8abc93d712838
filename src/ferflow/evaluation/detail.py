"""A closer look at the same predictions: against each other, calibration, by group, confidence, errors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from ferflow import tables
from ferflow.evaluation import predictions
from ferflow.evaluation.calibration import calibration
from ferflow.evaluation.compare import comparisons
from ferflow.evaluation.confidence import confidences, confidences_by_class
from ferflow.evaluation.confusion import confusion
from ferflow.evaluation.detail_tables import SCHEMAS, TITLES
from ferflow.evaluation.errors import error_counts
from ferflow.evaluation.fusions import FOUND, fusion_name
from ferflow.evaluation.predictions import HUMAN, PEOPLE
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
    does; controls are not compared. Models are set beside each other on the test subjects' clips, or by their
    cross-validation where nobody is held out.
    """
    frame = chosen(predictions.read(predictions_csvs, emotions, manifest_csv, protocol))
    scored = frame[frame["protocol"] != HUMAN]
    judged = frame[frame["protocol"].isin((predictions.judged(frame), HUMAN))]
    judged = judged[judged["role"] != "control"]
    errors, bins = calibration(scored, emotions, settings, evaluation, seed)
    found = {
        "comparisons": comparisons(judged, compared_models(judged), evaluation, seed),
        "calibration": errors,
        "reliability": bins,
        "confidences": confidences(scored, emotions, settings.listed),
        "confidences_by_class": confidences_by_class(scored, emotions),
        "error_counts": error_counts(frame, emotions, evaluation, seed),
        "confusion_with_annotators": confusion(judged, emotions),
    }
    for name in TITLES:
        tables.write(found[name], Path(out_tables) / f"{name}.csv", SCHEMAS.get(name, name))


def chosen(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows that a closer look is worth: those of listed fusions are not."""
    shown = [fusion_name(name) for name in FOUND]
    return frame[(frame["role"] != "fusion") | frame["model"].isin(shown)].reset_index(drop=True)


def compared_models(judged: pd.DataFrame) -> list[str]:
    """The models of one protocol's table in the order they are compared in: models, fusions, people."""
    roles = dict(zip(judged["model"], judged["role"], strict=True))
    return sorted(roles, key=lambda model: (roles[model] in PEOPLE, roles[model] == "fusion"))
