"""The cleaned split: which images stay, and by which rule each of the others goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ferflow import tables
from ferflow.datacentric.pool import TRAINING
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
class Found:
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
    manifest: pd.DataFrame, found: Found, rules: Sequence[str], training_only: Sequence[str]
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
        named = clips.isin(found.named(name)).to_numpy()
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
