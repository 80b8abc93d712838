"""Each clip: what the annotators said of it, and how many of them agree with its label."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ferflow.humans.intervals import wilson
from ferflow.humans.majority import majority
from ferflow.humans.votes import Votes
from ferflow.settings import Evaluation


def per_clip(votes: Votes, mistaken: float, settings: Evaluation) -> pd.DataFrame:
    """Schema `human_clips`, without the marks: a row per clip, sorted by label and clip.

    `agreement` is the share of annotators who named the label, with Wilson's interval over annotators; a clip
    is `mistaken` if a greater share than `mistaken` named another emotion (thesis, Figure 3.26: half), and
    `mistaken_for` is then what most of those said, the first of several.
    """
    n, right, labels = votes.n, votes.right, votes.labels
    won = majority(votes)
    wrong = votes.counts.copy()
    wrong[np.arange(len(wrong)), labels] = 0
    missed = (n - right) / n > mistaken
    names = np.asarray(votes.emotions, object)
    low, high = wilson(right, n, settings.confidence)
    table = votes.clips[["clip_id", "subject_id", "emotion"]].assign(
        n_annotators=n,
        n_right=right,
        agreement=right / n,
        low=low,
        high=high,
        majority=names[won.winner],
        tied=won.tied,
        mistaken=missed,
        mistaken_for=np.where(missed, names[wrong.argmax(1)], ""),
        **{f"votes_{emotion}": votes.counts[:, k] for k, emotion in enumerate(votes.emotions)},
    )
    order = np.lexsort([table["clip_id"], labels])
    return table.iloc[order].reset_index(drop=True)
