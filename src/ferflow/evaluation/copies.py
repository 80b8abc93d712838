"""Test images whose exact copies a network was trained on, and results without them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ferflow.datasets import duplicates
from ferflow.datasets.images import ImageSet
from ferflow.errors import InputError
from ferflow.evaluation.predictions import KEY

TRAINING = "Training"
PARTS = {"validation": "PublicTest", "test": "PrivateTest"}
"""FER2013's official parts: for choosing a model, and for the final test."""


def trained_on(images: ImageSet, meta: dict, model_pt: str | Path) -> pd.DataFrame:
    """The rows of `images.table` that a network learnt from, by the `meta` of its file.

    Under `honest` the training leaves out what appears again in a later part, and near copies if it says so.
    Raises InputError where that makes another number of images than `meta` says.
    """
    learnt = images.part(TRAINING).table
    if meta.get("protocol") != "published":
        later = images.table.loc[images.table["split"].isin(PARTS.values()), "sha256"]
        alone = ~learnt["sha256"].isin(later)
        learnt = learnt[alone]
        if near := meta.get("near_copies"):
            split = images.table["split"].to_numpy()
            parts = {name: np.flatnonzero(split == name) for name in (TRAINING, *PARTS.values())}
            parts[TRAINING] = parts[TRAINING][alone.to_numpy()]
            kept = duplicates.without_near(images.pixels, parts, near["bits"])
            learnt = images.table.iloc[kept[TRAINING]]
    n_learnt = meta.get("images", {}).get(TRAINING)
    if n_learnt != len(learnt):
        raise InputError(
            model_pt,
            f"was trained on {n_learnt} images, but {images.root} has {len(learnt)} for it",
            "give the images that it was trained on, or train it on these",
        )
    return learnt


def copies(part: pd.DataFrame, learnt: pd.DataFrame) -> pd.DataFrame:
    """The rows of `part` whose pixels (column sha256) are also in `learnt`: split, clip_id, copy_of."""
    first = learnt.drop_duplicates("sha256").set_index("sha256")["clip_id"]
    same = part[part["sha256"].isin(first.index)]
    return pd.DataFrame(
        {
            "split": same["split"].to_numpy(),
            "clip_id": same["clip_id"].to_numpy(),
            "copy_of": first.loc[same["sha256"]].to_numpy(),
        }
    )


def set_apart(frame: pd.DataFrame, copies: pd.DataFrame) -> pd.DataFrame:
    """Predictions, and as protocol `honest` their test rows once more without the `copies` (schema `copies`).

    `leaky` are all rows of a model under a protocol of which some image is a copy.
    """
    copied = _listed(frame, copies)
    tested = (frame["protocol"] == "test").to_numpy()
    groups = pd.MultiIndex.from_frame(frame[KEY])
    honest = frame[tested & ~copied].assign(protocol="honest", leaky=False)
    every = frame.assign(leaky=groups.isin(groups[copied].unique()))
    return pd.concat([every, honest], ignore_index=True)


def _listed(frame: pd.DataFrame, copies: pd.DataFrame) -> np.ndarray:
    """True [N] where a row's model and image are in the table of copies."""
    pairs = pd.MultiIndex.from_frame(frame[["model", "clip_id"]])
    return pairs.isin(pd.MultiIndex.from_frame(copies[["model", "clip_id"]]))
