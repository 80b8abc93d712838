"""Tables of what was classified as what: metrics by class, confusion matrices, errors, and confidences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from ferflow import tables
from ferflow.evaluation.bootstrap import ratio_interval
from ferflow.evaluation.predictions import KEY, WHO, codes, groups, scores
from ferflow.evaluation.results import LEAKY, few_of, marks, resampling_units
from ferflow.settings import Evaluation

MEAN, WEIGHTED = "macro mean", "weighted mean"
THIRD = 0.01
"""Scores of further classes above this are marked in the thesis's table of errors."""
ALL = "all"


def class_report(predictions: pd.DataFrame, emotions: Sequence[str], weighted: bool = False) -> pd.DataFrame:
    """Schema `class_report`, from scikit-learn (thesis, Table 3.5); behind the classes their plain mean.

    A class without a clip has empty cells, and no part in the mean. `weighted`: as the report that Akhtar
    2022 prints, with the mean weighted by the number of clips, and a note on a class that is never predicted,
    whose precision is 0.
    """
    from sklearn.metrics import precision_recall_fscore_support

    rows = []
    for who, group in groups(predictions):
        *metrics, support = precision_recall_fscore_support(
            group["emotion"], group["predicted"], labels=list(emotions), zero_division=0
        )
        metrics = [np.where(support > 0, part, np.nan) for part in metrics]
        predicted = set(group["predicted"])
        values = [
            (emotion, *row, "" if emotion in predicted or not weighted else "never predicted: no precision")
            for emotion, *row in zip(emotions, *metrics, support, strict=True)
        ]
        values.append((MEAN, *(np.nanmean(part) for part in metrics), support.sum(), ""))
        if weighted:
            means = (np.nansum(part * support) / support.sum() for part in metrics)
            values.append((WEIGHTED, *means, support.sum(), ""))
        for emotion, p, r, f, n, remark in values:
            numbers = {"precision": float(p), "recall": float(r), "f1": float(f), "support": int(n)}
            rows.append({**who, "emotion": emotion} | numbers | marks(group, remark))
    return pd.DataFrame(rows)


def confusion(predictions: pd.DataFrame, emotions: Sequence[str]) -> pd.DataFrame:
    """Schema `confusion`: for each model, view and protocol K×K rows, true class first, folds pooled."""
    from sklearn.metrics import confusion_matrix

    parts = []
    for who, group in groups(predictions):
        counts = confusion_matrix(group["emotion"], group["predicted"], labels=list(emotions))
        parts.append(pd.DataFrame(who | confusion_columns(counts, emotions) | marks(group)))
    return pd.concat(parts, ignore_index=True)


def confusion_columns(counts: np.ndarray, emotions: Sequence[str]) -> dict[str, np.ndarray]:
    """Columns emotion, predicted, count and share of schema `confusion` from counts [K,K], rows: true class.

    `share` is the count divided by the number of clips of the true class (a row of thesis, Figure 3.28);
    it is NaN where that class does not occur.
    """
    support = counts.sum(1, keepdims=True)
    share = np.divide(counts, support, out=np.full(counts.shape, np.nan), where=support > 0)
    return {
        "emotion": np.repeat(emotions, len(emotions)),
        "predicted": np.tile(emotions, len(emotions)),
        "count": counts.ravel(),
        "share": share.ravel(),
    }


def matrix(table: pd.DataFrame, column: str = "count") -> tuple[np.ndarray, list[str]]:
    """One model's rows of a confusion table as ([K,K] rows: true class, class names)."""
    emotions = list(dict.fromkeys(table["emotion"]))
    wide = table.pivot(index="emotion", columns="predicted", values=column)
    return wide.loc[emotions, emotions].to_numpy(float), emotions


def errors(predictions: pd.DataFrame, emotions: Sequence[str]) -> pd.DataFrame:
    """Schema `errors`: misclassified clips with all class scores (thesis, Figure 3.29).

    Sorted by model, view, protocol, true class in the order of `emotions`, and clip.
    """
    wrong = predictions[predictions["emotion"] != predictions["predicted"]].copy()
    order = wrong["emotion"].map({emotion: i for i, emotion in enumerate(emotions)})
    wrong = wrong.assign(order=order, note=np.where(wrong["leaky"], LEAKY, ""))
    wrong = wrong.sort_values([*KEY, "order", "clip_id"])
    wrong["fold"] = wrong["fold"].astype("Int64")
    probabilities = [column for column in wrong.columns if column.startswith("p_")]
    columns = [*WHO, "fold", "clip_id", "subject_id", "emotion", "predicted"]
    return wrong[[*columns, *probabilities, "synthetic", "note"]].reset_index(drop=True)


def error_counts(
    predictions: pd.DataFrame, emotions: Sequence[str], settings: Evaluation, seed: int
) -> pd.DataFrame:
    """Schema `error_counts`: how many clips of each class are wrong, and what they were mistaken for.

    `third_class` counts those in which a class other than the true and the predicted one has a score above
    THIRD. The interval of a share draws subjects anew. Of equally frequent mistakes all are named.
    """
    rows = []
    for who, group in groups(predictions):
        wrong = group[group["emotion"] != group["predicted"]]
        third = _third(wrong, emotions)
        for emotion in (*emotions, ALL):
            clips = group if emotion == ALL else group[group["emotion"] == emotion]
            lost = wrong if emotion == ALL else wrong[wrong["emotion"] == emotion]
            is_wrong, rng = clips["emotion"] != clips["predicted"], np.random.default_rng(seed)
            draw = settings.bootstrap, settings.confidence, rng
            low, high = ratio_interval(is_wrong, np.ones(len(clips)), resampling_units(clips), *draw) or (
                None,
                None,
            )
            row = {
                "emotion": emotion,
                "n_clips": len(clips),
                "errors": len(lost),
                "share": len(lost) / len(clips) if len(clips) else None,
                "low": low,
                "high": high,
                "mistaken_for": "" if emotion == ALL else _most(lost["predicted"], emotions),
                "third_class": None if third is None else int(third.loc[lost.index].sum()),
            }
            rows.append(who | row | marks(group, few_of(clips)))
    return tables.from_rows(rows, "error_counts")


def _third(wrong: pd.DataFrame, emotions: Sequence[str]) -> pd.Series | None:
    """True [N] where a third class has a score above THIRD; None where there are no scores."""
    probabilities = scores(wrong, emotions).copy()
    if np.isnan(probabilities).any():
        return None
    rows = np.arange(len(wrong))
    for classes in codes(wrong, emotions):
        probabilities[rows, classes] = 0
    return pd.Series((probabilities > THIRD).any(1), index=wrong.index)


def _most(predicted: pd.Series, emotions: Sequence[str]) -> str:
    counts = predicted.value_counts()
    return ", ".join(e for e in emotions if len(counts) and counts.get(e, 0) == counts.max())


def confidences(predictions: pd.DataFrame, emotions: Sequence[str], listed: int) -> pd.DataFrame:
    """Schema `confidences`: the `listed` most and least confident clips of each model, right and wrong apart.

    Confidence is the greatest probability; of equally confident clips the first by name comes first. Where a
    model has fewer than twice as many clips of a verdict, a clip may stand at both ends. Models without
    scores are left out (thesis, section 3.3.2).
    """
    columns = ["clip_id", "subject_id", "emotion", "predicted", "confidence", "synthetic"]
    rows = []
    for who, group in _scored(predictions, emotions):
        for verdict, part in (("right", group[group["right"]]), ("wrong", group[~group["right"]])):
            for end in ("most", "least"):
                order = part.sort_values(["confidence", "clip_id"], ascending=[end == "least", True])
                for place, clip in enumerate(order.head(listed)[columns].to_dict("records"), 1):
                    rows.append(who | {"verdict": verdict, "end": end, "place": place} | marks(group) | clip)
    return tables.from_rows(rows, "confidences")


def confidences_by_class(predictions: pd.DataFrame, emotions: Sequence[str]) -> pd.DataFrame:
    """Schema `confidences_by_class`: of every class the confidences of the clips that are right, ascending.

    The thesis prints this list for its best cascade.
    """
    rows = []
    for who, group in _scored(predictions, emotions):
        for emotion in emotions:
            clips = group[group["emotion"] == emotion]
            right = np.sort(clips.loc[clips["right"], "confidence"].to_numpy())
            row = {
                "emotion": emotion,
                "n_clips": len(clips),
                "right": len(right),
                "median": float(np.median(right)) if len(right) else None,
                "confidences": ", ".join(f"{value:.2f}" for value in right),
            }
            rows.append(who | row | marks(group))
    return tables.from_rows(rows, "confidences_by_class")


def _scored(predictions: pd.DataFrame, emotions: Sequence[str]) -> Iterator[tuple[dict, pd.DataFrame]]:
    """Each model's rows in a view under a protocol, with `confidence` and `right`, if all have scores."""
    for who, group in groups(predictions):
        probabilities = scores(group, emotions)
        if not np.isnan(probabilities).any():
            right = (group["emotion"] == group["predicted"]).to_numpy()
            yield who, group.assign(confidence=probabilities.max(1), right=right)
