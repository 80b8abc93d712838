"""What most annotators said of each clip, as one more row of predictions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

HUMAN = "human"
"""Protocol of annotators' rows."""
MAJORITY = "human-majority"
SIMULATED = "simulated"
"""In the names of annotators that are drawn from a noise model."""
SIMULATED_MAJORITY = "simulated-human-majority"


def is_majority(model: str) -> bool:
    """Whether `model` names a majority of annotators."""
    return model.endswith("majority")


def majority(predictions: pd.DataFrame, emotions: Sequence[str]) -> pd.DataFrame:
    """The majority of the annotators in a checked predictions table, as rows of protocol `human`.

    A clip's scores are the shares of the votes; of classes with equally many votes the first wins. Empty
    where nobody annotated. A majority that the table already has is taken as it is. It is called simulated
    where any of its annotators is.
    """
    votes = predictions[predictions["protocol"] == HUMAN]
    if (there := votes["model"].map(is_majority)).any():
        return votes[there].reset_index(drop=True)
    if votes.empty:
        return votes.reset_index(drop=True)
    counts = votes.pivot_table(
        index="clip_id", columns="predicted", values="model", aggfunc="count", fill_value=0
    )
    counts = counts.reindex(columns=list(emotions), fill_value=0).astype(float)
    rows = votes.drop_duplicates("clip_id").set_index("clip_id").loc[counts.index].reset_index()
    shares = counts.to_numpy() / counts.to_numpy().sum(1, keepdims=True)
    rows[[f"p_{emotion}" for emotion in emotions]] = shares
    rows["predicted"] = np.asarray(emotions, object)[shares.argmax(1)]
    simulated = votes["model"].str.contains(SIMULATED, case=False).any()
    rows["model"] = SIMULATED_MAJORITY if simulated else MAJORITY
    return rows
