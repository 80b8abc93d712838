"""The SFEW paper's tables in its own form: folds beside one another, published and ours (Tables 1 to 4)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd

from ferflow import tables
from ferflow.networks import SHIPPED_NETWORK
from ferflow.report import rendering
from ferflow.report.published import published
from ferflow.report.sfew_beside import (
    HEADINGS,
    ITEMS,
    PROTOCOLS,
    REMARKS,
    SCENES,
    SPI_BASELINE,
    STARTS,
    STUDY,
    Ours,
    missing,
)

LISTED = ("1", "2", "3")
"""The paper's tables of accuracies in each fold."""
MOST = 10
"""Columns of folds that a table has; later folds are in the average alone."""


def paper_table(number: str, ours: Ours) -> pd.DataFrame:
    """Schema `sfew_paper`: each row of the paper's Table `number`, then ours by protocol, or why not."""
    printed = published(STUDY, number)
    rows = []
    for item, group in printed.groupby("item", sort=False):
        model = ITEMS[str(item)]
        network, epochs, images = model.split("-")
        base = {"network": network, "epochs": int(epochs), "images": images, "note": "", "start": ""}
        values = {
            split.replace("fold ", "fold_"): v
            for split, v in zip(group["split"], group["value"], strict=True)
        }
        average = values.pop("mean")
        theirs = {"whose": "published", **values, "average": average}
        rows.append(base | theirs | {"start": "imagenet", "synthetic": False})
        rows += [base | row for row in _ours(model, ours)]
    listed = tables.schema("sfew_paper").names
    frame = pd.DataFrame(rows).reindex(columns=listed)
    return frame.astype({name: float for name in listed if name.startswith("fold_")} | {"average": float})


def _ours(model: str, ours: Ours) -> list[dict]:
    """A row for each protocol of a model; one that says why there is none where it was not run."""
    start = ours.start(model)
    whose = SCENES if ours.synthetic else "ours"
    if not start:
        return [{"whose": whose, "synthetic": False, "note": missing(model, {}, ours, None)[0]}]
    rows = []
    for protocol in PROTOCOLS:
        own = ours.folds[(ours.folds["model"] == model) & (ours.folds["protocol"] == protocol)]
        row = {"whose": f"{whose}, {HEADINGS[protocol]}", "start": start, "synthetic": ours.synthetic}
        if own.empty:
            reason = "; ".join(missing(model, {protocol: None}, ours, None))
            rows.append(row | {"synthetic": False, "note": reason})
            continue
        each = own[own["fold"].notna()].sort_values("fold")["accuracy"].to_list()
        folds = {f"fold_{place}": value for place, value in enumerate(each[:MOST], 1)}
        more = [f"{len(each)} folds, the first {MOST} shown"] if len(each) > MOST else []
        note = "; ".join(filter(None, [*more, STARTS[start]]))
        rows.append(row | folds | {"average": ours.accuracy(model, protocol, None), "note": note})
    return rows


def methods(ours: Ours) -> pd.DataFrame:
    """Schema `sfew_methods`: the paper's Table 4, then our networks with unfrozen stages."""
    printed = published(STUDY, "4")
    rows = [
        _method(str(row.item), row.value, ITEMS[str(row.item)], ours)
        for row in printed.itertuples(index=False)
    ]
    models = sorted(ours.folds["model"].unique())
    for model in models:
        if model.split("-")[0] == SHIPPED_NETWORK:
            named = f"compact network of ferflow, {model.split('-')[2]}"
            rows.append(_method(named, None, model, ours) | {"note": "learnt from the faces of FER2013"})
    unfrozen = [model for model in models if "-unfrozen" in model]
    for model in unfrozen:
        network, stages, _, images = model.split("-")[:4]
        last = int(stages.removeprefix("unfrozen"))
        named = f"{network}, {images}, last {'stage' if last == 1 else f'{last} stages'} learning too"
        rows.append(_method(named, None, model, ours) | {"note": _future(ours.start(model))})
    frame = pd.DataFrame(rows).reindex(columns=tables.schema("sfew_methods").names)
    return frame.astype({name: float for name in ("published", *PROTOCOLS)})


def _future(start: str) -> str:
    said = "the author's future work"
    return f"{said}; untrained start: the stages below are random" if start == "untrained" else said


def _method(named: str, value: float | None, model: str, ours: Ours) -> dict:
    asked = ("spi",) if named == SPI_BASELINE else PROTOCOLS
    values = {protocol: ours.accuracy(model, protocol, None) for protocol in asked}
    start = ours.start(model)
    notes = [REMARKS.get(named, ""), *missing(model, values, ours, None), STARTS[start]]
    return {
        "method": named,
        "published": value,
        **values,
        "model": model if start else "",
        "start": start,
        "synthetic": ours.synthetic and bool(start),
        "note": "; ".join(note for note in notes if note),
    }


def render(table_csv: str | Path, schema: str, title: str, outputs: Iterable[str | Path]) -> None:
    """Render schema `sfew_paper` or `sfew_methods` (.md, .tex, .html); ours is named after its data."""
    table = tables.read(table_csv, schema)
    shown = rendering.rendered(table, schema, title)
    if table["synthetic"].any():
        renamed = [re.sub(r"^ours\b", SCENES, heading) for heading in shown.headings]
        shown = replace(shown, headings=renamed)
    rendering.write(shown, *outputs)


def write(ours: Ours, out: Mapping[str, str | Path]) -> None:
    """Write `out` (name: path): sfew_table1 to 3 (schema `sfew_paper`) and sfew_table4 (`sfew_methods`)."""
    for number in LISTED:
        tables.write(paper_table(number, ours), out[f"sfew_table{number}"], "sfew_paper")
    tables.write(methods(ours), out["sfew_table4"], "sfew_methods")
