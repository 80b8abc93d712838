"""What one model says of one set of images, in numbers with intervals: all together, and by class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ferflow.evaluation import auc
from ferflow.evaluation.bootstrap import interval, resampled
from ferflow.evaluation.metrics import from_confusion, per_class
from ferflow.evaluation.predictions import codes, scores
from ferflow.evaluation.results import matrices, units
from ferflow.settings import Evaluation


def summarise(frame: pd.DataFrame, emotions: Sequence[str], settings: Evaluation, seed: int) -> dict:
    """Metrics of a predictions table of one model whose rows have probabilities.

    Returns JSON values: `n_images`; `metrics` (accuracy, macro precision, recall and F1, weighted F1, kappa,
    macro AUC) and `classes` (by emotion precision, recall, F1, AUC and `support`), each number as `value`,
    `low`, `high`; and `confusion`, K rows of counts, true class first. The intervals are as in
    `results.results` with the same seed; null where only one subject or image is there, a value null where it
    is undefined.
    """
    truth, shares, drawn = codes(frame, emotions)[0], scores(frame, emotions), units(frame)
    found = matrices(frame, emotions)
    whole = found.sum(0)
    areas = auc.areas(truth, shares)
    value = from_confusion(whole) | {"auc": auc.macro(areas)}
    # What a class without an image would get is not known.
    there = whole.sum(1) > 0
    by_class = {m: np.where(there, part, np.nan) for m, part in per_class(whole).items()} | {"auc": areas}
    spread, class_spread = None, None
    if len(found) > 1:
        confusions = resampled(found, settings.bootstrap, np.random.default_rng(seed))
        rng = np.random.default_rng(seed)
        boot = auc.resampled_areas(truth, shares, drawn, settings.bootstrap, rng)
        spread = from_confusion(confusions) | {"auc": auc.macro(boot)}
        class_spread = per_class(confusions) | {"auc": boot}

    def number(value: float, values: np.ndarray | None) -> dict[str, float | None]:
        if np.isnan(value):
            return {"value": None, "low": None, "high": None}
        ends = (None, None) if values is None else interval(values, settings.confidence)
        return {"value": float(value), "low": ends[0], "high": ends[1]}

    return {
        "n_images": len(frame),
        "metrics": {m: number(value[m], None if spread is None else spread[m]) for m in value},
        "classes": {
            emotion: {
                m: number(by_class[m][k], None if class_spread is None else class_spread[m][:, k])
                for m in by_class
            }
            | {"support": int(whole[k].sum())}
            for k, emotion in enumerate(emotions)
        },
        "confusion": whole.tolist(),
    }
