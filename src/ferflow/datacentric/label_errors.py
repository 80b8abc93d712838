"""Suspected label errors: what networks say of images that they did not see, and confident learning on it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.datacentric.pool import is_test
from ferflow.datasets.images import ImageSet
from ferflow.evaluation.predictions import table
from ferflow.seeds import derive_seed, reproducible
from ferflow.settings import Spatial

_DECIMALS = 6
"""Of a probability, as in a table of predictions."""


def assign_folds(images: ImageSet, photographs: np.ndarray, n_folds: int, seed: int) -> np.ndarray:
    """The fold of each image, int64 [N], drawn at random; copies of a photograph share a fold.

    `photographs` int64 [N] names what belongs together (`pool.photographs`).
    """
    from sklearn.model_selection import GroupKFold

    splitter = GroupKFold(
        n_folds, shuffle=True, random_state=derive_seed(seed, "datacentric", "folds") % 2**32
    )
    fold = np.empty(len(images), np.int64)
    for number, (_, judged) in enumerate(splitter.split(photographs, groups=photographs)):
        fold[judged] = number
    return fold


def judge_fold(
    images: ImageSet, folds: np.ndarray, fold: int, recipe: Spatial, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Schemas `predictions` and `history`: a network's probabilities of the images of `fold`.

    It learns from the training part's images of the other folds: test images are judged too, but nobody
    learns from them, so that no choice of training images made with these probabilities has seen a test
    label.
    """
    from ferflow.models import spatial as networks
    from ferflow.training import images as training

    start = derive_seed(seed, "datacentric", "label errors", fold)
    learned, judged = (folds != fold) & ~is_test(images), folds == fold
    with reproducible(start, recipe.threads):
        network = networks.build(recipe.network, len(EMOTIONS_NEUTRAL))
        history = training.fit_images(
            network,
            training.Labelled(images.pixels[learned], images.labels[learned]),
            None,
            recipe,
            start,
            f"label errors, fold {fold}",
        )
        shares = training.probabilities(network, images.pixels[judged], recipe.batch)
    rows = table(images.table[judged], shares, EMOTIONS_NEUTRAL, recipe.network, "cv", fold, seed)
    return rows, history


def suspects(judged: pd.DataFrame, images: ImageSet, how: str) -> pd.DataFrame:
    """Schema `label_errors`: the images whose label confident learning doubts, the most doubtful first.

    `judged` (schema `predictions`) holds the out-of-fold probabilities of all images. `how` is cleanlab's
    `filter_by` (Northcutt, Jiang and Chuang 2021, "Confident learning: estimating uncertainty in dataset
    labels"). The rank is by the margin between the probabilities of the likeliest class and of the label. Of
    FER2013's labels that stand against the majority of the image's own copies, the first hundredth by margin
    holds 3.4 times its share; by the label's probability alone 2.5 times, and nearly a third is disgust.
    """
    from cleanlab.filter import find_label_issues

    rows = judged.set_index("clip_id").loc[images.table["clip_id"]].reset_index()
    shares = rows[[f"p_{emotion}" for emotion in EMOTIONS_NEUTRAL]].to_numpy(float)
    shares = shares / shares.sum(axis=1, keepdims=True)
    order = find_label_issues(
        images.labels, shares, filter_by=how, return_indices_ranked_by="normalized_margin", n_jobs=1
    )
    table = images.table.iloc[order][["clip_id", "emotion", "split"]].reset_index(drop=True)
    table.insert(0, "rank", np.arange(1, len(table) + 1))
    given = shares[order, images.labels[order]]
    table["suggested"] = [EMOTIONS_NEUTRAL[k] for k in shares[order].argmax(axis=1)]
    table["p_given"] = given.round(_DECIMALS)
    table["p_suggested"] = shares[order].max(axis=1).round(_DECIMALS)
    table["margin"] = (table["p_suggested"] - table["p_given"]).round(_DECIMALS)
    return table.assign(synthetic=images.synthetic)


def agreement(judged: pd.DataFrame) -> float:
    """Share of the labels that the networks agree with; `judged` has schema `predictions`."""
    return float((judged["emotion"] == judged["predicted"]).mean())


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
