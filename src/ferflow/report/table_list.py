"""The tables that a study's report shows: what they are called, and how each is rendered."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from ferflow import tables
from ferflow.errors import InputError
from ferflow.evaluation.classification import THIRD
from ferflow.files import write_text
from ferflow.report import affect_tables, image_tables, reference, rendering, sfew_tables
from ferflow.report import tables as report_tables
from ferflow.report.names import marks_of, model_label, protocol_label
from ferflow.settings import write as write_settings

SUFFIXES = (".html", ".md", ".tex")
"""Formats of a shown table, beside its CSV."""


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
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        named = {str(n): (str(one["schema"]), str(one["title"])) for n, one in content["tables"].items()}
        return ReportTables(named, bool(content["synthetic"]))
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
"""Renderers, from table, title and confidence, of schemas that `rendering.rendered` does not serve."""


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
    table = tables.read(table_csv, schema, failed=True)
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
    for source, (schema, title), pages in zip(tables_csv, shown.values(), outputs, strict=True):
        render(source, schema, title, pages, synthetic, confidence)


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


def render_errors(
    errors_csv: str | Path,
    model: str,
    outputs: Iterable[str | Path],
    protocol: str = "test",
    strips: Mapping[str, str] | None = None,
) -> None:
    """Render the rows of `model` in schema `errors` (.md, .tex, .html).

    `strips` maps a clip to the picture (JPEG) of its frames, relative to the table's folder. The Markdown
    leads to it. The HTML page holds it, since a report is a single file, in which such a way leads nowhere;
    where there is no such picture yet, it leads there too. A model without errors has a table without rows.
    """
    table = tables.read(errors_csv, "errors")
    errors = table[(table["model"] == model) & (table["protocol"] == protocol)]
    shown = errors_table(errors, model, protocol, strips or {})
    for output in map(Path, outputs):
        pictures = [_embedded(output.parent, link) if link else "" for link in shown.links]
        rendering.write(replace(shown, pictures=pictures) if output.suffix == ".html" else shown, output)


def _embedded(folder: Path, link: str) -> str:
    """The JPEG at `link`, seen from `folder`, as an address that holds all of it; empty without one."""
    picture = Path(os.path.normpath(folder / link))  # the folder itself may not be there yet
    if not picture.is_file():
        return ""
    return "data:image/jpeg;base64," + base64.b64encode(picture.read_bytes()).decode("ascii")


def errors_table(
    errors: pd.DataFrame, model: str, protocol: str, strips: Mapping[str, str]
) -> rendering.Rendered:
    """One model's rows of schema `errors` as text: clip, classes, all scores, and further classes that count.

    The thesis marks the true and the predicted class green and others above 0.01 red; here these are named.
    """
    columns = [c for c in errors if c.startswith("p_") and (errors[c].notna().any() or errors.empty)]
    emotions = [column.removeprefix("p_") for column in columns]
    rows = []
    for row in errors.to_dict("records"):
        further = [
            f"{emotion} {row[column]:.2f}"
            for emotion, column in zip(emotions, columns, strict=True)
            if emotion not in (row["emotion"], row["predicted"]) and row[column] > THIRD
        ]
        scores = [f"{row[column]:.2f}" for column in columns]
        rows.append([row["clip_id"], row["emotion"], row["predicted"], *scores, ", ".join(further)])
    return rendering.Rendered(
        f"Mislabelled clips of {model_label(model)}, {protocol_label(protocol)}: {len(rows)}",
        marks_of(errors),
        ["clip", "real", "predicted", *emotions, f"further classes above {THIRD:g}"],
        [False, False, False, *[True] * len(columns), False],
        rows,
        links=[strips.get(clip, "") for clip in errors["clip_id"]],
    )
