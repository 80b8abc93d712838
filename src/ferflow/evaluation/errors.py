"""The clips that a model got wrong."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd


def errors(predictions: pd.DataFrame, emotions: Sequence[str], note: str = "") -> pd.DataFrame:
    """Schema `errors`: misclassified clips with all class scores (thesis, Figure 3.29).

    Sorted by model, protocol, true class in the order of `emotions`, and clip.
    """
    wrong = predictions[predictions["emotion"] != predictions["predicted"]].copy()
    order = wrong["emotion"].map({emotion: i for i, emotion in enumerate(emotions)})
    wrong = wrong.assign(order=order, note=note).sort_values(["model", "protocol", "order", "clip_id"])
    wrong["fold"] = wrong["fold"].astype("Int64")
    scores = [column for column in wrong.columns if column.startswith("p_")]
    columns = ["model", "protocol", "fold", "clip_id", "subject_id", "emotion", "predicted"]
    return wrong[[*columns, *scores, "synthetic", "note"]].reset_index(drop=True)
