"""The reference papers as data (`ferflow/papers/`): their numbers, and where a study's own are.

A paper is one YAML file. Its numbers stand in it (`numbers`) or in `published.csv`; its rules (`ours`) say
where a study's own number is found for each of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files as resources
from pathlib import Path

import pandas as pd
import yaml
from pydantic import Field, ValidationError

from ferflow import tables
from ferflow.errors import InputError
from ferflow.schemas.shared import NOT_RUN
from ferflow.settings import parts_of
from ferflow.settings.types import Section

PACKAGE = Path(str(resources("ferflow")))
NO_ROW = "not run: no such result in this study"
NOT_COMPARABLE = "synthetic data: not comparable"
SIMULATED = "simulated annotators: not comparable"
COLUMNS = {
    "table": "paper's table",
    "item": "item",
    "split": "data",
    "number": "number",
    "published": "published",
    "ours": "ours",
    "difference": "difference",
    "model": "our model",
    "note": "note",
}
"""Columns of a comparison, and their headings, where its paper has no others."""

Text = str
"""Text in which braces name a column of the published row or of ours, a group of `when`, or a fact.

`{model!m}` and `{view!v}` write such a name as a reader knows it. A text is left out where one is empty.
"""


class Rule(Section):
    """Where the study's numbers for published rows that `when` matches are: a table, a finder, or nowhere."""

    when: dict[str, str] = Field(
        {}, description="column of the published row (or `ours`): regular expression"
    )
    reason: Text = Field("", description="why there is nothing of ours, whatever the study has")
    finder: str = Field("", description="a function of report/finders.py, for what a table does not hold")
    table: str | list[str] = Field("", description="our table, or several below one another")
    rows: dict[str, Text] = Field(
        {}, description="column: what it holds in our row; `~` a regular expression, `!` anything else, empty"
    )
    every: bool = Field(False, description="every such row, and not only the first")
    last: bool = Field(False, description="the last row of the first model, and not its first")
    computed: dict[str, str] = Field({}, description="further columns of ours: expressions of its columns")
    metric: list[str] = Field([], description="ours for each of these metrics in place of the published one")
    value: Text = Field("", description="column of our number; its interval is in `…_low` and `…_high`")
    also: dict[str, Text] = Field({}, description="further numbers of ours as `ours_…`: their columns")
    model: Text = "{model}"
    view: str = Field("", description="in which our model looked at the images")
    data: Text = "{dataset}"
    synthetic: bool = Field(True, description="whether synthetic data make our number incomparable")
    note: Text = ""
    differs: Text = Field("", description="a note where ours is not the published number")
    theirs: Text = Field("", description="their network; another `network` of ours is not compared")
    another: Text | None = Field(None, description="in what ours is another model, or empty: it is none")
    no_table: Text | list[Text] = "not run: this study has no table {table}"
    no_row: Text | dict[str, Text] = Field(NO_ROW, description="or by column: that no row holds")
    no_value: Text | list[Text] = "not known here"


UNRULED = Rule(reason=f"{NOT_RUN}no rule of the paper's file says where ours is")


class Another(Section):
    """A row of one of our tables that makes our model another than the paper's: no difference is shown."""

    table: str
    rows: dict[str, Text]
    say: Text


class Metric(Section):
    """Label and format (Python's) of a metric; one that ends in % is a share, shown in percent."""

    label: str = ""
    format: str = ".3g"


class Number(Section):
    """A number that the paper prints in one of its `tables`."""

    table: str
    item: str
    metric: str
    published: float | None
    split: str = ""
    note: str = ""
    ours: Rule | None = Field(None, description="where ours is, if no rule of the paper serves")


class Layout(Section):
    """Layout of a comparison: columns with their headings, in order; null leaves a column out.

    Beside the columns of schema `reference` there are `number` (the metric and its unit), `interval` (where
    `low` and `high` are not within the cell of ours), `real` (whether data and annotators are), and
    `synthetic`: ours on synthetic data, set apart from ours on real ones.
    """

    columns: dict[str, str | None] = COLUMNS
    synthetic: dict[str, str | None] = Field({}, description="other headings where ours is of synthetic data")
    leaky: dict[str, str | None] = Field({}, description="other headings where ours is of a leaky protocol")
    formats: dict[str, str] = Field({}, description="of columns whose format does not follow the metric")
    remark: str = Field("paper: ", description="what stands before a remark of the paper")
    marked: bool = Field(True, description="whether notes say that a number is of synthetic data")
    dense: bool = Field(False, description="whether columns without any content are left out")


class Paper(Section):
    """A paper: its tables in the order in which they are shown, its numbers, and where ours are."""

    source: str = Field(description="authors, title, year")
    tables: dict[str, str] = Field({}, description="table, section or figure: title; or as printed")
    numbers: list[Number] = Field([], description="else those of published.csv")
    reads: dict[str, str] = Field(description="our tables, as rules name them: schema")
    items: dict[str, str] = Field({}, description="item of the paper: what it is called here (`ours`)")
    models: dict[str, dict[str, str | int]] = Field(
        {}, description="model of ours: its columns in our tables"
    )
    remarks: dict[str, str] = Field({}, description="item: what is said of it (`remark`)")
    free: list[str] = Field([], description="metrics that do not depend on data: always compared")
    another: list[Another] | str = Field([], description="or a finder")
    ours: list[Rule] = Field([], description="where ours are: the first rule whose `when` matches")
    metrics: dict[str, Metric] = Field({}, description="metric (a regular expression): how it is written")
    shown: Layout = Layout()

    def metric(self, name: str) -> Metric:
        """Label and format of a metric; the label may name groups of the expression, and is else its name."""
        for pattern, form in self.metrics.items():
            if match := re.fullmatch(pattern, name):
                unit = " (%)" if form.format.endswith("%") else ""
                label = form.label.format(**match.groupdict()) or name.replace("_", " ") + unit
                return Metric(label=label, format=form.format)
        return Metric(label=name.replace("_", " "))

    def rule(self, row: Mapping[str, object]) -> tuple[Rule, dict[str, str]]:
        """The first rule for a published row, and the groups of its expressions."""
        key = ("table", "item", "metric", "split")
        of_row = [one.ours for one in self.numbers if all(getattr(one, name) == row[name] for name in key)]
        for rule in [*filter(None, of_row), *self.ours, UNRULED]:
            matches = [re.fullmatch(pattern, str(row[name])) for name, pattern in rule.when.items()]
            if all(matches):
                break
        groups = {name: text for match in matches for name, text in match.groupdict().items()}
        return rule, {name: text for name, text in groups.items() if text is not None}


@dataclass(frozen=True)
class StudyResults:
    """A study's results for the comparison with a paper.

    `tables`: those that it has, by the names of `Paper.reads`. `facts`: what texts name (`dataset`), what
    finders need (`evaluation`, `seed`), and in `absent` who of the clips' people is on no side. `items`: as
    those of the paper, where the study decides. `failed`: why models and runs of the study are missing.
    """

    tables: Mapping[str, pd.DataFrame]
    facts: Mapping[str, object]
    items: Mapping[str, str] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)

    def why_missing(self, note: str, ours: str, item: str) -> str:
        """The note on a row without a number of ours: its model `ours` failed, or one that it needs.

        Else `note`, the reason that the rule of the row gives, which may name models, as may its `item`.
        """
        if not self.failed or not note.startswith(NOT_RUN):
            return note
        notes = {parts_of(name)[1]: why for name, why in self.failed.items()} | dict(self.failed)
        if why := notes.get(ours) or notes.get(item):
            return why
        words = set(re.split(r"[^\w.-]+", f"{ours} {item} {note}"))
        needed = [name for name in notes if name in words]
        return f"{NOT_RUN}{', '.join(needed)} failed" if needed else note

    def table(self, names: str | list[str]) -> pd.DataFrame | None:
        """A table, or several below one another; None where there is none."""
        frames = [
            self.tables[name]
            for name in ([names] if isinstance(names, str) else names)
            if name in self.tables
        ]
        return pd.concat(frames, ignore_index=True) if frames else None


@cache
def paper(name: str) -> Paper:
    """The paper `papers/<name>.yaml`; InputError where there is none, or where it is not as it must be."""
    known = {path.stem: path for path in sorted(PACKAGE.glob("papers/*.yaml"))}
    if name not in known:
        raise InputError(f"papers/{name}.yaml", "does not exist", f"choose from {', '.join(known)}")
    path = known[name]
    try:
        return Paper.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise InputError(path, f"{place}: {first['msg']}", "see ferflow.report.papers.Paper") from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InputError(path, f"is no readable YAML ({error})", "correct it") from None


@cache
def _listed() -> pd.DataFrame:
    return tables.read(PACKAGE / "papers" / "published.csv", "published")


def published(study: str, table: str | None = None) -> pd.DataFrame:
    """Schema `published`: what the paper `study` (thesis, compact, sfew, ...) prints, or prints in `table`.

    Raises InputError where there is no such paper or table.
    """
    if numbers := paper(study).numbers:
        rows = pd.DataFrame([number.model_dump(exclude={"ours"}) for number in numbers])
        rows = rows.assign(study=study).rename(columns={"published": "value"})
    else:
        rows = _listed()[_listed()["study"] == study]
    if table is not None:
        known, rows = rows["table"].unique(), rows[rows["table"] == table]
        if rows.empty:
            problem = f"has nothing of {study}, table {table}"
            raise InputError("published.csv", problem, f"choose from {', '.join(known)}")
    return rows.reset_index(drop=True)


def ordered(study: str) -> pd.DataFrame:
    """All that `study` prints, in the order of the paper's tables where it has one."""
    rows, order = published(study), list(paper(study).tables)
    places = {table: place for place, table in enumerate(order)}
    return rows.iloc[rows["table"].map(places).argsort(kind="stable")] if order else rows


def files(study: str) -> dict[str, str]:
    """Names of the files of a paper's tables, `thesis_fig3_29` for `fig3.29`: their titles."""
    return {f"{study}_{table.replace('.', '_')}": title for table, title in paper(study).tables.items()}


def other_network(theirs: str, ours: Iterable[str]) -> str:
    """The note on a number that is of another network than the paper's; "" where it is not.

    Such a row has no difference: it would be that of two networks.
    """
    other = [name for name in dict.fromkeys(ours) if name != theirs]
    return f"theirs is {theirs}, ours {', '.join(other)}" if other else ""
