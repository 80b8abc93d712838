"""The table of results: every metric of every model, with intervals, in all and per fold.

The AUC stands there for models whose rows have probabilities.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ferflow.evaluation import auc
from ferflow.evaluation.bootstrap import interval, resampled, unit_confusions
from ferflow.evaluation.metrics import METRICS, SCORED, from_confusion, measure
from ferflow.evaluation.predictions import FOLDED
from ferflow.settings import Evaluation

LEAKY = "published protocol, leaky"
ABSENT = "no clip of"
"""Begins the note of a row in which classes have no clip."""


def study_note(protocol: str) -> str:
    """What every table of a study must say about its protocol (`honest` or `published`)."""
    return LEAKY if protocol == "published" else ""


def results(
    predictions: pd.DataFrame,
    emotions: Sequence[str],
    settings: Evaluation,
    seed: int,
    note: str = "",
    pooled: bool = False,
) -> pd.DataFrame:
    """Schema `results` from a checked predictions table (with `synthetic`).

    Under cv and nested the value is the mean over folds, and its interval comes from drawing subjects anew
    within each fold; each fold has rows of its own. Where models are judged by cross-validation (`pooled`),
    and where a fold holds a single subject, the clips of all folds count together and subjects are drawn from
    all of them. All models share the resamples of one seed, so that equal subjects are drawn for each. With
    fewer than two subjects there is no interval.
    """
    rows = []
    for (model, protocol), group in predictions.groupby(["model", "protocol"], sort=True):
        parts = [(None, group)]
        if protocol in FOLDED:
            parts = [(int(fold), part) for fold, part in group.groupby("fold", sort=True)]
        measured = [_part(part, emotions, settings, seed + (fold or 0)) for fold, part in parts]
        common = {
            "model": model,
            "protocol": protocol,
            "chance": 1 / len(emotions),
            "synthetic": bool(group["synthetic"].any()),
        }
        # Without probabilities (a human's rows, say) in any part there is no AUC.
        metrics = [m for m in (*METRICS, *SCORED) if all(m in value for value, _ in measured)]
        boots = [boot for _, boot in measured if boot is not None]
        if protocol in FOLDED and (pooled or len(boots) < len(measured)):
            values, spread = _part(group, emotions, settings, seed)
            remarks = [f"pooled over {len(parts)} folds"]
        else:
            values = {m: float(np.mean([value[m] for value, _ in measured])) for m in metrics}
            spread = {m: np.mean([boot[m] for boot in boots], axis=0) for m in metrics} if boots else None
            remarks = [f"mean over {len(parts)} folds"] if protocol in FOLDED else []
        remarks.append(absent(group, emotions))
        rows += _rows(common, None, group, values, spread, settings, [*remarks, note])
        if protocol in FOLDED:
            for (fold, part), (value, boot) in zip(parts, measured, strict=True):
                rows += _rows(common, fold, part, value, boot, settings, [absent(part, emotions), note])
    frame = pd.DataFrame(rows)
    frame["fold"] = frame["fold"].astype("Int64")
    return frame


def units(frame: pd.DataFrame) -> pd.Series:
    """What is drawn in the bootstrap: the subject, or the clip itself where no subject is known."""
    known = frame["subject_id"].fillna("").astype(str)
    # The separator keeps an image's name from meeting a subject's.
    return known.where(known != "", "image/" + frame["clip_id"].astype(str))


def n_subjects(frame: pd.DataFrame) -> int:
    """How many known subjects there are."""
    known = frame["subject_id"].fillna("").astype(str)
    return int(known[known != ""].nunique())


def absent(frame: pd.DataFrame, emotions: Sequence[str]) -> str:
    """What a row about `frame` must say where a class has no clip in it: macro means leave that one out."""
    present = set(frame["emotion"])
    lacking = [emotion for emotion in emotions if emotion not in present]
    return f"{ABSENT} {', '.join(lacking)}" if lacking else ""


def _part(
    part: pd.DataFrame, emotions: Sequence[str], settings: Evaluation, seed: int
) -> tuple[dict[str, float], dict[str, np.ndarray] | None]:
    value = measure(part["emotion"], part["predicted"], emotions)
    index = {emotion: i for i, emotion in enumerate(emotions)}
    truth, said = (part[column].map(index).to_numpy(int) for column in ("emotion", "predicted"))
    drawn = units(part)
    matrices = unit_confusions(truth, said, drawn, len(emotions))
    shares = _shares(part, emotions)
    area = np.nan if shares is None else float(auc.macro(auc.areas(truth, shares)))
    scored = not np.isnan(area)
    if scored:
        value["auc"] = area
    if len(matrices) < 2:
        return value, None
    boot = from_confusion(resampled(matrices, settings.bootstrap, np.random.default_rng(seed)))
    if scored:
        rng = np.random.default_rng(seed)
        boot["auc"] = auc.macro(auc.resampled_areas(truth, shares, drawn, settings.bootstrap, rng))
    return value, boot


def _shares(part: pd.DataFrame, emotions: Sequence[str]) -> np.ndarray | None:
    """The probabilities [N,K] of all rows, or None where any is missing."""
    columns = [f"p_{emotion}" for emotion in emotions]
    if not set(columns) <= set(part.columns) or part[columns].isna().any(axis=None):
        return None
    return part[columns].to_numpy(float)


def _rows(
    common: dict,
    fold: int | None,
    part: pd.DataFrame,
    value: dict[str, float],
    spread: dict[str, np.ndarray] | None,
    settings: Evaluation,
    remarks: list[str],
) -> list[dict]:
    rows = []
    if spread is None:
        remarks = [*remarks, "one subject: no interval"]
    for metric in value:
        low, high = (None, None) if spread is None else interval(spread[metric], settings.confidence)
        rows.append(
            common
            | {
                "fold": fold,
                "metric": metric,
                "value": value[metric],
                "low": low,
                "high": high,
                "n_clips": len(part),
                "n_subjects": n_subjects(part),
                "note": "; ".join(remark for remark in remarks if remark),
            }
        )
    return rows


def nested(frame: pd.DataFrame, settings: Evaluation, seed: int, study: str) -> dict:
    """The results as nested dictionaries, the shape of metrics.json: models → model → protocol → metric."""
    models: dict = {}
    for row in frame.to_dict("records"):
        place = models.setdefault(row["model"], {}).setdefault(row["protocol"], {})
        if not pd.isna(row["fold"]):
            # A list, which `dvc metrics` passes over: its columns stay those of the models.
            folds = place.setdefault("folds", [])
            if not folds or folds[-1]["fold"] != row["fold"]:
                folds.append({"fold": int(row["fold"])})
            place = folds[-1]
        place.setdefault("n_clips", row["n_clips"])
        place.setdefault("n_subjects", row["n_subjects"])
        low, high = (None if pd.isna(row[end]) else float(row[end]) for end in ("low", "high"))
        place[row["metric"]] = {"value": float(row["value"]), "low": low, "high": high}
    return {
        "synthetic": bool(frame["synthetic"].any()),
        "study_protocol": study,
        "chance": float(frame["chance"].iloc[0]),
        "confidence": settings.confidence,
        "bootstrap": settings.bootstrap,
        "seed": seed,
        "models": models,
    }
