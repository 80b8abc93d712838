"""The tables of results on the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ferflow import layout, settings, tables
from ferflow.evaluation.results import LEAKY
from ferflow.files import read_record
from ferflow.report import papers, reference
from ferflow.report.image_tables import protocols
from ferflow.report.names import (
    control_label,
    controls_of,
    marks_of,
    model_label,
    model_order,
    protocol_order,
    views_label,
)
from ferflow.report.rendering import MISSING, number, with_interval

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

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
    from rich.console import Console

    console = console or Console()
    folder = Path(folder)
    # The layout's patterns, relative to the study's own folder.
    metrics, table_folder, report = (
        folder / Path(pattern).relative_to(layout.RESULTS)
        for pattern in (layout.METRICS, layout.TABLES, layout.REPORT)
    )
    if (table_folder / "accuracies.csv").exists():
        synthetic = _print_images(folder.name, table_folder, console)
    elif (table_folder / "affect_classification.csv").exists():
        synthetic = _print_affect(folder.name, table_folder, console)
    else:
        synthetic = _print_clips(folder.name, table_folder, metrics, console)
    kept = folder / Path(layout.SETTINGS).name
    if kept.is_file() and settings.load(kept).rehearsal:
        console.print("A rehearsal: nothing in it is a result.", style="bold", highlight=False)
    if synthetic:
        text = "Synthetic data: these numbers show that the workflow runs, not how well it reads real faces."
        console.print(text, style="bold", highlight=False)
    there = report if report.exists() else f"not made yet ({report})"
    console.print(f"Report: {there}", highlight=False, soft_wrap=True)


def _table(title: str, collapse: bool = True) -> Table:
    """An empty table; with `collapse` its columns stand close together."""
    from rich import box
    from rich.table import Table

    looks = {"title_justify": "left", "box": box.SIMPLE_HEAD, "pad_edge": False}
    return Table(title=title, collapse_padding=collapse, **looks)


def _title(study: str, table: pd.DataFrame) -> str:
    marks = marks_of(table)
    return f"Results of {study}" + (f" ({marks})" if marks else "")


def _print_clips(study: str, table_folder: Path, metrics: Path, console: Console) -> bool:
    """The table `results`, controls last; returns whether data are synthetic, as the next two do."""
    results = tables.read(table_folder / "results.csv", "results", failed=True)
    failed, results = results[results["chance"].isna()], results[results["chance"].notna()]
    confidence = read_record(metrics, {"confidence": float}, "run the evaluation again")["confidence"]
    whole = results[results["fold"].isna()]
    shown = _table(_title(study, whole))
    shown.add_column("model", no_wrap=True)
    shown.add_column("protocol", no_wrap=True)
    interval = f"accuracy (%),\n{100 * confidence:g} % interval"
    for heading in (interval, "F1\n(%)", "clips\n(subjects)"):
        shown.add_column(heading, justify="right", no_wrap=True)
    models, controls = model_order(whole), controls_of(whole)
    for place, model in enumerate(models):
        if model in controls and not (place and models[place - 1] in controls):
            shown.add_section()
            shown.add_row("controls:", style="dim")
        of_model = whole[whole["model"] == model]
        for protocol in protocol_order(of_model["protocol"]):
            values = of_model[of_model["protocol"] == protocol].set_index("metric")
            accuracy = values.loc["accuracy"]
            shown.add_row(
                f"  {control_label(model)}" if model in controls else model_label(model),
                SHORT.get(protocol, protocol),
                with_interval(accuracy, "percent"),
                number(values.loc["f1", "value"], "percent"),
                f"{accuracy['n_clips']} ({accuracy['n_subjects']})",
                style="dim" if model in controls else None,
            )
    console.print(shown)
    for row in failed.drop_duplicates("model").itertuples():
        console.print(f"{model_label(row.model)}: {row.note}", highlight=False, soft_wrap=True)
    console.print(f"Chance: {number(whole['chance'].iloc[0], 'percent')} %.", highlight=False)
    return bool(whole["synthetic"].any())


def _print_images(study: str, table_folder: Path, console: Console) -> bool:
    """The tables `accuracies` and, where the study has it, `compact`."""
    accuracies = tables.read(table_folder / "accuracies.csv", "accuracies")
    shown = _table(_title(study, accuracies.drop(columns="note")))
    shown.add_column("model")
    shown.add_column("views")
    validation, test = (protocols(accuracies)[name].split(",")[0] for name in ("validation", "test"))
    leaky = ",\n" + LEAKY.replace(", ", ",\n") if accuracies["leaky"].any() else ""
    headings = f"{validation}\n(%)", f"{test} (%),\nall images{leaky}", f"{test} (%),\nwithout copies"
    for heading in headings:
        shown.add_column(heading, justify="right", no_wrap=True)
    for _, row in accuracies.iterrows():
        if pd.isna(row["test"]):
            shown.add_row(model_label(row["model"]), row["note"], style="dim")
            continue
        public = number(row["validation"], "percent")
        cells = [with_interval(row, "percent", protocol) for protocol in ("test", "honest")]
        shown.add_row(model_label(row["model"]), views_label(row["views"]), public, *cells)
    console.print(shown)
    if (table_folder / "compact.csv").exists():
        text = reference.rendered(tables.read(table_folder / "compact.csv", "reference"), "")
        paper = _table("The compact paper and ours (accuracy and F1 in %)")
        for heading in ("item", "data", "number", "published", "ours", "without copies"):
            paper.add_column(heading, justify="right" if heading in NUMBERS else "left")
        before = None
        for row in text.rows:
            # The images per class are in the report; so are rows that nothing of ours stands beside.
            if row[3] != "images" and row[5] != MISSING:
                published = row[1:5]
                # A second model of ours beside the same number is named.
                paper.add_row(f"  by {row[8]}" if published == before else row[1], *row[2:7])
                before = published
        console.print(paper)
    return bool(accuracies["synthetic"].any())


def _print_affect(study: str, table_folder: Path, console: Console) -> bool:
    """The metrics of expression, valence and arousal: a line each, a network a column."""
    halves = ("affect_classification", "affect_regression")
    metrics = pd.concat([tables.read(table_folder / f"{name}.csv", "affect_metrics") for name in halves])
    models = list(dict.fromkeys(metrics["model"]))
    shown = _table(_title(study, metrics.drop(columns="note")), collapse=False)
    shown.add_column("metric", no_wrap=True)
    for model in models:
        shown.add_column(model_label(model), justify="right")
    for metric, rows in metrics.groupby("metric", sort=False):
        values = rows.set_index("model")["value"].reindex(models)
        cells = [number(value, ".3f") for value in values]
        shown.add_row(papers.paper("affectnet").metric(metric).label, *cells)
    console.print(shown)
    return bool(metrics["synthetic"].any())
