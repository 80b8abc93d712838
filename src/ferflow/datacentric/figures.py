"""The box plot of mean grey levels, and the published protocol against the honest one."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ferflow import tables
from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.datacentric.sampling import PROTOCOLS
from ferflow.evaluation.results import LEAKY
from ferflow.report import style
from ferflow.report.names import SAMPLINGS, marks, model_label

LOOKS = {
    "published": ("s", style.MIDDLE, f"published protocol, {LEAKY.split(', ')[1]}"),
    "honest": ("o", style.DARK, "honest protocol"),
}
"""Marker, colour and name of each protocol."""


def pixel_means(means: pd.DataFrame, boxes: pd.DataFrame, whiskers: float, marks: str) -> Figure:
    """Horizontal box plot of the images' mean grey level per class (the paper's figure to problem 2).

    `means`: schema `pixel_means`; `boxes`: schema `pixel_boxes`.
    """
    emotions = [emotion for emotion in EMOTIONS_NEUTRAL if emotion in set(means["emotion"])]
    drawn = style.figure(2 * style.COLUMN, 0.9 + 0.36 * len(emotions))
    axes = drawn.subplots()
    axes.boxplot(
        [means.loc[means["emotion"] == emotion, "mean"] for emotion in emotions],
        orientation="horizontal",
        whis=whiskers,
        widths=0.6,
        patch_artist=True,
        boxprops={"facecolor": style.BAND, "edgecolor": style.DARK, "linewidth": 0.8},
        medianprops={"color": style.MIDDLE, "linewidth": 1.4},
        whiskerprops={"color": style.DARK, "linewidth": 0.8},
        capprops={"color": style.DARK, "linewidth": 0.8},
        # Thousands of points: as pixels, since each as a path of its own would make the file huge.
        flierprops={"marker": "|", "markersize": 5, "markeredgecolor": style.LIGHT, "rasterized": True},
    )
    counts = boxes.set_index("emotion")
    axes.set_yticks(range(1, len(emotions) + 1), emotions)
    for place, emotion in enumerate(emotions, 1):
        row = counts.loc[emotion]
        share = (row["n_darker"] + row["n_brighter"]) / row["n_images"]
        axes.text(258, place, f"{100 * share:.1f} %", va="center", fontsize=6.5, color=style.DARK)
    axes.text(258, 0.35, "outliers", va="center", fontsize=6.5, color=style.LIGHT)
    axes.set(xlim=(0, 255), ylim=(len(emotions) + 0.6, 0.4), xlabel="mean grey level of an image (0–255)")
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    title = f"Mean grey level per class; whiskers: {whiskers:g} interquartile ranges"
    style.heading(drawn, title, marks)
    return drawn


def write_protocols(sampling_csv: str, confidence: float, out: str) -> None:
    """Draw the figure `protocols` from a table of schema `sampling`."""
    sampling = tables.read(sampling_csv, "sampling")
    with style.style():
        drawn = protocols(
            sampling[sampling["metric"] == "recall"], confidence, marks(bool(sampling["synthetic"].any()))
        )
        style.save(drawn, out, "Resampling before and after the split")


def protocols(rows: pd.DataFrame, confidence: float, marks: str) -> Figure:
    """Macro recall of each network and sampling by either protocol, with intervals: the gap is the leak.

    `rows`: schema `sampling`. Recall and not accuracy, since after resampling before the split the test
    images are balanced, and in the official parts they are not.
    """
    drawn = style.figure(2 * style.COLUMN, 1.15 + 0.3 * len(rows))
    axes = drawn.subplots()
    for place, row in enumerate(rows.to_dict("records")):
        axes.plot([row["honest"], row["published"]], [place, place], color=style.BAND, linewidth=5, zorder=1)
        for protocol in PROTOCOLS:
            marker, colour, _ = LOOKS[protocol]
            face = "white" if protocol == "published" else colour
            low, high = row[f"{protocol}_low"], row[f"{protocol}_high"]
            axes.plot([low, high], [place, place], color=colour, linewidth=1.2, zorder=2)
            axes.plot(row[protocol], place, marker, color=colour, markerfacecolor=face, zorder=3)
        text = f"{row['difference']:+.1f} [{row['difference_low']:+.1f}, {row['difference_high']:+.1f}]"
        axes.text(
            1.02,
            place,
            text,
            va="center",
            fontsize=6.5,
            color=style.DARK,
            transform=axes.get_yaxis_transform(),
        )
    labels = [f"{model_label(row.network)}, {SAMPLINGS[row.sampling]}" for row in rows.itertuples()]
    style.names_down(axes, labels, 0.6, 0.6)
    values = rows[["published_low", "published_high", "honest_low", "honest_high"]].to_numpy()
    axes.set_xlim(max(0, values.min() - 0.05), min(1, values.max() + 0.03))
    axes.set_xlabel("macro recall on the protocol's own test images")
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    handles = [
        Line2D(
            [],
            [],
            marker=marker,
            color=colour,
            label=name,
            markerfacecolor="white" if protocol == "published" else colour,
        )
        for protocol, (marker, colour, name) in LOOKS.items()
    ]
    drawn.legend(handles=handles, loc="outside lower center", ncols=2)
    title = (
        f"Resampling before and after the split; right: difference in points, {100 * confidence:g} % interval"
    )
    style.heading(drawn, title, marks)
    return drawn
