"""The tables that a study's report shows: what they are called, and how each is rendered."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ferflow import tables
from ferflow.errors import InputError
from ferflow.files import write_text
from ferflow.report import affect_tables, image_tables, reference, rendering, sfew_tables
from ferflow.report import tables as report_tables
from ferflow.settings import write as write_settings

SUFFIXES = (".html", ".md", ".tex")
"""In which a shown table stands beside its CSV."""


@dataclass(frozen=True)
class ReportTables:
    """`tables` maps a table's name to its schema and title; `synthetic` is for those that do not say it."""

    tables: Mapping[str, tuple[str, str]]
    synthetic: bool


def write(listed: ReportTables, path: str | Path) -> None:
    """Write the list as JSON."""
    named = {name: {"schema": schema, "title": title} for name, (schema, title) in listed.tables.items()}
    text = json.dumps({"synthetic": listed.synthetic, "tables": named}, indent=1, ensure_ascii=False)
    write_text(path, text + "\n")


def read(path: str | Path) -> ReportTables:
    """Read such a list. InputError where it is missing or something else."""
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
        named = {str(n): (str(one["schema"]), str(one["title"])) for n, one in found["tables"].items()}
        return ReportTables(named, bool(found["synthetic"]))
    except FileNotFoundError:
        raise InputError(path, "does not exist", "run the workflow of its study again") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            path, f"is no list of tables ({error})", "run the workflow of its study again"
        ) from None


RENDERED: Mapping[str, Callable[[pd.DataFrame, str, float], rendering.Rendered]] = {
    "results": report_tables.results_table,
    "accuracies": image_tables.accuracies_table,
    "affect_metrics": affect_tables.metrics_table,
    "reference": lambda table, title, _: reference.rendered(table, title),
    "published_comparison": lambda table, title, _: reference.best_models_table(table, title),
    "sfew_folds": lambda table, title, _: rendering.rendered(
        table.drop(columns=list(sfew_tables.NAMED), errors="ignore"), "sfew_folds", title
    ),
    "sfew_paper": lambda table, title, _: sfew_tables.rendered(table, "sfew_paper", title),
    "sfew_methods": lambda table, title, _: sfew_tables.rendered(table, "sfew_methods", title),
}
"""How a table of a schema becomes text, where not as every other: from the table, title and confidence."""


def render(
    table_csv: str | Path,
    schema: str,
    title: str,
    outputs: Iterable[str | Path],
    synthetic: bool = False,
    confidence: float = 0.95,
) -> None:
    """Render a table to `outputs` (.md, .tex, .html) in the way of its schema; intervals of `confidence`.

    `synthetic` is for tables without a column of that name.
    """
    table = tables.read(table_csv, schema)
    if schema in RENDERED:
        made = RENDERED[schema](table, title, confidence)
    else:
        made = rendering.rendered(table, schema, title, synthetic)
    rendering.write(made, *outputs)


def render_all(
    tables_csv: Sequence[str | Path],
    shown: Mapping[str, tuple[str, str]],
    synthetic: bool,
    confidence: float,
    out_html: Sequence[str],
    out_md: Sequence[str],
    out_tex: Sequence[str],
) -> None:
    """Render `tables_csv`, whose names, schemas and titles are `shown`."""
    outputs = zip(out_html, out_md, out_tex, strict=True)
    for source, (schema, title), own in zip(tables_csv, shown.values(), outputs, strict=True):
        render(source, schema, title, own, synthetic, confidence)


def record(
    settings: Mapping,
    shown: Mapping[str, tuple[str, str]],
    synthetic: bool,
    out_settings: str,
    out_shown: str,
) -> None:
    """Keep the resolved settings and the list of tables: `ferflow bundle` and `verify` go by them."""
    write_settings(settings, out_settings)
    write(ReportTables({name: tuple(about) for name, about in shown.items()}, synthetic), out_shown)
