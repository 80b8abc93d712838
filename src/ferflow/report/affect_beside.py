"""The AffectNet study's numbers (Akhtar 2022), each beside ours or the reason why there is none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ferflow import tables
from ferflow.report import rendering
from ferflow.report.affect_tables import LABELS, SETTINGS, STUDY, network_of, setting
from ferflow.report.image_tables import NOT_RUN
from ferflow.report.names import marks, model_label
from ferflow.report.published import NOT_COMPARABLE, facts, ordered

ORDER = ("5", "6", "fig7", "fig8", "3", "4")
"""The paper's tables and figures, results first."""
PLAIN = ("batch_size", "epochs", *SETTINGS)
"""Settings, which data that are synthetic do not make incomparable."""
UNITS = LABELS | {
    "minutes_per_epoch": "minutes an epoch",
    "batch_size": "batch size",
    "rotation_degrees": "rotation (degrees)",
    "brightness_low": "brightness, lowest",
    "brightness_high": "brightness, highest",
    "support": "images",
    "f1": "F1",
}
UNTRAINED = "untrained"
"""In what a network that had no face weights starts from."""
WHOLE = ("support", "batch_size", "epochs")
"""Counts, written without decimals."""
NO_ANNOTATORS = "cannot be computed: the data set has one label an image, not those of single annotators"


@dataclass(frozen=True)
class Ours:
    """What the study has for the table."""

    metrics: pd.DataFrame
    """Schema affect_metrics."""
    report: pd.DataFrame
    """Schema class_report."""
    training: pd.DataFrame
    """Schema affect_training."""
    augment: Mapping | None
    """Settings of the augmentation: rotation, zoom, brightness; None where there is none."""
    dataset: str
    """What the networks were judged on."""


def beside(ours: Ours) -> pd.DataFrame:
    """Schema `affect_beside`: every row that published.csv has of the study.

    On synthetic data ours stands in `ours_synthetic`, `data` says that it is not comparable, and `difference`
    stays empty, as it does for networks that had no face weights to start from; settings are compared all the
    same.
    """
    rows = []
    for row in ordered(STUDY, ORDER).itertuples(index=False):
        base = facts(row) | {"note": ""}
        rows += [_compared(base | found, ours.dataset) for found in _found(row, ours)]
    declared = tables.schema("affect_beside")
    table = pd.DataFrame(rows).reindex(columns=declared.names)
    return table.astype(dict.fromkeys(declared.of_type("number"), float))


def _found(row, ours: Ours) -> list[dict]:
    """Ours beside one published row: usually one, one for each network that was trained for Table 3."""
    if row.item == "annotators":
        return [{"note": NO_ANNOTATORS}]
    if row.item == "augmentation":
        value = setting(row.metric, ours.augment)
        return [{"value": value} if value is not None else {"note": NOT_RUN + "this study does not augment"}]
    if row.item == "training":
        return _training(row, ours)
    model, _, emotion = row.item.partition("/")
    if model == "support":
        return [_class_row(ours.report, emotion, row.metric) | {"model": ""}]
    if emotion:
        mine = ours.report[ours.report["model"] == model]
        if mine.empty:
            return [_reason(model)]
        found, start = _class_row(mine, emotion, row.metric), _start(model, ours.training)
        return [found | {"note": "; ".join(note for note in (start, found["note"]) if note)}]
    return [_metric(row, ours)]


def _metric(row, ours: Ours) -> dict:
    mine = ours.metrics[(ours.metrics["model"] == row.item) & (ours.metrics["metric"] == row.metric)]
    if mine.empty:
        return _reason(row.item)
    mine = mine.iloc[0]
    notes = [_start(row.item, ours.training), mine["note"]]
    found = {"model": row.item, "synthetic": bool(mine["synthetic"])}
    found["note"] = "; ".join(note for note in notes if note)
    if pd.isna(mine["value"]):
        return found | {"note": f"cannot be: {mine['note']}"}
    return found | {"value": mine["value"], "value_low": mine["low"], "value_high": mine["high"]}


def _class_row(report: pd.DataFrame, emotion: str, metric: str) -> dict:
    mine = report[report["emotion"] == emotion.replace("average", "mean")]
    if mine.empty:
        return {"note": NOT_RUN + "no model of this study was judged"}
    mine = mine.iloc[0]
    found = {"model": mine["model"], "synthetic": bool(mine["synthetic"])}
    note = mine["note"] if metric != "support" else ""
    return found | {"value": float(mine[metric]), "note": note}


def _training(row, ours: Ours) -> list[dict]:
    mine = ours.training[[network_of(model)[0] == model for model in ours.training["model"]]]
    if mine.empty:
        return [{"note": NOT_RUN + "none of the paper's networks is among this study's models"}]
    found = []
    for one in mine.to_dict("records"):
        if pd.isna(one[row.metric]):
            found.append({"model": one["model"], "note": "not measured here"})
            continue
        measured = row.metric not in PLAIN
        found.append(
            {
                "model": one["model"],
                "value": float(one[row.metric]),
                "synthetic": bool(one["synthetic"]) and measured,
                "note": "on this machine" if measured else "",
            }
        )
    return found


def _start(model: str, training: pd.DataFrame) -> str:
    """A remark on a network that did not start from face weights as the paper's did, or ""."""
    starts = training.loc[training["model"] == model, "weights"]
    return f"ours: {starts.iloc[0]}" if len(starts) and UNTRAINED in starts.iloc[0] else ""


def _reason(model: str) -> dict:
    return {"note": NOT_RUN + f"{model} is not among this study's models"}


def _compared(row: dict, dataset: str) -> dict:
    value, low, high = (row.pop(name, None) for name in ("value", "value_low", "value_high"))
    if value is None:
        return row
    if row["synthetic"]:
        row |= {"ours_synthetic": value, "synthetic_low": low, "synthetic_high": high}
        return row | {"data": NOT_COMPARABLE}
    row |= {"ours": value, "low": low, "high": high}
    if UNTRAINED not in row["note"]:  # else it is another network than the paper's
        row["difference"] = value - row["published"]
    return row | {"data": "" if row["metric"] in PLAIN else dataset}


def write(
    metrics_csvs: Sequence[str | Path],
    report_csv: str | Path,
    training_csv: str | Path,
    augment: Mapping | None,
    dataset: str,
    out: str | Path,
) -> None:
    """Write schema `affect_beside` from the study's tables."""
    ours = Ours(
        pd.concat([tables.read(path, "affect_metrics") for path in metrics_csvs], ignore_index=True),
        tables.read(report_csv, "class_report"),
        tables.read(training_csv, "affect_training"),
        augment,
        dataset,
    )
    tables.write(beside(ours), out, "affect_beside")


def render(table_csv: str | Path, title: str, outputs: Iterable[str | Path]) -> None:
    """Render schema `affect_beside` (.md, .tex, .html)."""
    rendering.write(rendered(tables.read(table_csv, "affect_beside"), title), *outputs)


def rendered(table: pd.DataFrame, title: str) -> rendering.Rendered:
    """Schema `affect_beside` as text; figures on synthetic data under a heading of their own."""
    synthetic = bool(table["ours_synthetic"].notna().any())
    headings = ["paper's table", "item", "number", "published", "ours", "difference"]
    if synthetic:
        headings.append("ours on synthetic data (not comparable)")
    headings += ["our model", "note"]
    rows = []
    for row in table.to_dict("records"):
        metric = row["metric"]
        cells = [
            row["table"],
            row["item"],
            UNITS.get(metric, metric),
            format(row["published"], "g"),
            _with_interval(row, ("ours", "low", "high"), metric),
            _difference(row["difference"], metric),
        ]
        if synthetic:
            columns = ("ours_synthetic", "synthetic_low", "synthetic_high")
            cells.append(_with_interval(row, columns, metric))
        remark = f"paper: {row['published_note']}" if row["published_note"] else ""
        notes = [remark, row["note"]]
        rows.append([*cells, model_label(row["model"]), "; ".join(note for note in notes if note)])
    numbers = [False, False, False, True, True, True, *[True] * synthetic, False, False]
    mark = marks(bool(table["synthetic"].any()))
    return rendering.Rendered(title, mark, headings, numbers, rows, [False] * len(rows))


def _written(value: float, metric: str) -> str:
    return rendering.MISSING if pd.isna(value) else format(value, _format(metric))


def _with_interval(row: dict, columns: tuple[str, str, str], metric: str) -> str:
    value, low, high = (_written(row[column], metric) for column in columns)
    return value if rendering.MISSING in (low, high) else f"{value} [{low}, {high}]"


def _difference(value: float, metric: str) -> str:
    return rendering.MISSING if pd.isna(value) else format(value, "+" + _format(metric))


def _format(metric: str) -> str:
    return ".0f" if metric in WHOLE else "g" if metric in SETTINGS else ".3f"
