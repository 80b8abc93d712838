"""The SFEW paper's numbers (Gong), each beside ours or the reason why there is none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ferflow import tables
from ferflow.evaluation.results import LEAKY
from ferflow.report import rendering
from ferflow.report.image_tables import NOT_RUN
from ferflow.report.names import marks
from ferflow.report.published import NOT_COMPARABLE, facts, ordered

STUDY = "sfew"
ORDER = ("1", "2", "3", "4", "3 text", "1.2")
"""The paper's tables and sections, results first."""
PROTOCOLS = ("random", "film", "spi")
"""The published one first."""
HEADINGS = {
    "random": f"random folds ({LEAKY})",
    "film": "folds by film",
    "spi": "SPI",
}
SCENES = "synthetic scenes"
"""What stands over ours where it is of the embedded data set."""
SPI_BASELINE = "SPI protocol baseline"
ITEMS = {
    "resnet50 original images": "resnet50-200-originals",
    "resnet50 face crops 200 epochs": "resnet50-200-crops",
    "resnet50 100 epochs, original images": "resnet50-100-originals",
    "transfer, original images": "resnet50-200-originals",
    "transfer, face crops": "resnet50-100-crops",
    SPI_BASELINE: "lpq-phog-crops",
    "LPQ": "lpq-crops",
    "PHOG": "phog-crops",
} | {
    f"resnet{depth} {epochs} epochs, face crops": f"resnet{depth}-{epochs}-crops"
    for depth in (18, 34, 50)
    for epochs in (50, 100)
}
"""Accuracies in the paper, and which of our models stands beside each."""
QUOTED = "quoted from the data set's authors, under a protocol that the paper does not name"
REMARKS = {
    SPI_BASELINE: "a protocol, not a feature: the data set's authors' SVM on LPQ and PHOG under SPI; "
    "ours: an SVM on both features together under SPI",
    "LPQ": f"printed as LPG; {QUOTED}",
    "PHOG": QUOTED,
}
SHORT = {"random": "random folds", "film": "folds by film", "spi": "SPI"}
STARTS = {
    "untrained": "untrained start: frozen stages are random",
    "imagenet": "",
    "shipped": "",
    "none": "",
    "": "",
}
"""What must be said of where a network's frozen stages come from."""


@dataclass(frozen=True)
class Ours:
    """What a study has for the table."""

    folds: pd.DataFrame
    """Schema `sfew_folds`."""
    images: int
    """Image files of the data set."""
    left_out: int
    """How many of them cannot be used."""
    dataset: str
    synthetic: bool
    spi: bool = True
    """Whether the data set has the sets of SPI, or draws its own."""

    def accuracy(self, model: str, protocol: str, place: int | None) -> float | None:
        """Accuracy of a model in its `place`-th fold (from 1) of a protocol; without a place the mean."""
        rows = self.folds[(self.folds["model"] == model) & (self.folds["protocol"] == protocol)]
        if place is None:
            found = rows[rows["fold"].isna()]
        else:
            found = rows[rows["fold"].notna()].sort_values("fold").iloc[place - 1 : place]
        return None if found.empty else float(found["accuracy"].iloc[0])

    def start(self, model: str) -> str:
        """Where a model's network starts, or nothing where it was not run."""
        found = self.folds.loc[self.folds["model"] == model, "start"]
        return "" if found.empty else str(found.iloc[0])


def beside(ours: Ours) -> pd.DataFrame:
    """Schema `sfew_beside`: every row that published.csv has of the study.

    On synthetic data `data` says so and `difference` stays empty, as it does for single folds (a fold of ours
    holds other images than the paper's of that number) and for networks that did not start from ImageNet.
    """
    rows = []
    for row in ordered(STUDY, ORDER).itertuples(index=False):
        base = facts(row) | {"start": ""}
        found = _images(ours) if row.metric == "images" else _accuracies(row, ours)
        rows.append(_compared(base | found, ours))
    frame = pd.DataFrame(rows).reindex(columns=tables.schema("sfew_beside").names)
    numbers = [*PROTOCOLS, "difference"]
    return frame.astype({name: float for name in numbers} | {"count": "Int64"})


def _images(ours: Ours) -> dict:
    note = f"{ours.left_out} of ours are left out" if ours.left_out else ""
    return {"count": ours.images, "note": note}


def _accuracies(row, ours: Ours) -> dict:
    model = ITEMS[row.item]
    place = int(row.split.removeprefix("fold ")) if row.split.startswith("fold ") else None
    asked = ("spi",) if row.item == SPI_BASELINE else PROTOCOLS
    values = {protocol: ours.accuracy(model, protocol, place) for protocol in asked}
    start = ours.start(model)
    notes = [REMARKS.get(row.item, ""), *missing(model, values, ours, place), STARTS[start]]
    note = "; ".join(note for note in notes if note)
    return values | {"model": model if start else "", "start": start, "note": note}


def missing(model: str, values: dict[str, float | None], ours: Ours, place: int | None) -> list[str]:
    """Why a model has no accuracy, by protocol; nothing where it has all."""
    if not ours.start(model):
        return [f"{NOT_RUN}{model} is not among this study's models"]
    reasons = []
    for protocol in (name for name, value in values.items() if value is None):
        if protocol == "spi" and not ours.spi:
            reasons.append(f"SPI: {NOT_RUN}this copy of the data set has no lists of its two sets")
        elif ours.accuracy(model, protocol, None) is None:
            reasons.append(f"{SHORT[protocol]}: {NOT_RUN}not among the protocols of this model")
        elif protocol == "spi":
            reasons.append("SPI: it has two sets, no such fold")
        else:
            reasons.append(f"{SHORT[protocol]}: this study has no fold {place}")
    return reasons


def _compared(row: dict, ours: Ours) -> dict:
    followed = "count" if row["metric"] == "images" else "spi" if row["item"] == SPI_BASELINE else "random"
    if all(row.get(name) is None for name in ("count", *PROTOCOLS)):
        return row
    row = row | {"synthetic": ours.synthetic, "data": NOT_COMPARABLE if ours.synthetic else ours.dataset}
    value = row.get(followed)
    # A fold of ours holds other images than the paper's of that number: only means are compared.
    if value is None or ours.synthetic or row["split"].startswith("fold ") or row["start"] == "untrained":
        return row
    scale = 1 if row["metric"] == "images" else 100
    return row | {"difference": scale * (value - row["published"])}


def read(folds_csvs: Iterable[str | Path], counts_csv: str | Path, dataset: str, synthetic: bool) -> Ours:
    """What a study has: tables of schema `sfew_folds`, and the images of schema `sfew_counts`."""
    counts = tables.read(counts_csv, "sfew_counts").set_index("emotion").loc["all"]
    found, kept = int(counts["found"]), int(counts["kept"])
    spi = synthetic or int(counts["in_spi"]) > 0
    return Ours(read_folds(folds_csvs), found, found - kept, dataset, synthetic, spi)


def write(ours: Ours, output: str | Path) -> None:
    """Write schema `sfew_beside`."""
    tables.write(beside(ours), output, "sfew_beside")


def read_folds(folds_csvs: Iterable[str | Path]) -> pd.DataFrame:
    """Tables of schema `sfew_folds` below one another."""
    return pd.concat([tables.read(path, "sfew_folds") for path in folds_csvs], ignore_index=True)


def render(table_csv: str | Path, title: str, outputs: Iterable[str | Path]) -> None:
    """Render schema `sfew_beside` (.md, .tex, .html)."""
    rendering.write(rendered(tables.read(table_csv, "sfew_beside"), title), *outputs)


def rendered(table: pd.DataFrame, title: str) -> rendering.Rendered:
    """Schema `sfew_beside` as text; ours stands under the heading of its data."""
    synthetic = bool(table["synthetic"].any())
    whose = SCENES if synthetic else "ours"
    headings = [
        "paper's table",
        "item",
        "fold",
        "number",
        "published",
        *(f"{whose}, {HEADINGS[protocol]}" for protocol in PROTOCOLS),
        "difference",
        "our model",
        "note",
    ]
    rows = []
    for row in table.to_dict("records"):
        shares = row["metric"] == "accuracy"
        ours = [_written(row[protocol], True) for protocol in PROTOCOLS]
        if not shares:
            ours = [_written(row["count"], False), rendering.MISSING, rendering.MISSING]
        notes = [f"paper: {row['published_note']}" if row["published_note"] else "", row["note"]]
        if row["synthetic"]:
            notes.append(NOT_COMPARABLE)
        rows.append(
            [
                row["table"],
                row["item"],
                row["split"],
                "accuracy (%)" if shares else "images",
                _written(row["published"], shares),
                *ours,
                _difference(row["difference"], shares),
                row["model"],
                "; ".join(note for note in notes if note),
            ]
        )
    numbers = [False] * 4 + [True] * 5 + [False] * 2
    return rendering.Rendered(title, marks(synthetic), headings, numbers, rows, [False] * len(rows))


def _written(value: float, share: bool) -> str:
    if pd.isna(value):
        return rendering.MISSING
    return f"{100 * value:.1f}" if share else f"{value:.0f}"


def _difference(value: float, share: bool) -> str:
    return rendering.MISSING if pd.isna(value) else format(value, "+.1f" if share else "+.0f")
