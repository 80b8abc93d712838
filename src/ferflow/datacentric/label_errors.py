"""Suspected label errors: confident learning on the predictions of networks that did not see the images."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.datasets.images import ImageSet
from ferflow.seeds import derive_seed

_DECIMALS = 6
"""Of a probability, as in a table of predictions."""


def assign_folds(images: ImageSet, photographs: np.ndarray, n_folds: int, seed: int) -> np.ndarray:
    """The fold of each image, int64 [N], drawn at random; copies of a photograph share a fold.

    `photographs` int64 [N] names what belongs together (`duplicates.photographs`).
    """
    from sklearn.model_selection import GroupKFold

    splitter = GroupKFold(
        n_folds, shuffle=True, random_state=derive_seed(seed, "datacentric", "folds") % 2**32
    )
    fold = np.empty(len(images), np.int64)
    for number, (_, tested) in enumerate(splitter.split(photographs, groups=photographs)):
        fold[tested] = number
    return fold


def suspects(predictions: pd.DataFrame, images: ImageSet, how: str) -> pd.DataFrame:
    """Schema `label_errors`: the images whose label confident learning suspects, the likeliest errors first.

    `predictions` (schema `predictions`) holds the out-of-fold probabilities of all images. `how` is
    cleanlab's `filter_by` (Northcutt, Jiang and Chuang 2021, "Confident learning: estimating uncertainty in
    dataset labels"). The rank is by the margin between the probabilities of the likeliest class and of the
    label. Of FER2013's labels that stand against the majority of the image's own copies, the first hundredth
    by margin holds 3.4 times its share; by the label's probability alone 2.5 times, and nearly a third is
    disgust.
    """
    from cleanlab.filter import find_label_issues

    rows = predictions.set_index("clip_id").loc[images.table["clip_id"]].reset_index()
    probabilities = rows[[f"p_{emotion}" for emotion in EMOTIONS_NEUTRAL]].to_numpy(float)
    probabilities = probabilities / probabilities.sum(axis=1, keepdims=True)
    order = find_label_issues(
        images.labels, probabilities, filter_by=how, return_indices_ranked_by="normalized_margin", n_jobs=1
    )
    table = images.table.iloc[order][["clip_id", "emotion", "split"]].reset_index(drop=True)
    table.insert(0, "rank", np.arange(1, len(table) + 1))
    of_label = probabilities[order, images.labels[order]]
    table["suggested"] = [EMOTIONS_NEUTRAL[k] for k in probabilities[order].argmax(axis=1)]
    table["p_given"] = of_label.round(_DECIMALS)
    table["p_suggested"] = probabilities[order].max(axis=1).round(_DECIMALS)
    table["margin"] = (table["p_suggested"] - table["p_given"]).round(_DECIMALS)
    return table.assign(synthetic=images.synthetic)


def agreement(predictions: pd.DataFrame) -> float:
    """Share of the labels that the networks agree with; `predictions` has schema `predictions`."""
    return float((predictions["emotion"] == predictions["predicted"]).mean())


def outvoted(*groups: pd.DataFrame) -> set[str]:
    """The clip_ids whose label stands against the majority of their copies or near copies.

    Each of `groups` has schema `duplicates`. They are nearly certain errors, and so a test of the suspects.
    """
    found: set[str] = set()
    for group in groups:
        for _, members in group[group["n_emotions"] > 1].groupby("group"):
            votes = members["emotion"].value_counts()
            if votes.iloc[0] > votes.iloc[1]:
                found |= set(members.loc[members["emotion"] != votes.index[0], "clip_id"])
    return found
