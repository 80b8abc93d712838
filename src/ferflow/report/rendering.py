"""Tables for readers: the same cells as Markdown, LaTeX and a small HTML page.

Headings and number formats are those of the columns that `ferflow.schemas` declares.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files as resources
from pathlib import Path

import pandas as pd

from ferflow import schemas
from ferflow.evaluation.results import LEAKY
from ferflow.files import write_text
from ferflow.report.names import MEASURES, controls_of, marks, marks_of, model_label, protocol_label
from ferflow.schemas.columns import PERCENT, Column

MISSING = "–"
_HIDDEN = ("synthetic", "simulated", "role", "first_role", "second_role")
"""Columns that readers see as marks, or as the look of a row."""


@dataclass(frozen=True)
class Rendered:
    """A table as text: headings, which columns hold numbers, rows of cells, and which rows are controls.

    `links`, where given, holds for each row what its first cell leads to, or an empty string; `pictures` the
    address of a picture that a page shows at the end of the row, in place of that link.
    """

    title: str
    marks: str
    headings: Sequence[str]
    numbers: Sequence[bool]
    rows: Sequence[Sequence[str]]
    controls: Sequence[bool] = ()
    links: Sequence[str] = ()
    pictures: Sequence[str] = ()

    def only(self, places: Sequence[int]) -> Rendered:
        """The columns at these places alone."""
        headings, numbers = ([values[place] for place in places] for values in (self.headings, self.numbers))
        rows = [[row[place] for place in places] for row in self.rows]
        return replace(self, headings=headings, numbers=numbers, rows=rows)

    def is_control(self, row: int) -> bool:
        """True for the row of a control."""
        return bool(self.controls) and self.controls[row]

    def picture(self, row: int) -> str:
        """The picture of `row`, if there is one."""
        return self.pictures[row] if self.pictures else ""

    def link(self, row: int) -> str:
        """The link of the first cell of `row`, if there is one."""
        return self.links[row] if self.links else ""


def rendered(table: pd.DataFrame, schema: str, title: str, synthetic: bool = False) -> Rendered:
    """`table` (of `schema`) as text.

    `synthetic` adds that mark to a table without such a column. Columns that are empty throughout, and those
    that became marks, are left out; a view is told with the model.
    """
    mark = marks_of(table)
    if "synthetic" not in table:
        mark = marks(synthetic, mark)
    shown = table.drop(columns=[*_HIDDEN, "view"], errors="ignore")
    if "note" in shown:
        shown = shown.assign(note=[without(mark, note) for note in shown["note"].fillna("")])
    shown = shown[
        [c for c in shown if not (shown[c].isna() | (shown[c].astype(str) == "")).all() or not len(shown)]
    ]
    columns = [schemas.schema(schema).column(name) for name in shown]
    cells = [[_cell(value, column) for value in shown[column.name]] for column in columns]
    if "view" in table and len(shown):
        models = zip(table["model"], table["view"], strict=True)
        cells[list(shown).index("model")] = [model_label(model, view) for model, view in models]
    return Rendered(
        title,
        mark,
        [column.title for column in columns],
        [column.is_number for column in columns],
        list(zip(*cells, strict=True)),
        list(table["model"].isin(controls_of(table))) if "model" in table else (),
    )


def write(table: Rendered, *paths: str | Path) -> None:
    """Write `table` to each of `paths`, in the format that its suffix names: .md, .tex or .html."""
    formats = {".md": markdown, ".tex": latex, ".html": html}
    for path in paths:
        write_text(path, formats[Path(path).suffix](table))


def markdown(table: Rendered) -> str:
    """A GitHub-flavoured table, below its title and marks."""
    lines = [f"**{table.title}**" + (f" *({table.marks})*" if table.marks else ""), ""]
    lines.append(_line(table.headings))
    lines.append("|" + "|".join("---:" if number else "---" for number in table.numbers) + "|")
    for number, row in enumerate(table.rows):
        link = table.link(number)
        lines.append(_line([f"[{row[0]}]({link})", *row[1:]] if link else row))
    return "\n".join(lines) + "\n"


def latex(table: Rendered) -> str:
    """A table of LaTeX's booktabs package."""
    caption = table.title + (f" ({table.marks})" if table.marks else "")
    body = [" & ".join(_escape(cell) for cell in row) + r" \\" for row in (table.headings, *table.rows)]
    return "\n".join(
        [
            r"\begin{table}",
            rf"\caption{{{_escape(caption)}}}",
            r"\begin{tabular}{" + "".join("r" if number else "l" for number in table.numbers) + "}",
            r"\toprule",
            body[0],
            r"\midrule",
            *body[1:],
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def html(table: Rendered) -> str:
    """A page of its own, without any other file."""
    import jinja2

    source = (resources("ferflow") / "resources" / "table.html").read_text(encoding="utf-8")
    template = jinja2.Environment(autoescape=True, keep_trailing_newline=True).from_string(source)
    return template.render(
        title=table.title,
        marks=table.marks,
        pictured=any(table.pictures),
        columns=[{"heading": h, "number": n} for h, n in zip(table.headings, table.numbers, strict=True)],
        rows=[
            {"cells": r, "control": table.is_control(i), "link": table.link(i), "picture": table.picture(i)}
            for i, r in enumerate(table.rows)
        ],
    )


def number(value: float | None, pattern: str) -> str:
    """`value` in a column's format: PERCENT, or a format of Python, without its %."""
    if pd.isna(value):
        return MISSING
    return f"{value:{'.1%' if pattern == PERCENT else pattern}}".removesuffix("%")


def with_interval(row: Mapping | pd.Series, pattern: str, of: str = "value") -> str:
    """`value [low, high]` of a row; the value alone where there is no interval, a dash without a value.

    Column `of` has its interval in `…_low` and `…_high`, those called `value` and `ours` in `low` and `high`.
    """
    value, before = number(row.get(of), pattern), "" if of in ("value", "ours") else f"{of}_"
    low, high = row.get(f"{before}low"), row.get(f"{before}high")
    if value == MISSING or pd.isna(low) or pd.isna(high):
        return value
    return f"{value} [{number(low, pattern)}, {number(high, pattern)}]"


def _cell(value, column: Column) -> str:
    if pd.isna(value):
        return column.missing or MISSING
    if isinstance(value, str):
        labels = {
            "model": model_label,
            "protocol": protocol_label,
            "measure": lambda name: MEASURES.get(name, name),
        }
        return labels.get(column.labels or column.name, str)(value)
    if column.type == "boolean":
        return "yes" if value else "no"
    if column.format:
        return number(float(value), column.format)
    if column.is_number and float(value).is_integer():
        return str(int(value))
    return format(float(value), ".3g") if column.is_number else str(value)


def without(marks: str, note: str) -> str:
    """`note` less what the table's marks tell of all its rows."""
    return "; ".join(part for part in note.split("; ") if part not in (LEAKY, *marks.split("; ")))


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|").replace("\n", " ") for cell in cells) + " |"


_SPECIAL = {c: rf"\{c}" for c in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "–": "--",
    "−": "$-$",
    "κ": r"$\kappa$",
    "×": r"$\times$",
    "≤": r"$\leq$",
}


def _escape(text: str) -> str:
    return "".join(_SPECIAL.get(character, character) for character in text)
