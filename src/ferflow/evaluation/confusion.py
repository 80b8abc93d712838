"""Confusion matrices as a tidy table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ferflow.evaluation.predictions import groups
from ferflow.evaluation.results import marks


def confusion(predictions: pd.DataFrame, emotions: Sequence[str]) -> pd.DataFrame:
    """Schema `confusion`: for each model, view and protocol K×K rows, true class first, folds pooled.

    `share` is the count divided by the number of clips of the true class (a row of thesis, Figure 3.28);
    it is empty where that class does not occur.
    """
    from sklearn.metrics import confusion_matrix

    parts = []
    for who, group in groups(predictions):
        counts = confusion_matrix(group["emotion"], group["predicted"], labels=list(emotions))
        support = counts.sum(1, keepdims=True)
        share = np.divide(counts, support, out=np.full(counts.shape, np.nan), where=support > 0)
        parts.append(
            pd.DataFrame(
                who
                | {
                    "emotion": np.repeat(emotions, len(emotions)),
                    "predicted": np.tile(emotions, len(emotions)),
                    "count": counts.ravel(),
                    "share": share.ravel(),
                }
                | marks(group)
            )
        )
    return pd.concat(parts, ignore_index=True)


def matrix(table: pd.DataFrame, column: str = "count") -> tuple[np.ndarray, list[str]]:
    """One model's rows of a confusion table as ([K,K] rows: true class, class names)."""
    emotions = list(dict.fromkeys(table["emotion"]))
    wide = table.pivot(index="emotion", columns="predicted", values=column)
    return wide.loc[emotions, emotions].to_numpy(float), emotions
