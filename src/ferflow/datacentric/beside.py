"""Every number of the data-centric paper beside ours, or the reason why there is none."""

from __future__ import annotations

import pandas as pd

from ferflow import tables
from ferflow.datacentric.sampling import LABELS
from ferflow.evaluation.results import LEAKY
from ferflow.report.names import model_label
from ferflow.report.published import published

STUDY = "datacentric"
QUOTED = "another team's network, not rebuilt here; the paper quotes it"
COUNTED = {
    ("problem 1", "exact duplicates"): ("exact copies", "images beyond the first of each group"),
    ("problem 1", "duplicates with non-matching emotions"): (
        "exact copies",
        "ordered pairs with different labels",
    ),
    ("split", "train"): ("official split", "training images"),
    ("split", "test"): ("official split", "test images"),
}
"""The paper's counts, and where ours stand in table `data_quality`."""
BEST = ("conclusion", "best single network")


def beside(quality: pd.DataFrame, sampling: pd.DataFrame | None) -> pd.DataFrame:
    """Schema `datacentric` from schemas `data_quality` and `sampling` (None where nothing was trained).

    The paper's best accuracy stands beside the best row of either protocol, since it does not say which it
    followed; those are the best of several on their own test images.
    """
    counts = quality.set_index(["check", "counted"])["count"]
    synthetic = bool(quality["synthetic"].any())
    rows: list[dict] = []
    for row in published(STUDY).itertuples(index=False):
        base = {"table": row.table, "item": row.item, "metric": row.metric, "published": row.value}
        if (row.table, row.item) in COUNTED:
            count = int(counts[COUNTED[row.table, row.item]])
            same = "" if count == row.value else "differs"
            rows.append(base | {"ours": count, "note": "; ".join(filter(None, [row.note, same]))})
        elif (row.table, row.item) == BEST and sampling is not None:
            rows += [
                base | _best(sampling, protocol, row.note, mark)
                for protocol, mark in (("published", LEAKY), ("honest", ""))
            ]
        elif (row.table, row.item) == BEST:
            rows.append(base | {"note": "; ".join(filter(None, [row.note, "not run: no network is listed"]))})
        else:
            rows.append(base | {"note": QUOTED})
    frame = pd.DataFrame(rows).reindex(columns=tables.schema("datacentric").names)
    texts = ["model", "our_protocol", "note"]
    frame[texts] = frame[texts].fillna("")
    numbers = ["ours", "low", "high"]
    frame[numbers] = frame[numbers].astype(float)
    return frame.assign(synthetic=synthetic)


def _best(sampling: pd.DataFrame, protocol: str, note: str, mark: str) -> dict:
    rows = sampling[sampling["metric"] == "accuracy"]
    best = rows.loc[rows[protocol].idxmax()]
    remarks = [note, f"best of {len(rows)} rows on their own test images", mark]
    return {
        "ours": best[protocol],
        "low": best[f"{protocol}_low"],
        "high": best[f"{protocol}_high"],
        "model": f"{model_label(best['network'])}, {LABELS[best['sampling']]}",
        "our_protocol": mark or protocol,
        "note": "; ".join(filter(None, remarks)),
    }
