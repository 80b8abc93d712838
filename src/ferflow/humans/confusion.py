"""All answers together as a confusion matrix (compare thesis, Figure 3.28)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ferflow.humans.votes import Votes

MODEL = "human"
SIMULATED_MODEL = "simulated-human"


def confusion(votes: Votes, simulated: bool) -> pd.DataFrame:
    """Schema `confusion`: what clips of each emotion were called; `count` counts answers and not clips."""
    emotions = list(votes.emotions)
    counts = np.zeros((len(emotions), len(emotions)), np.int64)
    np.add.at(counts, votes.labels, votes.counts)
    support = counts.sum(1, keepdims=True)
    share = np.divide(counts, support, out=np.full(counts.shape, np.nan), where=support > 0)
    return pd.DataFrame(
        {
            "model": SIMULATED_MODEL if simulated else MODEL,
            "protocol": "human",
            "emotion": np.repeat(emotions, len(emotions)),
            "predicted": np.tile(emotions, len(emotions)),
            "count": counts.ravel(),
            "share": share.ravel(),
            "synthetic": bool(votes.clips["synthetic"].any()),
            "note": "counts are answers",
        }
    )
