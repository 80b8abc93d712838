"""Metrics of expression, valence and arousal (Akhtar 2022, Tables 5 and 6, Figures 7 and 8).

Everything starts from predictions (schema `affect_predictions`). A metric that cannot be, as the correlation
of predictions that are all alike, is NaN with a note that says why.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ferflow import tables
from ferflow.classes import EMOTIONS_CONTEMPT
from ferflow.errors import InputError
from ferflow.evaluation import auc, bootstrap
from ferflow.evaluation.confusion import confusion
from ferflow.evaluation.metrics import from_confusion, per_class
from ferflow.evaluation.predictions import SUM_TOLERANCE, first_largest
from ferflow.files import write_text
from ferflow.settings import Evaluation

CLASSIFICATION = ("accuracy", "cohen_kappa", "auc_roc", "auc_pr", "macro_f1", "weighted_f1")
"""Of the expression; the first four are Table 5. The areas are macro means, each class against the rest."""
DIMENSIONS = ("valence", "arousal")
REGRESSION = tuple(f"{metric}_{name}" for metric in ("rmse", "corr", "sagr", "ccc") for name in DIMENSIONS)
"""Of valence and arousal (Table 6)."""
FROM_CONFUSION = {
    "accuracy": "accuracy",
    "cohen_kappa": "kappa",
    "macro_f1": "f1",
    "weighted_f1": "weighted_f1",
}
MACRO, WEIGHTED = "macro average", "weighted average"
SHARES = [f"p_{emotion}" for emotion in EMOTIONS_CONTEMPT]


def read(paths: Iterable[str | Path]) -> pd.DataFrame:
    """Predictions of several files below one another, checked: schema `affect_predictions`.

    `predicted` is the class with the greatest probability, the first one where several tie. Raises InputError
    for an empty file, an image that one model saw twice, probabilities that do not sum to one, and another
    `predicted` than the greatest.
    """
    frames = []
    for path in paths:
        frame = tables.read(path, "affect_predictions")
        if frame.empty:
            raise InputError(path, "holds no predictions", "run the step that makes it again")
        _check(path, frame)
        frames.append(frame)
    if not frames:
        raise InputError("predictions", "no table was given", "name at least one predictions.csv")
    whole = pd.concat(frames, ignore_index=True)
    twice = whole.duplicated(["model", "image_id"])
    if twice.any():
        row = whole[twice].iloc[0]
        raise InputError("predictions", f"{row.model} saw {row.image_id} twice", "keep one row of them")
    return whole


def _check(path: str | Path, frame: pd.DataFrame) -> None:
    shares = frame[SHARES].to_numpy(float)
    off = np.abs(shares.sum(1) - 1) > SUM_TOLERANCE
    _refuse(path, frame, off, "its probabilities do not sum to 1", "write the softmax of the logits")
    said = frame["predicted"].map(EMOTIONS_CONTEMPT.index).to_numpy(int)
    other = shares[np.arange(len(frame)), said] < shares.max(1) - SUM_TOLERANCE
    _refuse(path, frame, other, "predicted is not the class with the greatest probability", "correct it")
    frame["predicted"] = np.asarray(EMOTIONS_CONTEMPT, object)[first_largest(shares)]


def _refuse(path: str | Path, frame: pd.DataFrame, bad: np.ndarray, problem: str, remedy: str) -> None:
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise InputError(path, f"line {row + 2}, image {frame['image_id'].iloc[row]}: {problem}", remedy)


def average_precisions(truth: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Average precision [K] of each class against the rest: the area under precision over recall, AUC-PR.

    `truth` are class indices [N], `shares` probabilities [N,K]. NaN for a class that no row has.
    """
    from sklearn.metrics import average_precision_score

    found = np.full(shares.shape[1], np.nan)
    for k in range(shares.shape[1]):
        if (truth == k).any():
            found[k] = average_precision_score(truth == k, shares[:, k])
    return found


def classification(frame: pd.DataFrame) -> dict[str, tuple[float, str]]:
    """Each of CLASSIFICATION of one model's predictions as (value, note).

    A class that no image has takes no part in the macro areas, and the note names it.
    """
    truth, said, shares = _labels(frame)
    n_classes = len(EMOTIONS_CONTEMPT)
    labelled = from_confusion(bootstrap.unit_confusions(truth, said, np.zeros(len(truth)), n_classes)[0])
    found = {metric: (float(labelled[source]), "") for metric, source in FROM_CONFUSION.items()}
    if len(set(truth) | set(said)) < 2:
        found["cohen_kappa"] = (np.nan, "only one class among labels and predictions")
    for metric, areas in (
        ("auc_roc", auc.areas(truth, shares)),
        ("auc_pr", average_precisions(truth, shares)),
    ):
        lacking = [name for name, area in zip(EMOTIONS_CONTEMPT, areas, strict=True) if np.isnan(area)]
        note = f"without {', '.join(lacking)}: no curve" if lacking else ""
        found[metric] = (float(auc.macro(areas)), note)
    return {metric: found[metric] for metric in CLASSIFICATION}


def regression(true: np.ndarray, predicted: np.ndarray) -> dict[str, tuple[float, str]]:
    """RMSE, Pearson's correlation, sign agreement and concordance of two vectors [N], as (value, note).

    Sign agreement (SAGR, Mollahosseini 2017) is the share of pairs of one sign; a zero agrees with a zero
    alone. Concordance (CCC) is Lin's, with variances over n - 1 as torchmetrics has it: 0 where one of
    the two does not vary.
    """
    if len(true) == 0:
        return dict.fromkeys(("rmse", "corr", "sagr", "ccc"), (np.nan, "no image with a known value"))
    values = _from_moments(_moments(true, predicted).mean(0), len(true))
    notes = dict.fromkeys(values, "")
    for constant, what in (
        (np.ptp(predicted) == 0, "the predictions"),
        (np.ptp(true) == 0, "the true values"),
    ):
        if constant:
            values["corr"], notes["corr"] = np.nan, f"{what} do not vary"
    if np.isnan(values["ccc"]):
        notes["ccc"] = "neither varies, and both are alike"
    return {metric: (float(values[metric]), notes[metric]) for metric in values}


def _moments(true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """What all four metrics follow from once it is averaged over images: [N,6]."""
    x, y = np.asarray(true, float), np.asarray(predicted, float)
    return np.stack([x, y, x * x, y * y, x * y, np.sign(x) == np.sign(y)], axis=1)


def _from_moments(means: np.ndarray, n: int) -> dict[str, np.ndarray]:
    """The four metrics [...] from moments [...,6] averaged over `n` images; NaN where undefined."""
    x, y, xx, yy, xy, agree = np.moveaxis(means, -1, 0)
    # Sums of squares may fall below zero by their rounding.
    var_x, var_y, both = _positive(xx - x * x), _positive(yy - y * y), xy - x * y
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "rmse": np.sqrt(_positive(xx - 2 * xy + yy)),
            "corr": np.clip(both / np.sqrt(var_x * var_y), -1, 1),
            "sagr": agree,
            "ccc": 2 * both / (var_x + var_y + (x - y) ** 2 * (n - 1) / n),
        }


def _positive(values: np.ndarray) -> np.ndarray:
    return np.where(values > 1e-15, values, 0.0)


def _labels(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    index = EMOTIONS_CONTEMPT.index
    truth, said = (frame[column].map(index).to_numpy(int) for column in ("emotion", "predicted"))
    return truth, said, frame[SHARES].to_numpy(float)


def known(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """The rows whose true valence or arousal (`name`) is known."""
    return frame[frame[name].notna()]


def metrics(frame: pd.DataFrame, settings: Evaluation, seed: int) -> pd.DataFrame:
    """Schema `affect_metrics`: each metric of each model, with intervals by the bootstrap over images.

    The area under precision over recall has none, since its bootstrap takes a sort for each resample.
    """
    rows = []
    for model, mine in frame.groupby("model", sort=False):
        values = classification(mine)
        spread = _label_intervals(mine, settings, np.random.default_rng(seed))
        counts = dict.fromkeys(CLASSIFICATION, len(mine))
        for name in DIMENSIONS:
            there = known(mine, name)
            pairs = there[name].to_numpy(float), there[f"predicted_{name}"].to_numpy(float)
            found = regression(*pairs)
            intervals = _value_intervals(*pairs, settings, np.random.default_rng(seed))
            values |= {f"{metric}_{name}": value for metric, value in found.items()}
            spread |= {f"{metric}_{name}": interval for metric, interval in intervals.items()}
            counts |= {f"{metric}_{name}": len(there) for metric in found}
        for metric in (*CLASSIFICATION, *REGRESSION):
            value, note = values[metric]
            low, high = spread.get(metric, (np.nan, np.nan)) if np.isfinite(value) else (np.nan, np.nan)
            row = {"model": model, "metric": metric, "value": value, "low": low, "high": high}
            rows.append(row | {"n": counts[metric], "synthetic": bool(mine["synthetic"].any()), "note": note})
    table = pd.DataFrame(rows)
    return table.astype({"value": float, "low": float, "high": float})


def _label_intervals(
    frame: pd.DataFrame, settings: Evaluation, rng: np.random.Generator
) -> dict[str, tuple[float, float]]:
    truth, said, shares = _labels(frame)
    images = np.arange(len(truth))
    units = bootstrap.unit_confusions(truth, said, images, len(EMOTIONS_CONTEMPT))
    drawn = from_confusion(bootstrap.resampled(units, settings.bootstrap, rng))
    values = {metric: drawn[source] for metric, source in FROM_CONFUSION.items()}
    values["auc_roc"] = auc.macro(auc.resampled_areas(truth, shares, images, settings.bootstrap, rng))
    return {metric: _interval(drawn, settings.confidence) for metric, drawn in values.items()}


def _value_intervals(
    true: np.ndarray, predicted: np.ndarray, settings: Evaluation, rng: np.random.Generator
) -> dict[str, tuple[float, float]]:
    n = len(true)
    if n == 0:
        return {}
    moments = _moments(true, predicted)
    means = [drawn @ moments / n for drawn in bootstrap.chunked_draws(n, settings.bootstrap, rng)]
    values = _from_moments(np.concatenate(means), n)
    return {metric: _interval(drawn, settings.confidence) for metric, drawn in values.items()}


def _interval(values: np.ndarray, confidence: float) -> tuple[float, float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a metric that no resample has: no interval
        return bootstrap.interval(values, confidence)


def report(frame: pd.DataFrame) -> pd.DataFrame:
    """Schema `affect_report`: precision, recall, F1 and support per class, macro and weighted (Figures 7, 8).

    What cannot be (a class never predicted has no precision) counts as 0, as scikit-learn's report has it;
    the note says so.
    """
    parts = []
    for model, mine in frame.groupby("model", sort=False):
        truth, said, _ = _labels(mine)
        counts = bootstrap.unit_confusions(truth, said, np.zeros(len(truth)), len(EMOTIONS_CONTEMPT))[0]
        classes = pd.DataFrame(per_class(counts))
        support = counts.sum(1)
        table = pd.concat(
            [
                classes,
                classes.mean().to_frame().T,
                (classes.mul(support, axis=0).sum() / support.sum()).to_frame().T,
            ],
            ignore_index=True,
        )
        notes = [_undefined(n, called) for n, called in zip(support, counts.sum(0), strict=True)]
        parts.append(
            table.assign(
                model=model,
                emotion=[*EMOTIONS_CONTEMPT, MACRO, WEIGHTED],
                support=[*support, support.sum(), support.sum()],
                synthetic=bool(mine["synthetic"].any()),
                note=[*notes, "", ""],
            )
        )
    return pd.concat(parts, ignore_index=True)


def _undefined(images: int, called: int) -> str:
    if images and called:
        return ""
    return "no such image" if not images else "never predicted: no precision"


def confusions(frame: pd.DataFrame) -> pd.DataFrame:
    """Schema `affect_confusion`."""
    parts = []
    for _, mine in frame.groupby("model", sort=False):
        table = confusion(mine.assign(protocol="validation"), EMOTIONS_CONTEMPT)
        parts.append(table.drop(columns=["protocol", "note"]))
    return pd.concat(parts, ignore_index=True)


def nested(table: pd.DataFrame, settings: Evaluation, seed: int) -> dict:
    """Schema `affect_metrics` as nested values: models, their metrics; null where a metric cannot be."""

    def number(value: float) -> float | None:
        return None if pd.isna(value) else float(value)

    models: dict[str, dict] = {}
    for row in table.itertuples(index=False):
        one = {"value": number(row.value), "low": number(row.low), "high": number(row.high), "n": row.n}
        models.setdefault(row.model, {})[row.metric] = one | ({"note": row.note} if row.note else {})
    return {
        "synthetic": bool(table["synthetic"].any()),
        "bootstrap": settings.bootstrap,
        "confidence": settings.confidence,
        "seed": seed,
        "models": models,
    }


def evaluate(
    predictions_csvs: Sequence[str | Path],
    out_metrics: str | Path,
    out_tables: Mapping[str, str | Path],
    settings: Evaluation,
    seed: int,
) -> None:
    """metrics.json, and affect_metrics, affect_report and affect_confusion of `out_tables` (name: path)."""
    frame = read(predictions_csvs)
    table = metrics(frame, settings, seed)
    made = {
        "affect_metrics": table,
        "affect_report": report(frame),
        "affect_confusion": confusions(frame),
    }
    for name, one in made.items():
        tables.write(one, out_tables[name], name)
    write_text(out_metrics, json.dumps(nested(table, settings, seed), indent=2) + "\n")


def collect(predictions_csvs: Sequence[str | Path], out: str | Path) -> None:
    """All predictions below one another."""
    tables.write(read(predictions_csvs), out, "affect_predictions")
