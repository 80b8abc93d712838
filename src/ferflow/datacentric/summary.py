"""What was found in the images, counted."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from ferflow.datacentric.cleaning import Found
from ferflow.datacentric.label_errors import outvoted
from ferflow.datacentric.pool import TESTS, TRAINING


class Thresholds(NamedTuple):
    """By what the tables were made: settings of section `datacentric`.

    `filter` is cleanlab's; `images` is how many were drawn to look for label errors (None: all); `agreement`
    is the share of the labels that the judging networks agree with.
    """

    near_distance: int
    constant: float
    whiskers: float
    filter: str
    images: int | None
    agreement: float


def counted(found: Found, manifest: pd.DataFrame, thresholds: Thresholds) -> pd.DataFrame:
    """Schema `data_quality` from the tables of what was found and the set's manifest."""
    part, synthetic = manifest["split"], bool(manifest["synthetic"].any())
    rows = [
        ("official split", "training images", (part == TRAINING).sum(), f"part {TRAINING}"),
        ("official split", "test images", part.isin(TESTS).sum(), f"parts {' and '.join(TESTS)}"),
        *_groups("exact copies", found.exact, "the same pixels"),
        *_groups(
            "near duplicates",
            found.near,
            f"at most {thresholds.near_distance} of 64 bits of the perceptual hash differ",
        ),
        (
            "nearly constant",
            "images",
            len(found.constant),
            f"standard deviation below {thresholds.constant:g} grey levels",
        ),
        (
            "outliers by mean grey level",
            "images",
            len(found.outliers),
            f"beyond {thresholds.whiskers:g} interquartile ranges from a quartile of the class",
        ),
        *_doubts(found, thresholds),
    ]
    table = pd.DataFrame(rows, columns=["check", "counted", "count", "rule"])
    return table.astype({"count": int}).assign(synthetic=synthetic)


def ordered_conflicts(groups: pd.DataFrame) -> int:
    """Ordered pairs of images of a group (schema `duplicates`) that carry different labels."""
    sizes = groups.groupby("group").size()
    alike = groups.groupby(["group", "emotion"]).size()
    return int((sizes**2).sum() - (alike**2).sum())


def _doubts(found: Found, thresholds: Thresholds) -> list[tuple]:
    check = "suspected label errors"
    drawn = "" if thresholds.images is None else f" of {thresholds.images} images drawn from all"
    rule = f"cleanlab, {thresholds.filter}, on out-of-fold probabilities{drawn}"
    against = outvoted(found.exact, found.near)
    doubted = found.label_errors["clip_id"].isin(against)
    known = "labels against the majority of the image's copies and near copies"
    return [
        (
            check,
            "images",
            len(found.label_errors),
            f"{rule}; the networks agree with {100 * thresholds.agreement:.1f} % of the labels",
        ),
        (
            check,
            "by a wide margin",
            len(found.named("label_error")),
            f"another class likelier by {found.margin:g} and more",
        ),
        (check, "nearly certain errors", len(against), known),
        (check, "suspected ones of them", doubted.sum(), f"{known}, and suspected"),
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
