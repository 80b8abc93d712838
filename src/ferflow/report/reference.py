"""Compare a study with a paper: each published number, and the study's own or the reason why there is none.

One engine for all papers. What is particular to one is in its YAML file (`report/papers.py`); what no rule
can say is in `report/finders.py`.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from ferflow import tables
from ferflow.errors import InputError
from ferflow.evaluation.results import LEAKY
from ferflow.report import finders, papers, rendering
from ferflow.report.names import marks, model_label, views_label
from ferflow.report.papers import NO_ROW, NOT_COMPARABLE, NOT_RUN, SIMULATED, Paper, Rule, StudyResults
from ferflow.schemas.shared import FAILED
from ferflow.training import splits

TEXTS = ("model", "view", "protocol", "data", "note")
"""Columns of text of schema `reference`; without an entry they are empty."""
PRINTED = {"value": "published", "note": "published_note"}
"""Columns of schema `published`, and what rules call them."""
NUMBERS = ("published", "ours", "low", "high", "difference")


def read(
    paper: str,
    sources: Sequence[str],
    tables_csv: Sequence[str | Path],
    failed: Mapping[str, str] | None = None,
    **facts: object,
) -> StudyResults:
    """A study's tables for a paper: `sources` name `tables_csv` as the paper's `reads` do.

    Tables of the same name stand below one another. `failed` and `facts` as in `StudyResults`.
    """
    parts: dict[str, list[pd.DataFrame]] = {}
    for name, path in zip(sources, tables_csv, strict=True):
        parts.setdefault(name, []).append(tables.read(path, papers.paper(paper).reads[name]))
    joined = {name: pd.concat(frames, ignore_index=True) for name, frames in parts.items()}
    return StudyResults(joined, facts, failed=failed or {})


def write(
    paper: str,
    sources: Sequence[str],
    tables_csv: Sequence[str | Path],
    dataset: str,
    out: str | Path,
    failed: Mapping[str, str] | None = None,
) -> None:
    """Write schema `reference` of a paper, and of a study on `dataset` from its tables (as in `read`)."""
    study = read(paper, sources, tables_csv, failed, dataset=dataset)
    tables.write(compare(paper, study), out, "reference")


def write_each(name: str, study: StudyResults, folder: str | Path) -> None:
    """Write each table of the paper `name` (schema `reference`) to `folder`, as `papers.files` names it."""
    for table, file in zip(papers.paper(name).tables, papers.files(name), strict=True):
        tables.write(compare(name, study, table), Path(folder) / f"{file}.csv", "reference")


def compare(name: str, study: StudyResults, table: str | None = None, every: bool = False) -> pd.DataFrame:
    """Schema `reference`: every row that the paper `name` prints (in `table`), in the order of its tables.

    There is no `difference` on synthetic data, which `data` names, nor for another network than the paper's,
    which `note` names. `every` takes all of our rows where a rule takes the first.
    """
    about = papers.paper(name)
    printed = papers.ordered(name) if table is None else papers.published(name, table)
    rows = []
    for row in printed.rename(columns=PRINTED).to_dict("records"):
        item = row["item"]
        name_here = {**about.items, **study.items}.get(item, "")
        rule, groups = about.rule(row | {"ours": name_here})
        named = {"ours": name_here or item, "remark": about.remarks.get(item, "")}
        known = {**study.facts, **row, **named, **groups}
        for result in _results_of(rule, known, study, every):
            if not rule.reason and "ours" not in result:
                result["note"] = study.why_missing(result.get("note", ""), known.get("part", name_here), item)
            rows.append(_compared(row, result, known, rule, about, study))
    frame = pd.DataFrame(rows)
    listed = dict.fromkeys([*tables.schema("reference").names, *frame])
    frame = frame.reindex(columns=tables.column_order(listed, "reference"))
    frame[[*TEXTS]] = frame[[*TEXTS]].fillna("")
    numbers = [column for column in frame if column in NUMBERS or column.startswith("ours_")]
    return frame.astype(dict.fromkeys(numbers, float))


def with_published(name: str, table: str, frame: pd.DataFrame, columns: Mapping[str, str]) -> pd.DataFrame:
    """Our `frame`, the `table` of the rules of the paper `name`, with what the paper prints of its rows.

    `columns` says in which column stands what is printed of each of ours.
    """
    about, frame = papers.paper(name), frame.assign(**{c: frame.get(c, np.nan) for c in columns.values()})
    for row in papers.published(name).rename(columns=PRINTED).to_dict("records"):
        rule, groups = about.rule(row | {"ours": about.items.get(row["item"], "")})
        if rule.table == table:
            rows = _only(frame, rule.rows, row | groups, table)
            frame.loc[rows.index, columns[rule.value]] = row["published"]
    return frame


def _results_of(rule: Rule, known: dict, study: StudyResults, every: bool) -> list[dict]:
    """The study's numbers for a published row, usually one: columns of schema `reference`, or a `note`.

    A note gives the reason why there is none. Further entries are no columns: `another` (in what ours is
    another model), `compared` (False: without a difference), `against` (which number of ours is compared),
    `simulated`, `members` (of a fusion).
    """
    if rule.reason:
        return [{"note": _say(rule.reason, known)}]
    if rule.finder:
        result = getattr(finders, rule.finder)(known, study)
        return result if isinstance(result, list) else [result]
    named = [known | {"metric": metric} for metric in rule.metric or [known["metric"]]]
    return [result for one in named for result in _looked_up(rule, one, study, every or rule.every)]


def _looked_up(rule: Rule, known: dict, study: StudyResults, every: bool) -> list[dict]:
    """The rows of one of our tables that a rule asks for; without any, the reason."""
    table, known = study.table(rule.table), known | {"view": rule.view}
    rows = table
    if table is None:
        return [{"note": _first(rule.no_table, known | {"table": rule.table})}]
    for column in [*rule.rows, None]:
        before = rows
        rows = rows if column is None else _only(rows, {column: rule.rows[column]}, known, rule.table)
        if rows.empty:
            reason = rule.no_row.get(str(column), NO_ROW) if isinstance(rule.no_row, dict) else rule.no_row
            # A model that was not run has a row without numbers, which says why.
            not_run = "" if before is table or "note" not in before else str(before["note"].iloc[0])
            return [{"note": not_run if not_run.startswith((FAILED, NOT_RUN)) else _say(reason, known)}]
    if rule.last:
        rows = rows[rows["model"] == rows["model"].iloc[0]].tail(1)
    chosen = rows if every else rows.head(1)
    chosen = chosen.assign(**{name: chosen.eval(text) for name, text in rule.computed.items()})
    return [_of_row(rule, row, known) for row in chosen.to_dict("records")]


def _only(rows: pd.DataFrame, wanted: Mapping[str, str], known: Mapping, name: str) -> pd.DataFrame:
    """The `rows` of our table `name` that hold what is `wanted` of each column."""
    for column, text in wanted.items():
        if column not in rows:
            raise InputError(f"table {name}", f"has no column {column}", f"it has {', '.join(rows)}")
        rows = rows[_holds(rows[column], _say(text, known))]
    return rows


def _of_row(rule: Rule, row: dict, known: dict) -> dict:
    row = {column: "" if pd.isna(value) else value for column, value in row.items()}
    note = str(row.get("note", ""))
    named = {**row, "note": note.replace(NOT_COMPARABLE, "").strip("; "), **known}
    column = _say(rule.value, known)
    if column not in row:
        raise InputError(f"table {rule.table}", f"has no column {column!r}", f"it has {', '.join(row)}")
    if row[column] == "":
        if note.startswith((FAILED, NOT_RUN)):
            return {"note": note}
        return {"model": _say(rule.model, named), "note": _first(rule.no_value, named)}
    result = {
        "metric": known["metric"],
        "model": "simulated-" * bool(row.get("simulated")) + _say(rule.model, named),
        "view": rule.view,
        "simulated": bool(row.get("simulated")),
        "protocol": LEAKY if row.get("leaky") else "",
        "data": _say(rule.data, named),
        "synthetic": rule.synthetic and bool(row.get("synthetic")),
        "note": _say(rule.note, named),
    }
    if rule.another is not None:
        result["another"] = _say(rule.another, named)
    elif rule.theirs:
        result["another"] = papers.other_network(_say(rule.theirs, named), [row["network"]])
    for name, text in {"": rule.value, **rule.also}.items():
        column, prefix = _say(text, known), f"ours_{name}_" if name else ""
        columns = {prefix.removesuffix("_") or "ours": column}
        for end in ("low", "high"):
            columns[prefix + end] = end if column == "value" else f"{column}_{end}"
        result |= {name: None if row.get(of, "") == "" else row[of] for name, of in columns.items()}
    return result


def _holds(column: pd.Series, text: str) -> pd.Series:
    """True where cells match the text of a rule's `rows`."""
    words = column.astype(object).where(column.notna(), "").astype(str)
    if text.startswith("~"):
        return words.str.fullmatch(text[1:])
    if text.startswith("!"):
        return words != text[1:]
    if text and pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return column == float(text)
    return words == text


def _compared(row: dict, result: dict, known: dict, rule: Rule, about: Paper, study: StudyResults) -> dict:
    """A published `row` with the study's `result`, their difference, and notes on it."""
    columns = {name: value for name, value in result.items() if name not in _ASIDE}
    row = row | {"synthetic": False} | columns
    if all(pd.isna(value) for name, value in columns.items() if name.startswith("ours")):
        return row | {"synthetic": False, "data": "", "protocol": ""}
    another = result.get("another")
    if another is None:
        another = _another(known | result, about, study)
    differs = rule.differs if row.get("ours") != row["published"] else ""
    of_clips = row["metric"] not in about.free and row.get("data") == known.get("dataset")
    absent = str(study.facts.get("absent", "")) if of_clips else ""
    row["note"] = "; ".join(part for part in (another, row.get("note", ""), differs, absent) if part)
    marked = []
    if row["metric"] in about.free:
        row["data"] = ""
    else:
        marked = [NOT_COMPARABLE] * bool(row["synthetic"]) + [SIMULATED] * bool(result.get("simulated"))
    if marked:
        return row | {"data": "; ".join(marked)}
    if another or not result.get("compared", True):
        return row
    scale = 100 if about.metric(row["metric"]).format.endswith("%") else 1
    return row | {"difference": scale * (row[result.get("against", "ours")] - row["published"])}


_ASIDE = ("another", "compared", "against", "simulated", "members")
"""Entries of results that are no columns."""


def _another(known: dict, about: Paper, study: StudyResults) -> str:
    """The difference of the study's model from the paper's; "" where there is none."""
    if isinstance(about.another, str):
        return getattr(finders, about.another)(known, study)
    for one in about.another:
        rows = study.tables.get(one.table)
        rows = pd.DataFrame() if rows is None else _only(rows, one.rows, known, one.table)
        if len(rows):
            return _say(one.say, {**rows.iloc[0], **known})
    return ""


class _Texts(string.Formatter):
    """Writes `{name!m}` as a model's name for readers, `{name!v}` as that of its view."""

    def convert_field(self, value: object, conversion: str | None) -> object:
        labels = {"m": model_label, "v": views_label}
        return labels[conversion](str(value)) if conversion else value


def _say(text: str, known: Mapping) -> str:
    """`text` with the names in braces filled in; "" where one of them is empty or not known."""
    fields = [name for _, name, _, _ in string.Formatter().parse(text) if name]
    if any(str(known.get(name, "")) == "" for name in fields):
        return ""
    return _Texts().vformat(text, (), known)


def _first(texts: str | list[str], known: Mapping) -> str:
    texts = [texts] if isinstance(texts, str) else texts
    return next((filled for text in texts if (filled := _say(text, known))), "")


def rendered(table: pd.DataFrame, title: str) -> rendering.Rendered:
    """Schema `reference` as text, each number in the unit of its row."""
    about = papers.paper(table["study"].iloc[0])
    layout = about.shown
    synthetic = bool(table["synthetic"].any())
    leaky = bool((table["protocol"] == LEAKY).any())
    headings = layout.columns | (layout.synthetic if synthetic else {}) | (layout.leaky if leaky else {})
    headings = {column: heading for column, heading in headings.items() if heading is not None}
    rows = [[_cell(column, row, about, headings) for column in headings] for row in table.to_dict("records")]
    kept = [
        place
        for place in range(len(headings))
        if not layout.dense or any(row[place] not in ("", rendering.MISSING) for row in rows)
    ]
    by_row = any(list(headings)[place] == "protocol" for place in kept)  # each row says whether it is leaky
    mark = marks(synthetic, LEAKY if leaky and by_row else "")
    numbers = [_is_number(column) for column in headings]
    return rendering.Rendered(title, mark, list(headings.values()), numbers, rows).only(kept)


def _is_number(column: str) -> bool:
    return column in (*NUMBERS, "interval", "synthetic") or column.startswith("ours_")


def _cell(column: str, row: Mapping, about: Paper, headings: Mapping) -> str:
    layout, metric = about.shown, about.metric(row["metric"])
    pattern = layout.formats.get(column, metric.format)
    if column == "number":
        return metric.label
    if column == "model":
        names = row["model"].split(", ") if row["model"] else []
        return ", ".join(model_label(name, row["view"]) for name in names)
    if column == "note":
        remark = row["published_note"].removeprefix("paper; ")
        notes = [f"{layout.remark}{remark}" if remark else "", row["note"]]
        notes += [NOT_COMPARABLE] if layout.marked and row["data"] == NOT_COMPARABLE else []
        return "; ".join(note for note in notes if note)
    if column == "real":
        real = row["data"] and ("no" if NOT_COMPARABLE in row["data"] or SIMULATED in row["data"] else "yes")
        return real or rendering.MISSING
    if column == "interval":
        ends = [rendering.number(row[end], pattern) for end in ("low", "high")]
        return rendering.MISSING if pd.isna(row["low"]) else "[{}, {}]".format(*ends)
    if column == "difference":
        return rendering.number(row["difference"], "+" + pattern.replace("%", "f"))  # of shares in points
    if not _is_number(column):
        return row[column]
    if "synthetic" in headings and column in ("ours", "synthetic") and row["synthetic"] == (column == "ours"):
        return rendering.MISSING
    column = "ours" if column == "synthetic" else column
    if {"interval", "low"} & set(headings):
        return rendering.number(row.get(column), pattern)
    return rendering.with_interval(row, pattern, column)


def write_best_models(
    results_csv: str | Path,
    splits_json: str | Path,
    out: str | Path,
    dataset: str,
    others: Mapping[str, str],
    failed: Mapping[str, str] | None = None,
) -> None:
    """Schema `published_comparison`: the thesis's Table 3.6 and the test accuracy of the same temporal heads.

    `others` says in what ours are others (`thesis.others`), `splits_json` who is on no side, `failed` as in
    `StudyResults`.
    """
    results = tables.read(results_csv, "results")
    table = best_models(results, dataset, others, splits.notes(splits_json), failed)
    tables.write(table, out, "published_comparison")


def best_models(
    results: pd.DataFrame,
    dataset: str,
    others: Mapping[str, str] | None = None,
    absent: str = "",
    failed: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """The same of schema `results`: heads on any network, each of ours in a row."""
    facts = {"dataset": dataset, "others": others or {}, "spatial": "", "absent": absent}
    study = StudyResults({"results": results}, facts, failed=failed or {})
    result = compare("thesis", study, "3.6", every=True)
    result = result[result["item"].isin(finders.HEADS)]
    missing = result["ours"].isna() & ~result["note"].str.contains("failed")
    result.loc[missing, "note"] = NOT_RUN.removesuffix(": ")
    return result[tables.schema("published_comparison").names]


def best_models_table(table: pd.DataFrame, title: str) -> rendering.Rendered:
    """Schema `published_comparison` as text; on synthetic data its heading says so, without differences."""
    synthetic = bool((table["data"] == NOT_COMPARABLE).any())
    shown = rendering.rendered(table, "published_comparison", title, synthetic)
    if not synthetic:
        return shown
    left_out = ("our data", "difference (points)")
    kept = [place for place, heading in enumerate(shown.headings) if heading not in left_out]
    headings = [f"{NOT_COMPARABLE} (%)" if h == "ours (%)" else h for h in shown.headings]
    return replace(shown, headings=headings).only(kept)
