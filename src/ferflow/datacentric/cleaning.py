"""The cleaned split: which images stay, by which rule each of the others goes, and how many there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from ferflow import tables
from ferflow.datacentric.label_errors import outvoted
from ferflow.datacentric.sampling import TESTS, TRAINING
from ferflow.datasets.fer2013 import USAGES
from ferflow.datasets.images import ImageSet
from ferflow.errors import InputError

REASONS = {
    "constant": "nearly constant: shows nothing",
    "conflict": "its exact copies carry different labels: none can be trusted",
    "duplicate": "exact copy: of each group the first image of its last part stays",
    "near_duplicate": "near copy of an image in a later part",
    "outlier": "mean grey level beyond the fences of its class",
    "label_error": "another class far likelier than its label to networks that did not see it",
}
"""Why each rule drops an image."""


@dataclass(frozen=True)
class Flaws:
    """The tables that the rules read: schemas duplicates (twice), constant_images, outliers, label_errors."""

    exact: pd.DataFrame
    near: pd.DataFrame
    constant: pd.DataFrame
    outliers: pd.DataFrame
    label_errors: pd.DataFrame
    margin: float
    """By how much another class must be likelier than the label for the image to go (0–1)."""

    def named(self, rule: str) -> set[str]:
        """The clip_ids that `rule` names, whether another rule has dropped them before or not."""
        if rule == "conflict":
            return set(self.exact.loc[self.exact["n_emotions"] > 1, "clip_id"])
        if rule == "duplicate":
            # The later part is the one that is tested on; the training side gives way, not the test.
            part = self.exact["split"].map(USAGES.index)
            kept = self.exact.loc[part == part.groupby(self.exact["group"]).transform("max")]
            return set(self.exact["clip_id"]) - set(kept.groupby("group")["clip_id"].first())
        if rule == "near_duplicate":
            part = self.near["split"].map(USAGES.index)
            last = part.groupby(self.near["group"]).transform("max")
            return set(self.near.loc[part < last, "clip_id"])
        wide = self.label_errors[self.label_errors["margin"] >= self.margin]
        listed = {"constant": self.constant, "outlier": self.outliers, "label_error": wide}
        return set(listed[rule]["clip_id"])


def clean(
    manifest: pd.DataFrame, flaws: Flaws, rules: Sequence[str], training_only: Sequence[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Schemas `cleaned` (keep or drop, for every image) and `cleaning` (each rule's toll).

    `manifest` lists all images (schema `manifest`). `rules` are applied in their order, and an image is put
    down to the first that names it; those in `training_only` drop no test image. Rules that are not applied
    follow at the end of the second table with the number of images that they name.
    """
    clips, synthetic = manifest["clip_id"], bool(manifest["synthetic"].any())
    training = (manifest["split"] == TRAINING).to_numpy()
    rule = np.full(len(manifest), "", object)
    rows = []
    for place, name in enumerate(dict.fromkeys([*rules, *REASONS])):
        named = clips.isin(flaws.named(name)).to_numpy()
        if name in training_only:
            named = named & training
        dropped = named & (rule == "") & (name in rules)
        rule[dropped] = name
        rows.append(
            {
                "step": place + 1 if name in rules else None,
                "rule": name,
                "reason": REASONS[name],
                "part": "training" if name in training_only else "all parts",
                "named": int(named.sum()),
                "dropped_training": int((dropped & training).sum()),
                "dropped_test": int((dropped & ~training).sum()),
                "left_training": int(((rule == "") & training).sum()),
                "left_test": int(((rule == "") & ~training).sum()),
                "note": "" if name in rules else "not applied",
            }
        )
    cleaned = manifest[["clip_id", "emotion", "split"]].assign(
        decision=np.where(rule == "", "keep", "drop"), rule=rule, synthetic=synthetic
    )
    steps = pd.DataFrame(rows).assign(synthetic=synthetic)
    return cleaned, steps.astype({"step": "Int64"})


def kept(cleaned_csv: str | Path, images: ImageSet) -> np.ndarray:
    """Which images a cleaned split (schema `cleaned`) keeps, bool [N]; InputError where it lacks one.

    `images.rows(kept(...))` is the cleaned set, for any training that takes images.
    """
    table = tables.read(cleaned_csv, "cleaned").set_index("clip_id")["decision"]
    missing = ~images.table["clip_id"].isin(table.index)
    if missing.any():
        clip = images.table.loc[missing, "clip_id"].iloc[0]
        raise InputError(cleaned_csv, f"lacks the image {clip}", "clean this copy of the data set")
    return (table.loc[images.table["clip_id"]] == "keep").to_numpy()


class Thresholds(NamedTuple):
    """By what the tables were made: settings of section `datacentric`.

    `filter` is cleanlab's; `images` is how many were drawn to look for label errors (None: all); `agreement`
    is the share of the labels that the networks agree with.
    """

    near_distance: int
    constant: float
    whiskers: float
    filter: str
    images: int | None
    agreement: float


def counted(flaws: Flaws, manifest: pd.DataFrame, thresholds: Thresholds) -> pd.DataFrame:
    """Schema `data_quality` from the tables of flaws and the set's manifest."""
    part, synthetic = manifest["split"], bool(manifest["synthetic"].any())
    rows = [
        ("official split", "training images", (part == TRAINING).sum(), f"part {TRAINING}"),
        ("official split", "test images", part.isin(TESTS).sum(), f"parts {' and '.join(TESTS)}"),
        *_groups("exact copies", flaws.exact, "the same pixels"),
        *_groups(
            "near duplicates",
            flaws.near,
            f"at most {thresholds.near_distance} of 64 bits of the perceptual hash differ",
        ),
        (
            "nearly constant",
            "images",
            len(flaws.constant),
            f"standard deviation below {thresholds.constant:g} grey levels",
        ),
        (
            "outliers by mean grey level",
            "images",
            len(flaws.outliers),
            f"beyond {thresholds.whiskers:g} interquartile ranges from a quartile of the class",
        ),
        *_suspects(flaws, thresholds),
    ]
    table = pd.DataFrame(rows, columns=["check", "counted", "count", "rule"])
    return table.astype({"count": int}).assign(synthetic=synthetic)


def ordered_conflicts(groups: pd.DataFrame) -> int:
    """Ordered pairs of images of a group (schema `duplicates`) that carry different labels."""
    sizes = groups.groupby("group").size()
    alike = groups.groupby(["group", "emotion"]).size()
    return int((sizes**2).sum() - (alike**2).sum())


def _suspects(flaws: Flaws, thresholds: Thresholds) -> list[tuple]:
    check = "suspected label errors"
    drawn = "" if thresholds.images is None else f" of {thresholds.images} images drawn from all"
    rule = f"cleanlab, {thresholds.filter}, on out-of-fold probabilities{drawn}"
    against = outvoted(flaws.exact, flaws.near)
    suspected = flaws.label_errors["clip_id"].isin(against)
    known = "labels against the majority of the image's copies and near copies"
    return [
        (
            check,
            "images",
            len(flaws.label_errors),
            f"{rule}; the networks agree with {100 * thresholds.agreement:.1f} % of the labels",
        ),
        (
            check,
            "by a wide margin",
            len(flaws.named("label_error")),
            f"another class likelier by {flaws.margin:g} and more",
        ),
        (check, "nearly certain errors", len(against), known),
        (check, "suspected ones of them", suspected.sum(), f"{known}, and suspected"),
    ]


def _groups(check: str, groups: pd.DataFrame, rule: str) -> list[tuple]:
    n_groups = groups["group"].nunique()
    conflicting, across = groups["n_emotions"] > 1, groups["n_splits"] > 1
    return [
        (check, "images beyond the first of each group", len(groups) - n_groups, rule),
        (check, "groups", n_groups, rule),
        (check, "groups with different labels", groups.loc[conflicting, "group"].nunique(), rule),
        (check, "images in those", conflicting.sum(), rule),
        (check, "ordered pairs with different labels", ordered_conflicts(groups), rule),
        (check, "groups across the official parts", groups.loc[across, "group"].nunique(), rule),
    ]
