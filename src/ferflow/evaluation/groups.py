"""Results of women's and men's clips apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ferflow import tables
from ferflow.classes import SEXES
from ferflow.evaluation.bootstrap import interval, resampled, unit_confusions
from ferflow.evaluation.metrics import from_confusion, measure
from ferflow.evaluation.results import n_subjects, units
from ferflow.settings import Evaluation

MEASURED = ("accuracy", "f1")
"""Metrics that are shown by sex."""
DIFFERENCE = "difference"


def by_sex(
    predictions: pd.DataFrame,
    sexes: pd.Series,
    emotions: Sequence[str],
    settings: Evaluation,
    seed: int,
    note: str = "",
) -> pd.DataFrame:
    """Schema `results_by_sex` from a checked predictions table (with `synthetic`).

    `sexes` maps a clip to female, male, or nothing, whose clips are left out. Folds are pooled, since a fold
    may lack a sex. The difference is women less men; it is not there where one of them is missing.
    """
    rows = []
    sex = predictions["clip_id"].map(sexes).fillna("")
    for (model, protocol), group in predictions.groupby(["model", "protocol"], sort=True):
        values, spreads = {}, {}
        common = {"model": model, "protocol": protocol, "synthetic": bool(group["synthetic"].any())}
        for place, name in enumerate(SEXES):
            part = group[sex.loc[group.index] == name]
            if part.empty:
                continue
            values[name] = measure(part["emotion"], part["predicted"], emotions)
            spreads[name] = _spread(part, emotions, settings, seed + place)
            rows += _rows(common, name, part, values[name], spreads[name], settings, note)
        if len(values) == len(SEXES):
            first, second = SEXES
            both = group[sex.loc[group.index].isin(SEXES)]
            less = {m: values[first][m] - values[second][m] for m in MEASURED}
            apart = None
            if spreads[first] is not None and spreads[second] is not None:
                apart = {m: spreads[first][m] - spreads[second][m] for m in MEASURED}
            rows += _rows(common, DIFFERENCE, both, less, apart, settings, note)
    columns = list(tables.schema("results_by_sex")["properties"])
    return pd.DataFrame(rows).reindex(columns=columns).astype({"low": float, "high": float})


def _spread(
    part: pd.DataFrame, emotions: Sequence[str], settings: Evaluation, seed: int
) -> dict[str, np.ndarray] | None:
    index = {emotion: k for k, emotion in enumerate(emotions)}
    truth, said = (part[column].map(index).to_numpy(int) for column in ("emotion", "predicted"))
    matrices = unit_confusions(truth, said, units(part), len(emotions))
    if len(matrices) < 2:
        return None
    return from_confusion(resampled(matrices, settings.bootstrap, np.random.default_rng(seed)))


def _rows(
    common: dict,
    sex: str,
    part: pd.DataFrame,
    values: dict[str, float],
    spread: dict[str, np.ndarray] | None,
    settings: Evaluation,
    note: str,
) -> list[dict]:
    remarks = [note] if note else []
    if spread is None:
        remarks.insert(0, "one subject: no interval")
    rows = []
    for metric in MEASURED:
        low, high = (None, None) if spread is None else interval(spread[metric], settings.confidence)
        about = {"sex": sex, "metric": metric, "value": values[metric], "low": low, "high": high}
        size = {"n_clips": len(part), "n_subjects": n_subjects(part), "note": "; ".join(remarks)}
        rows.append(common | about | size)
    return rows
