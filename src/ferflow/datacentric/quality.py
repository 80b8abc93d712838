"""Tables of images that should not be there, or not twice: copies, near copies, empty images, outliers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ferflow.classes import EMOTIONS_CONTEMPT
from ferflow.datasets import duplicates
from ferflow.datasets.images import ImageSet

NAMED = ["clip_id", "emotion", "split"]
"""Columns by which every table names an image."""
_DECIMALS = 3
"""Of a grey level."""


def exact_duplicates(images: ImageSet) -> pd.DataFrame:
    """Schema `duplicates`: every image that has an exact copy, group by group."""
    group = duplicates.by_content(images.pixels)
    zero = np.zeros(len(images), np.int64)
    return _grouped(images, group, duplicates.sizes(group) > 1, group, zero, zero)


def near_duplicates(images: ImageSet, distance: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Schemas `duplicates` and `near_distances`: groups of near duplicates, and how labels agree by distance.

    Two images are near duplicates where at most `distance` of the 64 bits of their perceptual hashes differ;
    groups are connected components (`duplicates.components`), and hold exact copies too. A group of nothing
    but exact copies is left out. The second table goes on to twice the `distance`, since what tells a
    threshold from chance is where the labels begin to disagree.
    """
    content = duplicates.by_content(images.pixels)
    values = duplicates.hashes(images.pixels)
    pairs = duplicates.close_pairs(values, 2 * distance)
    close = duplicates.Pairs(*(column[pairs.distance <= distance] for column in pairs))
    group = duplicates.components(len(images), close)
    wanted = duplicates.kinds(group, content) > 1
    widest = duplicates.widest(values, np.where(wanted, group, np.arange(len(group))))
    table = _grouped(images, group, wanted, content, duplicates.nearest(len(images), close), widest)
    return table, _by_distance(images, content, pairs, distance)


def _grouped(
    images: ImageSet,
    group: np.ndarray,
    wanted: np.ndarray,
    content: np.ndarray,
    nearest: np.ndarray,
    widest: np.ndarray,
) -> pd.DataFrame:
    table = images.table[NAMED].assign(
        row=np.arange(len(images)),
        first=group,
        n_images=duplicates.sizes(group),
        n_contents=duplicates.kinds(group, content),
        n_emotions=duplicates.kinds(group, images.labels),
        n_splits=duplicates.kinds(group, images.table["split"].to_numpy()),
        nearest=nearest,
        widest=widest,
        synthetic=images.synthetic,
    )[wanted]
    table = table.sort_values(["first", "row"], kind="stable")
    table.insert(0, "group", pd.factorize(table["first"])[0] + 1)
    return table.drop(columns=["row", "first"]).reset_index(drop=True)


def _by_distance(
    images: ImageSet, content: np.ndarray, pairs: duplicates.Pairs, threshold: int
) -> pd.DataFrame:
    copies = content[pairs.first] == content[pairs.second]
    differ = images.labels[pairs.first] != images.labels[pairs.second]
    kinds = [("exact copies", 0, copies)]
    for d in np.unique(pairs.distance[~copies]):
        name = "near duplicates" if d <= threshold else "beyond the threshold"
        kinds.append((name, int(d), ~copies & (pairs.distance == d)))
    rows = [
        {
            "kind": name,
            "distance": distance,
            "pairs": int(chosen.sum()),
            "conflicting_share": float(differ[chosen].mean()) if chosen.any() else None,
        }
        for name, distance, chosen in kinds
    ]
    return pd.DataFrame(rows).astype({"conflicting_share": float}).assign(synthetic=images.synthetic)


def constant_images(images: ImageSet, deviation: float) -> pd.DataFrame:
    """Schema `constant_images`: images whose standard deviation is below `deviation` grey levels.

    FER2013 has twelve, all of them black throughout; in the next one the deviation is 42.6.
    """
    flat = images.pixels.reshape(len(images), -1)
    table = images.table[NAMED].assign(
        mean=flat.mean(axis=1).round(_DECIMALS),
        deviation=flat.std(axis=1).round(_DECIMALS),
        synthetic=images.synthetic,
    )
    return table[flat.std(axis=1) < deviation].sort_values("deviation", kind="stable").reset_index(drop=True)


def pixel_means(images: ImageSet) -> pd.DataFrame:
    """Schema `pixel_means`: the mean grey level (0–255) of every image, what the paper's box plot shows."""
    means = images.pixels.reshape(len(images), -1).mean(axis=1).round(_DECIMALS)
    return images.table[NAMED].assign(mean=means, synthetic=images.synthetic)


def boxes(means: pd.DataFrame, whiskers: float) -> pd.DataFrame:
    """Schema `pixel_boxes`: quartiles and fences of the mean grey level per class.

    `means`: schema `pixel_means`. A fence lies `whiskers` interquartile ranges beyond a
    quartile (Tukey: 1.5).
    """
    rows = []
    for emotion in (e for e in EMOTIONS_CONTEMPT if e in set(means["emotion"])):
        values = means.loc[means["emotion"] == emotion, "mean"].to_numpy()
        lower, median, upper = np.quantile(values, [0.25, 0.5, 0.75])
        reach = whiskers * (upper - lower)
        low, high = lower - reach, upper + reach
        rows.append(
            {
                "emotion": emotion,
                "n_images": len(values),
                "lower_fence": low,
                "lower_quartile": lower,
                "median": median,
                "upper_quartile": upper,
                "upper_fence": high,
                "n_darker": int((values < low).sum()),
                "n_brighter": int((values > high).sum()),
            }
        )
    return pd.DataFrame(rows).assign(synthetic=bool(means["synthetic"].any()))


def outliers(means: pd.DataFrame, box: pd.DataFrame) -> pd.DataFrame:
    """Schema `outliers`: images whose mean grey level lies beyond a fence of their class, farthest first.

    `means`: schema `pixel_means`; `box`: schema `pixel_boxes`. `excess` is how far beyond, in grey levels.
    """
    fences = box.set_index("emotion")
    below = fences["lower_fence"].loc[means["emotion"]].to_numpy() - means["mean"].to_numpy()
    above = means["mean"].to_numpy() - fences["upper_fence"].loc[means["emotion"]].to_numpy()
    table = means.assign(side=np.where(below > 0, "darker", "brighter"), excess=np.maximum(below, above))
    table = table[table["excess"] > 0].sort_values("excess", ascending=False, kind="stable")
    return table.round({"excess": _DECIMALS}).reset_index(drop=True)
