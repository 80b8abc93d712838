"""What one model says of one set of images, in numbers with intervals: all together, and by class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ferflow.evaluation import auc, predictions
from ferflow.evaluation.bootstrap import interval, resampled, unit_confusions
from ferflow.evaluation.metrics import from_confusion, per_class
from ferflow.evaluation.results import units
from ferflow.settings import Evaluation


def summarise(frame: pd.DataFrame, emotions: Sequence[str], settings: Evaluation, seed: int) -> dict:
    """Metrics of a predictions table of one model whose rows have probabilities.

    Returns JSON values: `n_images`; `metrics` (accuracy, macro precision, recall and F1, weighted F1, kappa,
    macro AUC) and `classes` (by emotion precision, recall, F1, AUC and `support`), each number as `value`,
    `low`, `high`; and `confusion`, K rows of counts, true class first. The intervals are as in
    `results.results` with the same seed; null where only one subject or image is there, a value null where it
    is undefined.
    """
    index = {emotion: k for k, emotion in enumerate(emotions)}
    truth, said = (frame[column].map(index).to_numpy(int) for column in ("emotion", "predicted"))
    shares, drawn = predictions.scores(frame, emotions), units(frame)
    matrices = unit_confusions(truth, said, drawn, len(emotions))
    whole = matrices.sum(0)
    areas = auc.areas(truth, shares)
    value = from_confusion(whole) | {"auc": auc.macro(areas)}
    # What a class without an image would get is not known.
    there = whole.sum(1) > 0
    by_class = {m: np.where(there, found, np.nan) for m, found in per_class(whole).items()} | {"auc": areas}
    spread, class_spread = None, None
    if len(matrices) > 1:
        confusions = resampled(matrices, settings.bootstrap, np.random.default_rng(seed))
        rng = np.random.default_rng(seed)
        boot = auc.resampled_areas(truth, shares, drawn, settings.bootstrap, rng)
        spread = from_confusion(confusions) | {"auc": auc.macro(boot)}
        class_spread = per_class(confusions) | {"auc": boot}

    def number(found: float, values: np.ndarray | None) -> dict[str, float | None]:
        if np.isnan(found):
            return {"value": None, "low": None, "high": None}
        ends = (None, None) if values is None else interval(values, settings.confidence)
        return {"value": float(found), "low": ends[0], "high": ends[1]}

    return {
        "n_images": len(frame),
        "metrics": {m: number(value[m], None if spread is None else spread[m]) for m in value},
        "classes": {
            emotion: {
                m: number(by_class[m][k], None if class_spread is None else class_spread[m][:, k])
                for m in by_class
            }
            | {"support": int(whole[k].sum())}
            for emotion, k in index.items()
        },
        "confusion": whole.tolist(),
    }
