"""The thesis's other rule for a final score: its folds' best models on the test subjects (section 3.2.3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ferflow import tables
from ferflow.errors import InputError
from ferflow.evaluation import predictions as predictions_table
from ferflow.evaluation.bootstrap import Spread, interval
from ferflow.evaluation.results import draws, few_of, marks, n_subjects
from ferflow.settings import Evaluation


def fold_models(
    tested: pd.DataFrame, final: pd.DataFrame, emotions: Sequence[str], settings: Evaluation, seed: int
) -> pd.DataFrame:
    """Schema `fold_models` from two checked predictions tables of the test subjects.

    `tested` has a fold in every row: the predictions of the model that stopped at its best on that fold.
    `final` has the final model's rows. The score is the mean over folds; intervals draw subjects anew, the
    same for all folds and for the final model. Raises InputError where they were not shown the same clips.
    """
    rows = []
    for model, parts in tested.groupby("model", sort=False):
        last = final[(final["model"] == model) & (final["protocol"] == "test")].sort_values("clip_id")
        drawn, values = [], []
        for fold, part in parts.groupby("fold", sort=True):
            part = part.sort_values("clip_id")
            if part["clip_id"].tolist() != last["clip_id"].tolist():
                problem = f"fold {fold} of {model} was not shown the final model's clips"
                raise InputError("fold_test_predictions.csv", problem, "run that fold again")
            value, spread = _accuracy(part, emotions, settings, seed)
            values.append(value)
            drawn.append(spread)
        of_final, final_spread = _accuracy(last, emotions, settings, seed)
        row = {
            "model": model,
            "n_folds": len(values),
            "accuracy": float(np.mean(values)),
            "least": min(values),
            "greatest": max(values),
            "final": of_final,
            "difference": float(np.mean(values)) - of_final,
            "n_clips": len(last),
            "n_subjects": n_subjects(last),
            **marks(parts, few_of(last)),
        }
        if final_spread is not None:
            mean = np.mean([one.values for one in drawn], axis=0)
            about = final_spread.freedom, final_spread.n
            ends = interval(row["accuracy"], Spread(mean, *about), settings.confidence)
            row["low"], row["high"] = ends
            apart = Spread(mean - final_spread.values, *about)
            ends = interval(row["difference"], apart, settings.confidence, "difference")
            row["difference_low"], row["difference_high"] = ends
        rows.append(row)
    return tables.from_rows(rows, "fold_models")


def _accuracy(
    frame: pd.DataFrame, emotions: Sequence[str], settings: Evaluation, seed: int
) -> tuple[float, Spread | None]:
    """Accuracy and its bootstrap; None with a single subject."""
    drawn = draws(frame, emotions, settings, seed)
    value = float(np.mean(frame["emotion"].to_numpy() == frame["predicted"].to_numpy()))
    return value, None if drawn is None else drawn["accuracy"]


def write(
    tested_csvs: Iterable[str | Path],
    predictions_csv: str | Path,
    manifest_csv: str | Path,
    out: str | Path,
    emotions: Sequence[str],
    settings: Evaluation,
    seed: int,
    protocol: str = "honest",
) -> None:
    """Write schema `fold_models` from `fold_test_predictions.csv` of the folds and `predictions.csv`."""
    frames = [predictions_table.read([path], emotions, manifest_csv, protocol) for path in tested_csvs]
    final = predictions_table.read([predictions_csv], emotions, manifest_csv)
    table = fold_models(pd.concat(frames, ignore_index=True), final, emotions, settings, seed)
    tables.write(table, out, "fold_models")
