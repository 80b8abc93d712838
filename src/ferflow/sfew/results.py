"""What every model of the study says under every protocol: metrics with intervals, and confusion matrices.

In these tables a model's name carries the protocol, as `resnet50-200-originals@random`, since one image is
judged once under each.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from ferflow import tables
from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.evaluation import predictions as predictions_table
from ferflow.evaluation.confusion import confusion
from ferflow.evaluation.images import with_views
from ferflow.evaluation.results import LEAKY, nested, results
from ferflow.files import write_text
from ferflow.settings import Evaluation
from ferflow.sfew.folds import LEAKY as LEAKY_PROTOCOLS


def collect(predictions_csvs: Mapping[str, Sequence[str | Path]], synthetic: bool) -> pd.DataFrame:
    """Schema `predictions` of all files (protocol: paths) with `synthetic`; names carry the protocol.

    Raises InputError for a file that is no such table, or that predicts an image twice.
    """
    parts = []
    for protocol, paths in predictions_csvs.items():
        if paths:
            frame = predictions_table.read(paths, EMOTIONS_NEUTRAL)
            frame["model"] = [with_views(model, protocol) for model in frame["model"]]
            parts.append(frame)
    return pd.concat(parts, ignore_index=True).assign(synthetic=synthetic)


def protocol_of(frame: pd.DataFrame) -> pd.Series:
    """The protocol that each row's model name carries."""
    return frame["model"].str.rpartition("@")[2]


def nearest_fold(frame: pd.DataFrame) -> tuple[int, float, float]:
    """The fold of one model whose accuracy is nearest the mean, that accuracy, and the mean (section 3.2).

    Of equally near ones the first.
    """
    right = (frame["emotion"] == frame["predicted"]).groupby(frame["fold"]).mean().sort_index()
    # Rounded, so that equal distances do not differ in their last bit.
    fold = (right - right.mean()).abs().round(9).idxmin()
    return int(fold), float(right.loc[fold]), float(right.mean())


def representative(frame: pd.DataFrame) -> pd.DataFrame:
    """Schema `confusion` of each model in its `nearest_fold`, which the note names."""
    parts = []
    for _, rows in frame.groupby("model", sort=True):
        fold, accuracy, mean = nearest_fold(rows)
        note = f"fold {fold + 1}: accuracy {100 * accuracy:.1f} %, mean {100 * mean:.1f} %"
        mark = LEAKY if (protocol_of(rows.iloc[:1]).isin(LEAKY_PROTOCOLS)).all() else ""
        one = rows[rows["fold"] == fold]
        parts.append(confusion(one, EMOTIONS_NEUTRAL, "; ".join(filter(None, [note, mark]))))
    return pd.concat(parts, ignore_index=True)


def evaluate(
    predictions_csvs: Mapping[str, Sequence[str | Path]],
    synthetic: bool,
    settings: Evaluation,
    seed: int,
    study_protocol: str,
    out_metrics: str | Path,
    out_predictions: str | Path,
    out_results: str | Path,
    out_confusion: str | Path,
) -> None:
    """Write metrics.json, all predictions, and the tables results and confusion (of `representative`).

    The bootstrap draws films where the predictions name them. Random folds are marked as leaky.
    """
    frame = collect(predictions_csvs, synthetic)
    leaky = protocol_of(frame).isin(LEAKY_PROTOCOLS)
    # Without probabilities no AUC: the paper has none, and its bootstrap would take most of the time.
    said = frame.drop(columns=[f"p_{emotion}" for emotion in EMOTIONS_NEUTRAL])
    parts = [
        results(said[chosen], EMOTIONS_NEUTRAL, settings, seed, note)
        for chosen, note in ((leaky, LEAKY), (~leaky, ""))
        if chosen.any()
    ]
    whole = pd.concat(parts, ignore_index=True).sort_values("model", kind="stable", ignore_index=True)
    tables.write(whole, out_results, "results")
    tables.write(representative(frame), out_confusion, "confusion")
    for column in ("fold", "seed"):
        frame[column] = frame[column].astype("Int64")
    tables.write(frame.drop(columns="synthetic"), out_predictions, "predictions")
    text = json.dumps(nested(whole, settings, seed, study_protocol), indent=2)
    write_text(out_metrics, text + "\n")
