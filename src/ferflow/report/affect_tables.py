"""Tables 3 to 6 of the AffectNet study (Akhtar 2022), and its losses beside one another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ferflow import tables
from ferflow.evaluation.regression import METRICS as REGRESSION
from ferflow.report import rendering
from ferflow.report.names import marks, model_label
from ferflow.report.papers import paper, published
from ferflow.training.checkpoints import read_time

STUDY = "affectnet"
VARIANTS = {"": "the paper's", "-ccc": "concordance", "-learned": "learned task weights"}
"""What a model's name ends with, and the loss that it was trained with."""
CLASSIFICATION = {
    "accuracy": "accuracy",
    "kappa": "cohen_kappa",
    "auc": "auc_roc",
    "auc_pr": "auc_pr",
    "f1": "macro_f1",
    "weighted_f1": "weighted_f1",
}
"""Metrics of schema `results`, and what the paper calls them; the first four are its Table 5."""
CHOSEN = "epoch chosen on the images that it is judged on (leaky)"
SETTINGS = {"rotation_degrees": "rotation", "zoom": "zoom", "brightness_low": 0, "brightness_high": 1}
"""Table 4: a published setting, and its name here or its place in `brightness`."""


@dataclass(frozen=True)
class Trained:
    """What a training left: its learning curves (schema `history`), its time, and what was trained how
    (schema `affect_models`, one row)."""

    history_csv: str | Path
    time_json: str | Path
    about_csv: str | Path


def network_of(model: str) -> tuple[str, str]:
    """`vgg16-face-ccc` as (`vgg16-face`, `concordance`): the network and the loss."""
    for ending, loss in reversed(VARIANTS.items()):
        if ending and model.endswith(ending):
            return model.removesuffix(ending), loss
    return model, VARIANTS[""]


def loss_of(regression: str, weights: str) -> str:
    """The loss of a network in words, from its columns of schema `affect_models`."""
    kind = VARIANTS["-ccc" if regression == "ccc" else ""]
    if weights != "learned":
        return kind
    return VARIANTS["-learned"] if regression == "mse" else f"{kind}, {VARIANTS['-learned']}"


def networks(about_csvs: Iterable[str | Path], out: str | Path) -> None:
    """Write schema `affect_models` of all networks, from the row of each."""
    rows = [tables.read(path, "affect_models") for path in about_csvs]
    tables.write(pd.concat(rows, ignore_index=True), out, "affect_models")


def training(models: Mapping[str, Trained], output: str | Path) -> None:
    """Schema `affect_training` (Table 3): batch, epochs and minutes an epoch of each model."""
    rows = []
    for model, made in models.items():
        history, seconds = tables.read(made.history_csv, "history"), read_time(made.time_json)
        about, epochs = tables.read(made.about_csv, "affect_models").iloc[0], len(history)
        minutes = seconds / 60 / epochs if seconds is not None and epochs else None
        rows.append(
            {
                "model": model,
                "loss": loss_of(about["regression"], about["weights"]),
                "weights": about["start"],
                "batch_size": about["batch"],
                "epochs": epochs,
                "minutes_per_epoch": minutes,
                "synthetic": about["synthetic"],
                "note": CHOSEN if about["kept"] != "last" else "",
            }
        )
    columns = tables.schema("affect_training").names
    tables.write(pd.DataFrame(rows, columns=columns), output, "affect_training")


def setting(name: str, augment: Mapping | None) -> float | None:
    """Ours beside a published setting of Table 4; `augment` has rotation, zoom, brightness, or is None."""
    if augment is None:
        return None
    where = SETTINGS[name]
    return float(augment["brightness"][where] if isinstance(where, int) else augment[where])


def augmentation(augment: Mapping | None, output: str | Path) -> None:
    """Schema `affect_augmentation` (Table 4): the published settings beside ours."""
    printed = published(STUDY, "4")
    rows = [
        {"setting": row.metric, "published": row.value, "ours": setting(row.metric, augment)}
        for row in printed.itertuples(index=False)
    ]
    table = pd.DataFrame(rows).astype({"ours": float})
    tables.write(table, output, "affect_augmentation")


def write_metrics(
    results_csv: str | Path,
    models: Sequence[str],
    out_classification: str | Path,
    out_regression: str | Path,
    out_variants: str | Path,
) -> None:
    """Tables 5 and 6 from schema `results` (schema `affect_metrics`), and schema `affect_variants`.

    The `models` stand in their order.
    """
    results = tables.read(results_csv, "results").rename(columns={"n_clips": "n"})
    order = results["model"].map(list(models).index)
    results = results.assign(order=order).sort_values("order", kind="stable")
    for names, output in (
        (CLASSIFICATION, out_classification),
        (dict(zip(REGRESSION, REGRESSION, strict=True)), out_regression),
    ):
        rows = results[results["metric"].isin(names)]
        place = rows["metric"].map(list(names).index)
        rows = rows.assign(place=place).sort_values(["order", "place"], kind="stable")
        table = rows.assign(metric=rows["metric"].map(names))[tables.schema("affect_metrics").names]
        tables.write(table, output, "affect_metrics")
    tables.write(variants(results), out_variants, "affect_variants")


def variants(results: pd.DataFrame) -> pd.DataFrame:
    """Schema `affect_variants`: each network's losses below one another; the paper's first."""
    shown = {"accuracy": "accuracy", "f1": "macro_f1", "ccc_valence": "ccc_valence"}
    shown |= {"ccc_arousal": "ccc_arousal"}
    rows = []
    for model, mine in results.groupby("model", sort=False):
        values, (network, loss) = mine.set_index("metric"), network_of(model)
        lacking = {values.loc[metric, "note"] for metric in shown} - {""}
        row = {"network": network, "variant": loss, "model": model}
        row |= {name: values.loc[metric, "value"] for metric, name in shown.items()}
        rows.append(row | {"synthetic": bool(mine["synthetic"].any()), "note": "; ".join(sorted(lacking))})
    made = pd.DataFrame(rows)
    order = made["variant"].map(list(VARIANTS.values()).index)
    return made.assign(order=order).sort_values(["network", "order"], kind="stable").drop(columns="order")


def metrics_table(table: pd.DataFrame, title: str, confidence: float) -> rendering.Rendered:
    """Schema `affect_metrics` as the paper has it: a metric a row, a model a column, `value [low, high]`.

    What cannot be is a dash, its reason in the last column.
    """
    models = list(dict.fromkeys(table["model"]))
    rows = []
    for metric in dict.fromkeys(table["metric"]):
        mine = table[table["metric"] == metric].set_index("model")
        cells = [
            rendering.with_interval(mine.loc[model], ".3f") if model in mine.index else rendering.MISSING
            for model in models
        ]
        notes = [f"{model_label(m)}: {n}" for m, n in mine["note"].fillna("").items() if n]
        images = sorted(set(mine["n"].astype(int)))
        counted = f"{images[0]}" if len(images) == 1 else f"{images[0]}–{images[-1]}"
        rows.append([paper(STUDY).metric(metric).label, *cells, counted, "; ".join(notes)])
    headings = ["metric", *(model_label(model) for model in models), "images", "note"]
    numbers = [False, *[True] * (len(models) + 1), False]
    if not any(row[-1] for row in rows):
        headings, numbers, rows = headings[:-1], numbers[:-1], [row[:-1] for row in rows]
    about = f"{title}; in brackets: {100 * confidence:g} % intervals, bootstrap over images"
    mark = marks(bool(table["synthetic"].any()))
    return rendering.Rendered(about, mark, headings, numbers, rows)
