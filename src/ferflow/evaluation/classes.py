"""Precision, recall and F1 of each class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ferflow.evaluation.predictions import groups
from ferflow.evaluation.results import marks

MEAN, WEIGHTED = "macro mean", "weighted mean"


def class_report(predictions: pd.DataFrame, emotions: Sequence[str], weighted: bool = False) -> pd.DataFrame:
    """Schema `class_report`, from scikit-learn (thesis, Table 3.5); behind the classes their plain mean.

    A class without a clip has empty cells, and no part in the mean. `weighted`: as the report that Akhtar
    2022 prints, with the mean weighted by the number of clips, and a note on a class that is never predicted,
    whose precision is 0.
    """
    from sklearn.metrics import precision_recall_fscore_support

    rows = []
    for who, group in groups(predictions):
        *found, support = precision_recall_fscore_support(
            group["emotion"], group["predicted"], labels=list(emotions), zero_division=0
        )
        found = [np.where(support > 0, part, np.nan) for part in found]
        said = set(group["predicted"])
        values = [
            (emotion, *row, "" if emotion in said or not weighted else "never predicted: no precision")
            for emotion, *row in zip(emotions, *found, support, strict=True)
        ]
        values.append((MEAN, *(np.nanmean(part) for part in found), support.sum(), ""))
        if weighted:
            means = (np.nansum(part * support) / support.sum() for part in found)
            values.append((WEIGHTED, *means, support.sum(), ""))
        for emotion, p, r, f, n, remark in values:
            numbers = {"precision": float(p), "recall": float(r), "f1": float(f), "support": int(n)}
            rows.append({**who, "emotion": emotion} | numbers | marks(group, remark))
    return pd.DataFrame(rows)
