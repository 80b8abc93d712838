"""What the clips that most annotators mistook were taken for (thesis, Figure 3.26)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ferflow.evaluation.results import units
from ferflow.humans.intervals import share
from ferflow.humans.votes import Votes
from ferflow.settings import Evaluation


def mistaken_for(votes: Votes, mistaken: float, settings: Evaluation, seed: int) -> pd.DataFrame:
    """Schema `human_mistaken`, without the marks: for each emotion, each other one it was taken for.

    Only clips count of which a greater share of the annotators than `mistaken` was wrong: `n_clips` of them.
    `n_answers` wrong answers about these named the other emotion, `share` of all wrong ones about them; of
    `n_most` clips it was the most frequent wrong answer, the first of several. An emotion none of whose clips
    was mistaken has empty shares.
    """
    missed = votes.about((votes.n - votes.right) / votes.n > mistaken)
    labels = missed.labels
    wrong = missed.counts.copy()
    wrong[np.arange(len(wrong)), labels] = 0
    most = wrong.argmax(1) if len(wrong) else np.zeros(0, int)
    drawn = units(missed.clips).to_numpy()
    rows = []
    for k, emotion in enumerate(votes.emotions):
        own = labels == k
        for other, name in enumerate(votes.emotions):
            if other == k:
                continue
            found = share(wrong[own, other], wrong[own].sum(1), drawn[own], settings, seed)
            rows.append(
                {
                    "emotion": emotion,
                    "mistaken_for": name,
                    "n_clips": int(own.sum()),
                    "n_most": int((most[own] == other).sum()),
                    "n_answers": int(wrong[own, other].sum()),
                    "share": found.value,
                    "low": found.low,
                    "high": found.high,
                    "note": found.note if own.any() else "no clip was mistaken by most",
                }
            )
    return pd.DataFrame(rows)
