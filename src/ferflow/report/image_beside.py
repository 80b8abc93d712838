"""The compact paper's numbers (Dao 2021), each beside ours or the reason why there is none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ferflow import tables
from ferflow.evaluation.results import LEAKY
from ferflow.report import rendering
from ferflow.report.image_counts import FIGURE_4, PRINTED_AS
from ferflow.report.image_tables import NOT_RUN
from ferflow.report.names import marks, model_label, views_label
from ferflow.report.published import NOT_COMPARABLE, facts, ordered, other_network
from ferflow.settings import Images

STUDY = "compact"
ORDER = ("5.2", "1", "section 2", "section 2.2", "section 2.3", "fig4")
"""The paper's tables and sections, results first."""
ITEMS = {
    "compact": ("compact", "one"),
    "alexnet [1]": ("alexnet", "one"),
    "alexnet [11]": ("alexnet", "one"),
    "alexnet [8]": ("alexnet", "one"),
    "fernet paper": ("fernet", "one"),
    "fernet the authors' own run, FER2013 only, no augmentation": ("fernet", "one"),
    "vggnet RLRP": ("vggnet", "one"),
    "vggnet best, ten-crop": ("vggnet", "ten"),
    "resnet": ("resnet", "one"),
}
"""Accuracies in the paper, and which of our models and views stands beside each."""
SWEPT = {
    "vggnet nesterov fixed lr": ("optimiser", "nesterov", "constant"),
    "vggnet nesterov decayed lr": ("optimiser", "nesterov", "plateau"),
    "vggnet reduce on plateau": ("schedule", None, "plateau"),
}
"""Rows of section 2.3 and the runs of the sweep that repeat them: stage, optimiser, schedule."""
SHARES = ("accuracy", "f1", "weighted_f1")
"""Metrics that are shares and shown in percent; others are numbers of some unit."""
FORMATS = {"parameters": ",.0f", "images": ",.0f", "epochs": ".0f", "size_mb": ".2f", "fps": ".1f"}
"""How a metric is written that is no share."""
UNITS = {
    "accuracy": "accuracy (%)",
    "f1": "macro F1 (%)",
    "weighted_f1": "weighted F1 (%)",
    "size_mb": "size (MB)",
    "fps": "frames a second",
    "training_hours": "hours of training",
}


@dataclass(frozen=True)
class Ours:
    """What an image study has for the table, by schema; None where it has no such table."""

    settings: Images
    accuracies: pd.DataFrame
    networks: pd.DataFrame
    counts: pd.DataFrame
    """Schema image_counts."""
    sweep: pd.DataFrame | None
    speed: pd.DataFrame | None
    dataset: str
    """What the networks were judged on."""


def beside(ours: Ours) -> pd.DataFrame:
    """Schema `image_beside`: every row that published.csv has of the study.

    The paper's F1 stands twice, beside the macro and the weighted one. `difference` stays empty on synthetic
    data, where `data` says so, and beside another network or an ensemble, where `note` names both.
    """
    rows = []
    for row in ordered(STUDY, ORDER).itertuples(index=False):
        base = facts(row) | {"view": "", "leaky": False, "note": "", "other": ""}
        for found in _found(row, ours):
            rows.append(_compared(base | found))
    return pd.DataFrame(rows).reindex(columns=tables.schema("image_beside").names)


def _found(row, ours: Ours) -> list[dict]:
    """Ours beside one published row: usually one, two for the F1, each way of measuring for the speed."""
    if row.metric == "images":
        return [_images(row, ours)]
    if row.metric in ("parameters", "size_mb", "epochs", "training_hours"):
        return [_network(row, ours)]
    if row.metric == "fps":
        return _speeds(ours)
    if row.item in ITEMS:
        metrics = [row.metric] if row.metric == "accuracy" else ["f1", "weighted_f1"]
        return [_accuracy(row, metric, ours) for metric in metrics]
    if row.item in SWEPT:
        return [_swept(row, ours)]
    if row.item == "human":
        return [{"note": "a figure about people; no annotators in this study"}]
    if row.item.startswith("fernet on "):
        return [{"note": NOT_RUN + "our FER-Net learns from FER2013 alone"}]
    return [{"note": NOT_RUN + "nothing in this study repeats it"}]


def _accuracy(row, metric: str, ours: Ours) -> dict:
    name, views = ITEMS[row.item]
    table = ours.accuracies[ours.accuracies["model"] == name]
    mine = table[(table["views"] == views) & table["test"].notna()]
    if mine.empty:
        return {"note": _reason(name, views, table, ours)}
    mine = mine.iloc[0]
    found = {"model": name, "view": views, "data": ours.dataset, "synthetic": mine["synthetic"]}
    notes = [] if row.split else ["the paper names no part; ours: PrivateTest"]
    if row.split == "PublicTest":
        found |= {"ours": mine["validation"], "low": mine["validation_low"], "high": mine["validation_high"]}
    elif metric == "accuracy":
        found |= {"ours": mine["test"], "low": mine["test_low"], "high": mine["test_high"]}
        found |= {
            "honest": mine["honest"],
            "honest_low": mine["honest_low"],
            "honest_high": mine["honest_high"],
        }
    else:
        found |= {"ours": mine[f"test_{metric}"], "honest": mine[f"honest_{metric}"]}
        found["metric"] = metric
        notes.append("the paper does not say which F1 it prints")
    other = "theirs is an ensemble, ours one network" if "ensemble" in row.note else _other(name, ours)
    return found | {"leaky": bool(mine["leaky"]), "note": "; ".join(notes), "other": other}


def _other(name: str, ours: Ours) -> str:
    """What is said of a model of the study that bears the name of the paper's network but is another."""
    return other_network(name, [ours.settings.models[name].network]) if name in ours.settings.models else ""


def _reason(name: str, views: str, table: pd.DataFrame, ours: Ours) -> str:
    """Why there is no accuracy of a model in some view."""
    if name not in ours.settings.models:
        return NOT_RUN + f"{name} is not among this study's models"
    if views not in ours.settings.views:
        return NOT_RUN + f"this study does not look at {views_label(views)}"
    return str(table["note"].iloc[0]) if len(table) else NOT_RUN + "no result"


def _network(row, ours: Ours) -> dict:
    name = ITEMS[row.item][0]
    mine = ours.networks[ours.networks["model"] == name]
    if mine.empty or pd.isna(mine["parameters"].iloc[0]):
        reason = mine["note"].iloc[0] if len(mine) else NOT_RUN + f"{name} is not among this study's models"
        return {"note": reason}
    mine = mine.iloc[0]
    column = "hours" if row.metric == "training_hours" else row.metric
    if pd.isna(mine[column]):
        return {"model": name, "note": f"not known here: {mine['note'] or 'not noted'}"}
    notes = {
        "size_mb": f"as torchinfo estimates it, 10^6 bytes; the weights alone are {mine['weights_mb']:.2f}",
        "training_hours": f"on this machine, threads: {mine['threads']:.0f}",
    }
    return {
        "model": name,
        "ours": float(mine[column]),
        "synthetic": mine["synthetic"],
        "note": notes.get(row.metric, ""),
        "other": _other(name, ours),
    }


def _speeds(ours: Ours) -> list[dict]:
    """One for each way that was measured."""
    if ours.speed is None or ours.speed.empty:
        return [{"note": "not measured here"}]
    return [
        {"model": STUDY, "ours": float(mine.fps), "note": mine.note}
        for mine in ours.speed.itertuples(index=False)
    ]


def _swept(row, ours: Ours) -> dict:
    if ours.sweep is None:
        return {"note": NOT_RUN + "the sweep over optimisers is a target of its own (`sweep`)"}
    stage, optimiser, schedule = SWEPT[row.item]
    mine = ours.sweep[(ours.sweep["stage"] == stage) & (ours.sweep["schedule"] == schedule)]
    if optimiser is not None:
        mine = mine[mine["optimiser"] == optimiser]
    if mine.empty:
        return {"note": NOT_RUN + "not among the runs of the sweep"}
    mine = mine.iloc[0]
    return {
        "model": mine["network"],
        "ours": float(mine["validation_accuracy"]),
        "data": ours.dataset,
        "synthetic": mine["synthetic"],
        "note": f"sweep: {mine['images']} images, {mine['epochs']} epochs",
        "other": other_network(row.item.split()[0], [mine["network"]]),
    }


def _images(row, ours: Ours) -> dict:
    emotion = PRINTED_AS.get((row.split, row.item), row.item)
    counts = ours.counts[ours.counts["source"] == FIGURE_4]
    mine = counts[(counts["dataset"] == row.split) & (counts["emotion"] == emotion)].iloc[0]
    found = {
        "note": mine["note"].replace(f"{NOT_COMPARABLE}", "").strip("; "),
        "synthetic": mine["synthetic"],
    }
    if pd.isna(mine["ours"]):
        return found | {"synthetic": False}
    return found | {"ours": float(mine["ours"]), "data": row.split}


def _compared(row: dict) -> dict:
    value, other = row.get("ours"), row.pop("other")
    if value is None or pd.isna(value):
        return row
    row["note"] = "; ".join(note for note in (other, row["note"]) if note)
    if row["synthetic"] and row["metric"] not in ("parameters", "size_mb"):
        return row | {"data": NOT_COMPARABLE}
    if other:
        return row
    scale = 100 if row["metric"] in SHARES else 1
    return row | {"difference": scale * (value - row["published"])}


def write(
    accuracies_csv: str | Path,
    networks_csv: str | Path,
    counts_csv: str | Path,
    sweep_csv: str | Path | None,
    speed_csv: str | Path | None,
    images: Images,
    dataset: str,
    out: str | Path,
) -> None:
    """Write schema `image_beside` from the study's tables; None for the two that not every study has."""
    table = beside(
        Ours(
            images,
            tables.read(accuracies_csv, "accuracies"),
            tables.read(networks_csv, "networks"),
            tables.read(counts_csv, "image_counts"),
            None if sweep_csv is None else tables.read(sweep_csv, "sweep"),
            None if speed_csv is None else tables.read(speed_csv, "speed"),
            dataset,
        )
    )
    tables.write(table, out, "image_beside")


def render(table_csv: str | Path, title: str, outputs: Iterable[str | Path]) -> None:
    """Render schema `image_beside` (.md, .tex, .html)."""
    rendering.write(rendered(tables.read(table_csv, "image_beside"), title), *outputs)


def rendered(table: pd.DataFrame, title: str) -> rendering.Rendered:
    """Schema `image_beside` as text, each number in the unit of its row."""
    leaky = bool((table["leaky"] & table["ours"].notna()).any())
    headings = [
        "paper's table",
        "item",
        "data",
        "number",
        "published",
        "ours" + (f" (PrivateTest: all images, {LEAKY})" if leaky else ""),
        "ours, PrivateTest without copies",
        "difference",
        "our model",
        "note",
    ]
    rows = []
    for row in table.to_dict("records"):
        metric = row["metric"]
        notes = [_remark(row["published_note"]), row["note"]]
        if row["data"] == NOT_COMPARABLE:
            notes.append(NOT_COMPARABLE)
        rows.append(
            [
                row["table"],
                row["item"],
                row["split"],
                UNITS.get(metric, metric),
                _written(row["published"], metric),
                _with_interval(row, ("ours", "low", "high"), metric),
                _with_interval(row, ("honest", "honest_low", "honest_high"), metric),
                _difference(row["difference"], metric),
                model_label(row["model"], row["view"]),
                "; ".join(note for note in notes if note),
            ]
        )
    numbers = [False, False, False, False, True, True, True, True, False, False]
    mark = marks(bool(table["synthetic"].any()))
    return rendering.Rendered(title, mark, headings, numbers, rows, [False] * len(rows))


def _written(value: float, metric: str) -> str:
    if pd.isna(value):
        return rendering.MISSING
    # The paper prints its shares with two decimals.
    return f"{100 * value:.2f}" if metric in SHARES else format(value, FORMATS.get(metric, ".2f"))


def _with_interval(row: dict, columns: tuple[str, str, str], metric: str) -> str:
    value, low, high = (_written(row[column], metric) for column in columns)
    return value if rendering.MISSING in (low, high) else f"{value} [{low}, {high}]"


def _difference(value: float, metric: str) -> str:
    if pd.isna(value):
        return rendering.MISSING
    return format(value, "+.2f" if metric in SHARES else "+" + FORMATS.get(metric, ".2f"))


def _remark(note: str) -> str:
    return f"paper: {note.removeprefix('paper; ')}" if note else ""
