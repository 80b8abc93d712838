"""The numbers that the reference papers report, and ours beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import as_file
from importlib.resources import files as resources

import pandas as pd

from ferflow import tables
from ferflow.errors import InputError

NOT_COMPARABLE = "synthetic data: not comparable"

VGGFACE = "vggface"
"""The network for single images of the thesis's Tables 3.5 to 3.7 and Figures 3.28 and 3.29."""

HEADS = {"vggface+lstm": "lstm", "vggface+bilstm": "bilstm", "vggface+cnn1d": "cnn1d"}
"""Rows of the thesis's Table 3.6 and the temporal head of each."""


@cache
def _all() -> pd.DataFrame:
    with as_file(resources("ferflow") / "resources" / "published.csv") as path:
        return tables.read(path, "published")


def published(study: str, table: str | None = None) -> pd.DataFrame:
    """Schema `published`: what `study` (thesis, compact, datacentric, sfew, affectnet) reports in `table`.

    Raises InputError where there is no such study or table.
    """
    rows = _all()
    rows = rows[(rows["study"] == study) & ((rows["table"] == table) if table is not None else True)]
    if rows.empty:
        known = _all()["study"].unique() if study not in set(_all()["study"]) else None
        where = f"{study}" if table is None else f"{study}, table {table}"
        choice = _all().loc[_all()["study"] == study, "table"].unique() if known is None else known
        raise InputError("published.csv", f"has nothing of {where}", f"choose from {', '.join(choice)}")
    return rows.reset_index(drop=True)


def ordered(study: str, order: Sequence[str]) -> pd.DataFrame:
    """All that `study` reports, in the order of the paper's tables in `order`."""
    rows = published(study)
    return rows.iloc[rows["table"].map(order.index).argsort(kind="stable")]


def facts(row) -> dict:
    """The paper's side of a `row` of schema `published`, for a table of ours beside it."""
    return {
        "study": row.study,
        "table": row.table,
        "item": row.item,
        "metric": row.metric,
        "split": row.split,
        "published": row.value,
        "published_note": row.note,
        "model": "",
        "data": "",
        "synthetic": False,
    }


def other_network(theirs: str, ours: Iterable[str]) -> str:
    """What is said of a row whose number of ours is of another network than the paper's; "" where it is not.

    Such a row has no difference: it would be that of two networks.
    """
    other = [name for name in dict.fromkeys(ours) if name != theirs]
    return f"theirs is {theirs}, ours {', '.join(other)}" if other else ""


def other_models(models: str, others: Mapping[str, str], spatial: str = "") -> str:
    """The same of `models`, as `vgg16+lstm, c3d`, beside the thesis's on VGGFace.

    `others` says of a head, a network on frames or a run in what it is another than the thesis's; `spatial`
    is the network below runs, whose names do not tell.
    """
    names = models.split(", ")
    networks = [name.split("+")[0] if "+" in name else spatial for name in names if "+" in name or spatial]
    notes = [other_network(VGGFACE, networks), *(others.get(name.split("+")[-1], "") for name in names)]
    return "; ".join(dict.fromkeys(note for note in notes if note))


def beside(results: pd.DataFrame, dataset: str, others: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Schema `beside`: the thesis's Table 3.6 beside the test accuracy of the same temporal heads.

    `results` is schema `results`; `dataset` names its data. `difference` stays empty on synthetic data, where
    `data` says so (such numbers show that the workflow runs, not how well a method reads real faces), and
    beside another network than the thesis's, where `note` names both (`others` as in `other_models`).
    """
    ours = results[
        (results["protocol"] == "test") & (results["metric"] == "accuracy") & results["fold"].isna()
    ]
    ours = ours[ours["role"] != "control"]
    rows = []
    for row in published("thesis", "3.6").itertuples(index=False):
        if row.item not in HEADS:
            continue
        same = ours[ours["model"].str.split("+").str[-1] == HEADS[row.item]]
        base = {
            "study": row.study,
            "table": row.table,
            "item": row.item,
            "metric": row.metric,
            "published": row.value,
        }
        if same.empty:
            rows.append(base | {"model": "", "data": "", "note": "not run"})
        for mine in same.itertuples(index=False):
            other = other_models(mine.model, others or {})
            compared = not (mine.synthetic or other)
            rows.append(
                base
                | {
                    "model": mine.model,
                    "ours": mine.value,
                    "low": mine.low,
                    "high": mine.high,
                    "difference": 100 * (mine.value - row.value) if compared else None,
                    "data": NOT_COMPARABLE if mine.synthetic else dataset,
                    "note": "; ".join(note for note in (other, mine.note) if note),
                }
            )
    columns = tables.schema("beside").names
    return pd.DataFrame(rows).reindex(columns=columns)
