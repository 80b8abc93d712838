"""The tables that a study's report shows: what they are called, and how each is rendered."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ferflow.errors import InputError
from ferflow.files import write_text
from ferflow.report import affect_tables, image_tables, reference, sfew_tables, tables

SUFFIXES = (".html", ".md", ".tex")
"""In which a shown table stands beside its CSV."""


@dataclass(frozen=True)
class Shown:
    """`tables` maps a table's name to its schema and title; `synthetic` is for those that do not say it."""

    tables: Mapping[str, tuple[str, str]]
    synthetic: bool


def write(shown: Shown, path: str | Path) -> None:
    """Write the list as JSON."""
    named = {name: {"schema": schema, "title": title} for name, (schema, title) in shown.tables.items()}
    text = json.dumps({"synthetic": shown.synthetic, "tables": named}, indent=1, ensure_ascii=False)
    write_text(path, text + "\n")


def read(path: str | Path) -> Shown:
    """Read such a list. InputError where it is missing or something else."""
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
        named = {str(n): (str(one["schema"]), str(one["title"])) for n, one in found["tables"].items()}
        return Shown(named, bool(found["synthetic"]))
    except FileNotFoundError:
        raise InputError(path, "does not exist", "run the workflow of its study again") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            path, f"is no list of tables ({error})", "run the workflow of its study again"
        ) from None


def render(
    table_csv: str | Path,
    schema: str,
    title: str,
    outputs: Iterable[str | Path],
    synthetic: bool,
    confidence: float,
) -> None:
    """Render a table to `outputs` (.md, .tex, .html) in the way of its schema; intervals of `confidence`."""
    if schema == "results":
        tables.render_results(table_csv, title, outputs, confidence)
    elif schema == "accuracies":
        image_tables.render_accuracies(table_csv, title, outputs, confidence)
    elif schema == "reference":
        reference.render(table_csv, title, outputs)
    elif schema in ("sfew_paper", "sfew_methods"):
        sfew_tables.render(table_csv, schema, title, outputs)
    elif schema == "affect_metrics":
        affect_tables.render_metrics(table_csv, title, outputs, confidence)
    elif schema == "beside":
        reference.render_best_models(table_csv, title, outputs)
    else:
        tables.render(table_csv, schema, title, outputs, synthetic)
