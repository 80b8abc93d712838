"""The tables of results on the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ferflow import layout, tables
from ferflow.evaluation.results import LEAKY
from ferflow.files import read_record
from ferflow.report import papers, reference
from ferflow.report.image_tables import protocols
from ferflow.report.names import (
    control_label,
    controls_of,
    marks,
    marks_of,
    model_label,
    model_order,
    protocol_order,
    views_label,
)
from ferflow.report.rendering import MISSING, number, with_interval

if TYPE_CHECKING:
    from rich.console import Console

NUMBERS = ("published", "ours", "without copies")
"""Columns of the paper's table that hold numbers."""
SHORT = {"cv": "CV", "nested": "nested CV"}
"""Protocols short enough for a terminal of 80 columns."""


def print_results(folder: str | Path, console: Console | None = None) -> None:
    """Print accuracy with its interval for every model and control in a study's results folder.

    An image study's networks come with both accuracies on PrivateTest, and with the paper's numbers. `folder`
    is e.g. results/demo. Says where the report is, chance, and that data are synthetic where they are. Raises
    InputError where there are no results yet.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = console or Console()
    folder = Path(folder)
    # The layout's patterns, relative to the study's own folder.
    metrics, table_folder, report = (
        folder / Path(pattern).relative_to(layout.RESULTS)
        for pattern in (layout.METRICS, layout.TABLES, layout.REPORT)
    )
    if (table_folder / "accuracies.csv").exists():
        _print_images(folder, table_folder, console)
        _print_report(report, console)
        return
    if (table_folder / "affect_classification.csv").exists():
        _print_affect(folder, table_folder, console)
        _print_report(report, console)
        return
    results = tables.read(table_folder / "results.csv", "results")
    confidence = read_record(metrics, {"confidence": float}, "run the evaluation again")["confidence"]
    whole = results[results["fold"].isna()]
    table = Table(
        title=_title(folder, marks_of(whole)),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    table.add_column("model", no_wrap=True)
    table.add_column("protocol", no_wrap=True)
    interval = f"accuracy (%),\n{100 * confidence:g} % interval"
    for heading in (interval, "F1\n(%)", "clips\n(subjects)"):
        table.add_column(heading, justify="right", no_wrap=True)
    models, controls = model_order(whole), controls_of(whole)
    for place, model in enumerate(models):
        if model in controls and not (place and models[place - 1] in controls):
            table.add_section()
            table.add_row("controls:", style="dim")
        mine = whole[whole["model"] == model]
        for protocol in protocol_order(mine["protocol"]):
            values = mine[mine["protocol"] == protocol].set_index("metric")
            style = "dim" if model in controls else None
            name = f"  {control_label(model)}" if model in controls else model_label(model)
            table.add_row(name, SHORT.get(protocol, protocol), *_cells(values), style=style)
    console.print(table)
    console.print(f"Chance: {number(whole['chance'].iloc[0], 'percent')} %.", highlight=False)
    _print_synthetic(bool(whole["synthetic"].any()), console)
    _print_report(report, console)


def _print_synthetic(synthetic: bool, console: Console) -> None:
    if synthetic:
        text = "Synthetic data: these numbers show that the workflow runs, not how well it reads real faces."
        console.print(text, style="bold", highlight=False)


def _print_report(report: Path, console: Console) -> None:
    there = report if report.exists() else f"not made yet ({report})"
    console.print(f"Report: {there}", highlight=False, soft_wrap=True)


def _print_images(folder: Path, table_folder: Path, console: Console) -> None:
    """The tables `accuracies` and, where the study has it, `compact`."""
    from rich import box
    from rich.table import Table

    found = tables.read(table_folder / "accuracies.csv", "accuracies")
    looks = {"title_justify": "left", "box": box.SIMPLE_HEAD, "pad_edge": False, "collapse_padding": True}
    leaky = bool(found["leaky"].any())
    shown = Table(title=_title(folder, marks(bool(found["synthetic"].any()))), **looks)
    shown.add_column("model")
    shown.add_column("views")
    watched, judged = (protocols(found)[name].split(",")[0] for name in ("validation", "test"))
    every = f"{judged} (%),\nall images" + (",\n" + LEAKY.replace(", ", ",\n") if leaky else "")
    for heading in (f"{watched}\n(%)", every, f"{judged} (%),\nwithout copies"):
        shown.add_column(heading, justify="right", no_wrap=True)
    for _, row in found.iterrows():
        if pd.isna(row["test"]):
            shown.add_row(model_label(row["model"]), row["note"], style="dim")
            continue
        public = number(row["validation"], "percent")
        cells = [with_interval(row, "percent", protocol) for protocol in ("test", "honest")]
        shown.add_row(model_label(row["model"]), views_label(row["views"]), public, *cells)
    console.print(shown)
    if (table_folder / "compact.csv").exists():
        text = reference.rendered(tables.read(table_folder / "compact.csv", "reference"), "")
        paper = Table(title="The compact paper and ours (accuracy and F1 in %)", **looks)
        for heading in ("item", "data", "number", "published", "ours", "without copies"):
            paper.add_column(heading, justify="right" if heading in NUMBERS else "left")
        for row in text.rows:
            # The images per class are in the report; so are rows that nothing of ours stands beside.
            if row[3] != "images" and row[5] != MISSING:
                paper.add_row(*row[1:7])
        console.print(paper)
    _print_synthetic(bool(found["synthetic"].any()), console)


def _print_affect(folder: Path, table_folder: Path, console: Console) -> None:
    """The metrics of expression, valence and arousal: a line each, a network a column."""
    from rich import box
    from rich.table import Table

    halves = ("affect_classification", "affect_regression")
    found = pd.concat([tables.read(table_folder / f"{name}.csv", "affect_metrics") for name in halves])
    models = list(dict.fromkeys(found["model"]))
    synthetic = bool(found["synthetic"].any())
    shown = Table(
        title=_title(folder, marks(synthetic)), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False
    )
    shown.add_column("metric", no_wrap=True)
    for model in models:
        shown.add_column(model_label(model), justify="right")
    for metric, mine in found.groupby("metric", sort=False):
        values = mine.set_index("model")["value"].reindex(models)
        cells = [number(value, ".3f") for value in values]
        shown.add_row(papers.paper("affectnet").metric(metric).label, *cells)
    console.print(shown)
    _print_synthetic(synthetic, console)


def _title(folder: Path, marks: str) -> str:
    return f"Results of {folder.name}" + (f" ({marks})" if marks else "")


def _cells(values: pd.DataFrame) -> list[str]:
    """Accuracy with interval, F1, clips and subjects of one model's rows, indexed by metric."""
    accuracy = values.loc["accuracy"]
    return [
        with_interval(accuracy, "percent"),
        number(values.loc["f1", "value"], "percent"),
        f"{accuracy['n_clips']} ({accuracy['n_subjects']})",
    ]
