"""The thesis's tables beside ours, for readers: Markdown, LaTeX and HTML."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from ferflow import tables
from ferflow.report import rendering
from ferflow.report.names import marks, model_label
from ferflow.report.published import NOT_COMPARABLE
from ferflow.report.thesis_beside import MEASURED

UNITS = {
    "imagenet_top1": "ImageNet top-1 (%)",
    "imagenet_top5": "ImageNet top-5 (%)",
    "trainable_parameters": "trainable parameters",
    "max_accuracy": "best validation accuracy (%)",
    "train_minus_validation": "training less validation accuracy (points)",
    "mean_of_medians": "mean of medians (%)",
    "median_accuracy": "median share of right answers (%)",
    "recall_min": "least recall (%)",
    "recall_max": "greatest recall (%)",
    "f1": "F1 (%)",
}


def render(table_csv: str | Path, title: str, outputs: Iterable[str | Path]) -> None:
    """Render schema `thesis_beside` (.md, .tex, .html)."""
    rendering.write(rendered(tables.read(table_csv, "thesis_beside"), title), *outputs)


def rendered(table: pd.DataFrame, title: str) -> rendering.Rendered:
    """Schema `thesis_beside` as text, each number in the unit of its row.

    Where any number is of synthetic data, our column is headed so and there is no column of differences.
    """
    synthetic = bool(table["synthetic"].any())
    rows = []
    for row in table.to_dict("records"):
        metric = row["metric"]
        notes = [f"thesis: {row['published_note']}" if row["published_note"] else "", row["note"]]
        cells = [
            row["item"],
            _unit(metric),
            row["split"],
            _number(row["published"], metric),
            _number(row["ours"], metric),
            _interval(row["low"], row["high"], metric),
            _difference(row["difference"], metric),
            ", ".join(model_label(name) for name in row["model"].split(", ")) if row["model"] else "",
            row["real"] or rendering.MISSING,
            "; ".join(note for note in notes if note),
        ]
        rows.append(cells)
    headings = [
        "item",
        "number",
        "data",
        "published",
        NOT_COMPARABLE if synthetic else "ours",
        "interval",
        "difference",
        "our model",
        "real data",
        "note",
    ]
    numbers = [False, False, False, True, True, True, True, False, False, False]
    if synthetic:
        place = headings.index("difference")
        for cells in (headings, numbers, *rows):
            del cells[place]
    return rendering.Rendered(title, marks(synthetic), headings, numbers, rows, [False] * len(rows))


def _unit(metric: str) -> str:
    plain = metric.replace("_", " ")
    return UNITS.get(metric, f"{plain} (%)" if metric in MEASURED else plain)


def _number(value: float, metric: str) -> str:
    if pd.isna(value):
        return rendering.MISSING
    if metric in MEASURED:
        return f"{100 * value:.1f}"
    return f"{value:.2f}" if metric.startswith("score_") else f"{value:,.0f}"


def _interval(low: float, high: float, metric: str) -> str:
    if pd.isna(low):
        return rendering.MISSING
    return f"[{_number(low, metric)}, {_number(high, metric)}]"


def _difference(value: float, metric: str) -> str:
    if pd.isna(value):
        return rendering.MISSING
    if metric in MEASURED:
        return f"{value:+.1f}"
    return f"{value:+.2f}" if metric.startswith("score_") else f"{value:+,.0f}"
