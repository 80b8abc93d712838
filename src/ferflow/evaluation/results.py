"""Every metric of every model, with intervals, in all and per fold: as a table and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ferflow.evaluation import auc, regression
from ferflow.evaluation.bootstrap import Scale, Spread, interval, resampled, unit_confusions, weighted_sum
from ferflow.evaluation.metrics import METRICS, SCORED, from_confusion, measure, per_class
from ferflow.evaluation.predictions import FOLDED, codes, groups, scores
from ferflow.settings import Evaluation

LEAKY = "published protocol, leaky"
ABSENT = "no clip of"
"""Begins the note of a row in which classes have no clip."""
ONE = "one subject: no interval"
FEW = 20
"""Resampling units (subjects, or images where there are none) below which an interval is marked."""
BY_FILM = ("random", "film", "spi")
"""Protocols of SFEW, whose images hang on films."""
FEWER = f"fewer than {FEW} "
"""Begins that mark."""


def study_note(protocol: str) -> str:
    """The mark of every table of a study, by its leakage policy `protocol` (`honest` or `published`)."""
    return LEAKY if protocol == "published" else ""


def marks(rows: pd.DataFrame, *remarks: str) -> dict[str, bool | str]:
    """`synthetic` and `note` of a number that rests on `rows`: the `remarks`, and whether they are leaky."""
    leaky = "leaky" in rows and bool(rows["leaky"].any())
    note = "; ".join(part for part in (*remarks, LEAKY if leaky else "") if part)
    return {"synthetic": bool(rows["synthetic"].any()), "note": note}


def few(n: int, unit: str = "subject") -> str:
    """The mark of an interval over `n` resampling units, called `unit`; empty where there are enough."""
    return f"{FEWER}{unit}s" if 1 < n < FEW else ""


def few_of(rows: pd.DataFrame) -> str:
    """The same of rows of predictions."""
    return few(resampling_units(rows).nunique(), unit_of(rows))


@dataclass(frozen=True)
class Measured:
    """Metrics of one part: their values, bootstrap (None: nothing to draw), notes and sizes.

    Of `draws`, `notes` and `sizes` those are there that have some: of a metric without a size it is the
    part's.
    """

    values: dict[str, float]
    draws: dict[str, Spread] | None
    notes: dict[str, str]
    sizes: dict[str, int]


def results(
    predictions: pd.DataFrame,
    emotions: Sequence[str],
    settings: Evaluation,
    seed: int,
    pooled: bool = False,
    scored: Sequence[str] = SCORED,
) -> pd.DataFrame:
    """Schema `results` from a checked predictions table (`predictions.read`).

    Metrics are those of the labels, `scored` of what the probabilities give (`auc`, `auc_pr`), and those of
    valence and arousal where there are some. With folds the value is the mean over them, and its interval
    comes from drawing subjects anew within each; each fold has rows of its own. Where models are compared by
    cross-validation (`pooled`), and where a fold holds a single subject, the clips of all folds count
    together and subjects are drawn from all of them. All models share the resamples of one seed, so that
    equal subjects are drawn for each. With fewer than two subjects there is no interval.
    """
    rows = []
    for who, group in groups(predictions):
        folded = who["protocol"] in FOLDED
        parts = [(None, group)]
        if folded:
            parts = [(int(fold), part) for fold, part in group.groupby("fold", sort=True)]
        measured = [measured_of(part, emotions, settings, seed + (fold or 0), scored) for fold, part in parts]
        common = {**who, "chance": 1 / len(emotions)}
        drawn = [one.draws for one in measured if one.draws is not None]
        remarks = []
        if folded:
            # Without probabilities (a human's rows, say) in any part there is no AUC.
            metrics = [m for m in measured[0].values if all(m in one.values for one in measured)]
            if (pooled and who["protocol"] == "cv") or len(drawn) < len(measured):
                whole = measured_of(group, emotions, settings, seed, scored)
                remarks = [f"pooled over {len(parts)} folds"]
            else:
                values = {m: float(np.mean([one.values[m] for one in measured])) for m in metrics}
                both = [m for m in metrics if all(m in one for one in drawn)]
                shares = [1 / len(drawn)] * len(drawn)
                means = {m: weighted_sum([one[m] for one in drawn], shares) for m in both}
                whole = Measured(values, means, measured[0].notes, {})
                remarks = [f"mean over {len(parts)} folds"]
        else:
            whole = measured[0]
        rows += _rows(common, None, group, whole, settings, [*remarks, absent(group, emotions)])
        if folded:
            for (fold, part), one in zip(parts, measured, strict=True):
                rows += _rows(common, fold, part, one, settings, [absent(part, emotions)])
    frame = pd.DataFrame(rows)
    return frame.astype({"fold": "Int64", "value": float, "low": float, "high": float})


def resampling_units(frame: pd.DataFrame) -> pd.Series:
    """The resampling unit of each row: its subject, or the clip itself where no subject is known."""
    known = frame["subject_id"].fillna("").astype(str)
    # The separator keeps an image's name from meeting a subject's.
    return known.where(known != "", "image/" + frame["clip_id"].astype(str))


def unit_of(frame: pd.DataFrame) -> str:
    """What the `resampling_units` are: subjects, films (SFEW), or clips where neither is known.

    An image is a clip of one frame.
    """
    if not n_subjects(frame):
        return "clip"
    return "film" if frame["protocol"].isin(BY_FILM).all() else "subject"


def n_subjects(frame: pd.DataFrame) -> int:
    """The number of known subjects."""
    known = frame["subject_id"].fillna("").astype(str)
    return int(known[known != ""].nunique())


def matrices(frame: pd.DataFrame, emotions: Sequence[str]) -> np.ndarray:
    """The confusion matrix of each of the `resampling_units`, counts [U,K,K], rows: true class."""
    return unit_confusions(*codes(frame, emotions), resampling_units(frame), len(emotions))


def draws(
    frame: pd.DataFrame, emotions: Sequence[str], settings: Evaluation, seed: int
) -> dict[str, Spread] | None:
    """The bootstrap of the metrics that labels alone give; None with a single subject."""
    by_unit = matrices(frame, emotions)
    if len(by_unit) < 2:
        return None
    drawn = from_confusion(resampled(by_unit, settings.bootstrap, np.random.default_rng(seed)))
    return {metric: Spread(values, len(by_unit) - 1, len(frame)) for metric, values in drawn.items()}


def absent(frame: pd.DataFrame, emotions: Sequence[str]) -> str:
    """The note on classes without a clip in `frame`, left out of macro means; empty where all have one."""
    present = set(frame["emotion"])
    lacking = [emotion for emotion in emotions if emotion not in present]
    return f"{ABSENT} {', '.join(lacking)}" if lacking else ""


def measured_of(
    part: pd.DataFrame, emotions: Sequence[str], settings: Evaluation, seed: int, scored: Sequence[str]
) -> Measured:
    """All metrics of one model's rows, as in `results`."""
    measured = Measured(
        measure(part["emotion"], part["predicted"], emotions), draws(part, emotions, settings, seed), {}, {}
    )
    columns = {f"p_{emotion}" for emotion in emotions}
    if columns <= set(part.columns) and part[[*columns]].notna().all(axis=None):
        truth, probabilities = codes(part, emotions)[0], scores(part, emotions)
        for metric in scored:
            area = float(auc.macro(AREAS[metric](truth, probabilities)))
            if not np.isnan(area):
                measured.values[metric] = area
        # The other area takes a sort for each resample: it has no interval.
        if "auc" in measured.values and measured.draws is not None:
            rng = np.random.default_rng(seed)
            areas = auc.resampled_areas(truth, probabilities, resampling_units(part), settings.bootstrap, rng)
            measured.draws["auc"] = replace(measured.draws["accuracy"], values=auc.macro(areas))
    if "predicted_valence" in part and part["predicted_valence"].notna().all():
        _add_regression(measured, part, settings, seed)
    return measured


AREAS = {"auc": auc.areas, "auc_pr": auc.average_precisions}
"""Areas of each class against the rest, from the probabilities."""


def _add_regression(measured: Measured, part: pd.DataFrame, settings: Evaluation, seed: int) -> None:
    for name in regression.DIMENSIONS:
        there = regression.known(part, name)
        pairs = there[name].to_numpy(float), there[f"predicted_{name}"].to_numpy(float)
        drawn = regression.resampled(*pairs, resampling_units(there), settings, seed)
        for metric, (value, note) in regression.regression(*pairs).items():
            column = f"{metric}_{name}"
            measured.values[column], measured.notes[column] = value, note
            measured.sizes[column] = len(there)
            if measured.draws is not None and metric in drawn:
                freedom = resampling_units(there).nunique() - 1
                measured.draws[column] = Spread(drawn[metric], freedom, len(there))


def _rows(
    common: dict,
    fold: int | None,
    part: pd.DataFrame,
    measured: Measured,
    settings: Evaluation,
    remarks: list,
) -> list[dict]:
    rows = []
    alone = ONE if measured.draws is None else few_of(part)
    for metric in sorted(measured.values, key=ORDER.index):
        value, low, high = measured.values[metric], None, None
        if measured.draws is not None and metric in measured.draws and np.isfinite(value):
            low, high = interval(value, measured.draws[metric], settings.confidence, scale_of(metric))
        about = {"fold": fold, "metric": metric, "value": value, "low": low, "high": high}
        size = {"n_clips": measured.sizes.get(metric, len(part)), "n_subjects": n_subjects(part)}
        mark = marks(part, measured.notes.get(metric, ""), *remarks)
        mark["note"] = "; ".join(filter(None, [mark["note"], alone]))
        rows.append(common | about | size | mark)
    return rows


ORDER = (*METRICS, "auc", "auc_pr", *regression.METRICS)


def scale_of(metric: str) -> Scale:
    """What values a metric of ORDER may have."""
    scales: dict[str, Scale] = {"kappa": "coefficient", **regression.SCALES}
    return scales.get(metric.split("_")[0], "share")


def nested(frame: pd.DataFrame, settings: Evaluation, seed: int, study: str) -> dict:
    """The results as nested dictionaries, the shape of metrics.json: models → model → protocol → metric.

    Where models have views, these stand between model and protocol.
    """
    models: dict = {}
    for row in frame.to_dict("records"):
        place = models.setdefault(row["model"], {})
        if row["view"]:
            place = place.setdefault(row["view"], {})
        place = place.setdefault(row["protocol"], {})
        if not pd.isna(row["fold"]):
            # A list, which `dvc metrics` passes over: its columns stay those of the models.
            folds = place.setdefault("folds", [])
            if not folds or folds[-1]["fold"] != row["fold"]:
                folds.append({"fold": int(row["fold"])})
            place = folds[-1]
        place.setdefault("n_clips", row["n_clips"])
        place.setdefault("n_subjects", row["n_subjects"])
        value, low, high = (None if pd.isna(row[k]) else float(row[k]) for k in ("value", "low", "high"))
        place[row["metric"]] = {"value": value, "low": low, "high": high}
    return {
        "synthetic": bool(frame["synthetic"].any()),
        "study_protocol": study,
        "chance": float(frame["chance"].iloc[0]),
        "confidence": settings.confidence,
        "bootstrap": settings.bootstrap,
        "seed": seed,
        "models": models,
    }


def summarise(frame: pd.DataFrame, emotions: Sequence[str], settings: Evaluation, seed: int) -> dict:
    """Metrics of a predictions table of one model whose rows have probabilities.

    Returns JSON values: `n_images`; `metrics` (accuracy, macro precision, recall and F1, weighted F1, kappa,
    macro AUC) and `classes` (by emotion precision, recall, F1, AUC and `support`), each number as `value`,
    `low`, `high`; and `confusion`, K rows of counts, true class first. The intervals are as in
    `results` with the same seed; null where only one subject or image is there, a value null where it
    is undefined.
    """
    truth, probabilities = codes(frame, emotions)[0], scores(frame, emotions)
    by_unit = matrices(frame, emotions)
    whole = by_unit.sum(0)
    areas = auc.areas(truth, probabilities)
    value = from_confusion(whole) | {"auc": auc.macro(areas)}
    # What a class without an image would get is not known.
    there = whole.sum(1) > 0
    by_class = {m: np.where(there, part, np.nan) for m, part in per_class(whole).items()} | {"auc": areas}
    spread, class_spread = None, None
    if len(by_unit) > 1:
        confusions = resampled(by_unit, settings.bootstrap, np.random.default_rng(seed))
        rng = np.random.default_rng(seed)
        boot = auc.resampled_areas(truth, probabilities, resampling_units(frame), settings.bootstrap, rng)
        spread = from_confusion(confusions) | {"auc": auc.macro(boot)}
        class_spread = per_class(confusions) | {"auc": boot}

    def number(
        metric: str, value: float, values: np.ndarray | None, n: int = len(frame)
    ) -> dict[str, float | None]:
        if np.isnan(value):
            return {"value": None, "low": None, "high": None}
        ends = (np.nan, np.nan)
        if values is not None:
            ends = interval(value, Spread(values, len(by_unit) - 1, n), settings.confidence, scale_of(metric))
        low, high = (None if np.isnan(end) else end for end in ends)
        return {"value": float(value), "low": low, "high": high}

    return {
        "n_images": len(frame),
        "metrics": {m: number(m, value[m], None if spread is None else spread[m]) for m in value},
        "classes": {
            emotion: {
                m: number(
                    m,
                    by_class[m][k],
                    None if class_spread is None else class_spread[m][:, k],
                    int(whole[k].sum()),
                )
                for m in by_class
            }
            | {"support": int(whole[k].sum())}
            for k, emotion in enumerate(emotions)
        },
        "confusion": whole.tolist(),
    }
