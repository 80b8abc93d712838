"""The SFEW paper's tables in its own form: folds beside one another, published and ours (Tables 1 to 4)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd

from ferflow import tables
from ferflow.evaluation.results import LEAKY
from ferflow.networks import SHIPPED_NETWORK
from ferflow.report import rendering
from ferflow.report.finders import PROTOCOLS, STARTS, sfew_accuracy, sfew_missing, sfew_start, sfew_value
from ferflow.report.papers import StudyResults, paper, published

PAPER = "sfew"
HEADINGS = {name: f"{label} ({LEAKY})" if name == "random" else label for name, label in PROTOCOLS.items()}
SCENES = "synthetic scenes"
"""What stands over ours where it is of the embedded data set."""
LISTED = ("1", "2", "3")
"""The paper's tables of accuracies in each fold."""
NAMED = ("network", "images", "unfrozen", "epochs")
"""Columns of schema `sfew_folds` that readers see in the model's name."""
MOST = 10
"""Columns of folds that a table has; later folds are in the average alone."""


def paper_table(number: str, ours: StudyResults) -> pd.DataFrame:
    """Schema `sfew_paper`: each row of the paper's Table `number`, then ours by protocol, or why not."""
    rows = []
    for item, printed in published(PAPER, number).groupby("item", sort=False):
        model = paper(PAPER).items[str(item)]
        base = paper(PAPER).models[model] | {"note": ""}
        splits = printed["split"].str.replace("fold ", "fold_").replace("mean", "average")
        theirs = {"whose": "published", "start": "imagenet", "synthetic": False}
        rows.append(base | theirs | dict(zip(splits, printed["value"], strict=True)))
        rows += [base | row for row in _ours(model, ours)]
    listed = tables.schema("sfew_paper").names
    frame = pd.DataFrame(rows).reindex(columns=listed)
    return frame.astype({name: float for name in listed if name.startswith("fold_")} | {"average": float})


def _ours(model: str, ours: StudyResults) -> list[dict]:
    """A row for each protocol of a model; one that says why there is none where it was not run."""
    folds, start = ours.tables["sfew_folds"], sfew_start(ours, model)
    synthetic = bool(folds["synthetic"].any())
    whose = SCENES if synthetic else "ours"
    if not start:
        note = sfew_missing(ours, model, {})[0]
        return [{"whose": whose, "start": "", "synthetic": False, "note": note}]
    rows = []
    for protocol in PROTOCOLS:
        chosen = folds[(folds["model"] == model) & (folds["protocol"] == protocol) & folds["fold"].notna()]
        each = chosen.sort_values("fold")["accuracy"].to_list()
        reasons = [] if each else sfew_missing(ours, model, {protocol: None})
        more = [f"{len(each)} folds, the first {MOST} shown"] if len(each) > MOST else []
        remark = STARTS.get(start) if each else None
        rows.append(
            {f"fold_{place}": value for place, value in enumerate(each[:MOST], 1)}
            | {
                "whose": f"{whose}, {HEADINGS[protocol]}",
                "average": sfew_value(ours, model, protocol),
                "start": start,
                "synthetic": synthetic and bool(each),
                "note": "; ".join(filter(None, [*reasons, *more, remark])),
            }
        )
    return rows


def methods(ours: StudyResults) -> pd.DataFrame:
    """Schema `sfew_methods`: the paper's Table 4, then our networks with unfrozen stages."""
    about, rows = paper(PAPER), []
    for item, value in published(PAPER, "4")[["item", "value"]].itertuples(index=False):
        rows.append(_method(item, value, about.items[item], ours, about.remarks.get(item, "")))
    models = ours.tables["sfew_folds"].drop_duplicates("model").sort_values("model")
    for row in models[models["network"] == SHIPPED_NETWORK].itertuples():
        named = f"compact network of ferflow, {row.images}"
        rows.append(_method(named, None, row.model, ours) | {"note": "learnt from the faces of FER2013"})
    for row in models[models["unfrozen"] > 0].itertuples():
        last = "stage" if row.unfrozen == 1 else f"{row.unfrozen:.0f} stages"
        note = "the author's future work"
        note += "; untrained start: the stages below are random" * (row.start == "untrained")
        named = f"{row.network}, {row.images}, last {last} learning too"
        rows.append(_method(named, None, row.model, ours) | {"note": note})
    frame = pd.DataFrame(rows).reindex(columns=tables.schema("sfew_methods").names)
    return frame.astype({name: float for name in ("published", *PROTOCOLS)})


def _method(
    named: str, value: float | None, model: str, ours: StudyResults, remark: str = ""
) -> dict[str, object]:
    accuracy = sfew_accuracy({"item": named, "ours": model, "remark": remark, "dataset": ""}, ours)
    start = sfew_start(ours, model)
    return {
        "method": named,
        "published": value,
        "random": accuracy.get("ours"),
        "film": accuracy.get("ours_film"),
        "spi": accuracy.get("ours_spi"),
        "model": accuracy["model"],
        "start": start,
        "synthetic": accuracy["synthetic"] and bool(start),
        "note": accuracy["note"],
    }


def rendered(table: pd.DataFrame, schema: str, title: str) -> rendering.Rendered:
    """Schema `sfew_paper` or `sfew_methods` as text; ours is named after its data."""
    shown = rendering.rendered(table, schema, title)
    if not table["synthetic"].any():
        return shown
    return replace(shown, headings=[re.sub(r"^ours\b", SCENES, heading) for heading in shown.headings])


def write(ours: StudyResults, out: Mapping[str, str | Path]) -> None:
    """Write `out` (name: path): sfew_table1 to 3 (schema `sfew_paper`) and sfew_table4 (`sfew_methods`)."""
    for number in LISTED:
        tables.write(paper_table(number, ours), out[f"sfew_table{number}"], "sfew_paper")
    tables.write(methods(ours), out["sfew_table4"], "sfew_methods")
