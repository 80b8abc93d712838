"""The AU score: one curve per clip that rises and falls with the expression (thesis, section 3.2.1)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ferflow.classes import AU_SCORE_COLUMNS


def au_score(frames: pd.DataFrame) -> np.ndarray:
    """Mean intensity 0-5 over `classes.AU_SCORE_COLUMNS` (all but the blink), float64 [T].

    `frames`: one clip's lines of schema `aus`, in the order of the frames. Frames without a face (success 0
    or no intensities) get the score on the line between their neighbours with a face, at the ends the
    nearest one's: the trimming needs a value in every frame. All NaN where no frame has a face.
    """
    score = frames[list(AU_SCORE_COLUMNS)].mean(axis=1).to_numpy(np.float64, copy=True)
    known = np.isfinite(score) & (frames["success"].to_numpy() == 1)
    if not known.any():
        return np.full(len(score), np.nan)
    index = np.arange(len(score))
    return np.interp(index, index[known], score[known])
