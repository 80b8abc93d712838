"""Precision, recall and F1 of each class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd


def class_report(predictions: pd.DataFrame, emotions: Sequence[str], note: str = "") -> pd.DataFrame:
    """Schema `class_report`, from scikit-learn (thesis, Table 3.5); a model's last row is the plain mean.

    A class without a clip has empty cells, and no part in the mean.
    """
    from sklearn.metrics import precision_recall_fscore_support

    rows = []
    for (model, protocol), group in predictions.groupby(["model", "protocol"], sort=True):
        precision, recall, f1, support = precision_recall_fscore_support(
            group["emotion"], group["predicted"], labels=list(emotions), zero_division=0
        )
        mark = {"synthetic": bool(group["synthetic"].any()), "note": note}
        precision, recall, f1 = (np.where(support > 0, part, np.nan) for part in (precision, recall, f1))
        values = [*zip(emotions, precision, recall, f1, support, strict=True)]
        means = (np.nanmean(part) for part in (precision, recall, f1))
        values.append(("macro mean", *means, support.sum()))
        for emotion, p, r, f, n in values:
            numbers = {"precision": float(p), "recall": float(r), "f1": float(f), "support": int(n)}
            rows.append({"model": model, "protocol": protocol, "emotion": emotion} | numbers | mark)
    return pd.DataFrame(rows)
