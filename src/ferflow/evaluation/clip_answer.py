"""One answer for a clip from what a network for single images says of its frames.

The plain mean calls a clip that goes from neutral to a peak mostly neutral, since most of its frames are. Here
a frame counts by how far it is from neutral.
"""

from __future__ import annotations

import numpy as np

POWER = 2.0
"""How steeply the weight of a frame grows with its distance from neutral."""
LEAST = 1e-3
"""Distance that every frame has: where none is away from neutral, all count the same."""


def weighted_mean(
    probabilities: np.ndarray, neutral: int | None, au_score: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The answer of a clip, float64 [K], and what each of its frames weighed in it, float64 [T], summing to 1.

    `probabilities` [T,K] of the frames, NaN in all columns where there is no face; these frames weigh 0.
    `neutral`: the column of the class neutral, None where the network has none: then the AU score alone says
    how far a frame is from neutral. `au_score` [T], 0–5, NaN where unknown. Without either, all frames weigh
    the same. Raises ValueError where no frame has probabilities.
    """
    shares = np.asarray(probabilities, np.float64)
    there = np.isfinite(shares).all(axis=1)
    if not there.any():
        raise ValueError("no frame has probabilities")
    distance = np.ones(len(shares))
    if neutral is not None:
        distance = 1 - np.nan_to_num(shares[:, neutral])
    elif au_score is not None and np.isfinite(au_score[there]).all():
        distance = au_score - au_score[there].min()
    weights = np.where(there, (np.maximum(distance, 0) + LEAST) ** POWER, 0.0)
    weights /= weights.sum()
    return weights[there] @ shares[there], weights
