"""Action units as OpenFace's FeatureExtraction writes them, a CSV per clip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ferflow import tables
from ferflow.aus.clip import frame_table
from ferflow.aus.mesh import FULL_INTENSITY
from ferflow.classes import AU_COLUMNS
from ferflow.errors import InputError

LONGEST = 1_000_000
"""Frames: eleven hours of video. A greater number is damage, and would be given memory."""
AGAIN = "run OpenFace's FeatureExtraction again"
NEEDED = ("frame", "confidence", "success", *AU_COLUMNS)


def read_openface(path: str | Path) -> pd.DataFrame:
    """One clip of OpenFace in the columns of schema `aus`, without `clip_id`.

    Headers may have spaces before them. Of several faces (`face_id`) the one seen with success in most frames
    is taken, of equal ones the lowest number. OpenFace counts frames from 1, ferflow from 0; frames that
    it left out for the chosen face have success 0, as have those where it failed, and no intensities (NaN).
    Raises InputError where the file or a column is missing, or a value is none.
    """
    try:
        text = pd.read_csv(path, skipinitialspace=True, low_memory=False)
    except FileNotFoundError:
        raise InputError(path, "does not exist", "run OpenFace's FeatureExtraction on the clip") from None
    except tables.UNREADABLE:
        raise InputError(path, "is not a readable CSV table", AGAIN) from None
    text.columns = [str(column).strip() for column in text.columns]
    missing = [column for column in NEEDED if column not in text.columns]
    if missing:
        raise InputError(
            path, f"lacks OpenFace's column {', '.join(missing)}", "run FeatureExtraction with -aus"
        )
    table = text[list(NEEDED)].apply(pd.to_numeric, errors="coerce")
    about = table[["frame", "success", "confidence"]]
    if table.empty or not isinstance(text.index, pd.RangeIndex) or not np.isfinite(about).all(axis=None):
        raise InputError(path, "has empty or wrong values", AGAIN)
    if (table["frame"] % 1 != 0).any() or (table["frame"] > LONGEST).any():
        remedy = "run FeatureExtraction on one clip"
        raise InputError(path, f"has a frame that is no whole number up to {LONGEST:,}", remedy)
    last = table["frame"].max()
    if "face_id" in text.columns:
        seen = table["success"].groupby(text["face_id"]).sum()
        table = table[(text["face_id"] == seen.idxmax()).to_numpy()]
    if table["frame"].duplicated().any() or table["frame"].min() < 1:
        raise InputError(path, "has a frame twice or a frame before 1", "run FeatureExtraction on one clip")
    n_frames = int(last)
    table = table.set_index(table["frame"].astype(int) - 1).reindex(range(n_frames))
    success = (table["success"] == 1).to_numpy()
    values = table[list(AU_COLUMNS)].clip(0.0, FULL_INTENSITY).to_numpy(copy=True)
    values[~success] = np.nan
    return frame_table(table["confidence"].fillna(0.0).clip(0.0, 1.0).to_numpy(), success, values)
