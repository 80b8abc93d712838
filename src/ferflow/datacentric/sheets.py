"""Sheets of example images to look at: each image with its name and labels."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.datasets.images import ImageSet
from ferflow.report import style

ACROSS = 10
"""Images in a row of a sheet."""
_GAP = 0.18
"""Between two images, widths of an image."""
_LINE = 0.135
"""Height of a line below an image, heights of an image."""
_LONGEST = 22
"""Letters of a name that are shown."""
_NAME = 4.0
_TEXT = 5.0
"""Sizes of the name and of the text below an image, points."""


def sheet(
    images: ImageSet, rows: Sequence[Sequence[tuple[str, str]]], title: str, marks: str, lines: int = 1
) -> Figure:
    """A sheet of images: `rows` of (clip_id, text), at most ACROSS in each.

    The text may have `lines` lines; the image's name stands above them.
    """
    places = {clip: place for place, clip in enumerate(images.table["clip_id"])}
    height = 1 + (lines + 1) * _LINE + 0.08
    width = ACROSS * (1 + _GAP) - _GAP
    inches = 2 * style.COLUMN / width
    drawn = style.figure(2 * style.COLUMN, 0.55 + inches * height * max(1, len(rows)))
    axes = drawn.subplots()
    for down, row in enumerate(rows):
        for across, (name, text) in enumerate(row[:ACROSS]):
            left, top = across * (1 + _GAP), down * height
            axes.imshow(
                images.pixels[places[name]],
                cmap="gray",
                vmin=0,
                vmax=255,
                extent=(left, left + 1, top + 1, top),
                interpolation="none",
            )
            # A frame, since some images are as white as the page.
            axes.add_patch(Rectangle((left, top), 1, 1, fill=False, edgecolor=style.LIGHT, linewidth=0.3))
            short = name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"
            axes.text(left, top + 1 + _LINE * 0.75, short, fontsize=_NAME, color=style.LIGHT)
            for number, line in enumerate(text.split("\n")[:lines]):
                axes.text(left, top + 1 + _LINE * (1.75 + number), line, fontsize=_TEXT, color=style.DARK)
    if not rows:
        axes.text(width / 2, 0.5, "none found", ha="center", color=style.LIGHT)
    axes.set(xlim=(0, width), ylim=(height * max(1, len(rows)), 0), aspect="equal")
    axes.set_axis_off()
    style.heading(drawn, title, marks)
    return drawn


def duplicates(images: ImageSet, groups: pd.DataFrame, n: int, what: str, marks: str) -> Figure:
    """One image of each group of exact copies (schema `duplicates`), the largest groups first.

    Below it: how often each label occurs in the group.
    """
    order = groups.groupby("group")["n_images"].first().sort_values(ascending=False, kind="stable").index
    members = groups.groupby("group")
    shown = []
    for group in order[:n]:
        own = members.get_group(group)
        counts = own["emotion"].value_counts()
        labels = [f"{emotion} × {counts[emotion]}" for emotion in EMOTIONS_NEUTRAL if emotion in counts]
        labels = labels if len(labels) <= 3 else [*labels[:2], "…"]
        shown.append((own["clip_id"].iat[0], "\n".join(labels)))
    total = f"{len(order)} groups, {len(groups)} images"
    title = f"{what}: {total}; one image of each of {len(shown)} groups, and its labels"
    return sheet(images, _rows(shown), title, marks, lines=3)


def near_duplicates(images: ImageSet, groups: pd.DataFrame, n: int, marks: str) -> Figure:
    """Groups of near duplicates (schema `duplicates`), one a row, those that reach farthest first."""
    widest = groups.groupby("group")["widest"].first().sort_values(ascending=False, kind="stable")
    members, rows = groups.groupby("group"), []
    for group in widest.index[: max(1, n // ACROSS)]:
        own = members.get_group(group)
        rows.append(
            [
                (clip, f"{emotion}\n{split}")
                for clip, emotion, split in own[["clip_id", "emotion", "split"]].itertuples(index=False)
            ]
        )
    title = (
        f"Near duplicates: {widest.size} groups, {len(groups)} images; "
        f"a row a group (its first {ACROSS}), the widest groups first"
    )
    return sheet(images, rows, title, marks, lines=2)


def constant(images: ImageSet, table: pd.DataFrame, n: int, marks: str) -> Figure:
    """Nearly constant images (schema `constant_images`)."""
    shown = [
        (row.clip_id, f"{row.emotion}\nmean {row.mean:.0f}, s.d. {row.deviation:.1f}")
        for row in table.head(n).itertuples(index=False)
    ]
    return sheet(images, _rows(shown), f"Nearly constant images: {len(table)}", marks, lines=2)


def outliers(images: ImageSet, table: pd.DataFrame, marks: str) -> Figure:
    """The farthest outliers of each class (schema `outliers`): a row a class, darker ones left."""
    rows = []
    for emotion in EMOTIONS_NEUTRAL:
        own = table[table["emotion"] == emotion]
        row = []
        for side in ("darker", "brighter"):
            far = own[own["side"] == side].head(ACROSS // 2)
            row += [(one.clip_id, f"{emotion}\nmean {one.mean:.0f}") for one in far.itertuples(index=False)]
        if row:
            rows.append(row)
    title = f"Outliers by mean grey level: {len(table)}; the farthest of each class, darker ones first"
    return sheet(images, rows, title, marks, lines=2)


def label_errors(images: ImageSet, table: pd.DataFrame, n: int, marks: str) -> Figure:
    """Suspected label errors (schema `label_errors`), the likeliest first."""
    shown = [
        (
            row.clip_id,
            f"{row.emotion} {row.p_given:.2f}\n{row.suggested}? {row.p_suggested:.2f}",
        )
        for row in table.head(n).itertuples(index=False)
    ]
    title = f"Suspected label errors: {len(table)}; the first {len(shown)}: label, suggestion, probabilities"
    return sheet(images, _rows(shown), title, marks, lines=2)


def _rows(shown: list[tuple[str, str]]) -> list[list[tuple[str, str]]]:
    return [shown[begin : begin + ACROSS] for begin in range(0, len(shown), ACROSS)]
