"""Tables 3 to 6 of the AffectNet study (Akhtar 2022), and its losses compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from ferflow import tables
from ferflow.evaluation.regression import DIMENSIONS
from ferflow.evaluation.regression import METRICS as REGRESSION
from ferflow.report import rendering
from ferflow.report.names import marks_of, model_label
from ferflow.report.papers import paper, published
from ferflow.training.checkpoints import read_time

STUDY = "affectnet"
LOSSES = {
    ("mse", "set"): "the paper's",
    ("ccc", "set"): "concordance",
    ("mse", "learned"): "learned task weights",
    ("ccc", "learned"): "concordance, learned task weights",
}
"""The loss in words, by the columns `regression` and `weights` of schema `affect_models`; in its order."""
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


def read_models(info_csvs: Iterable[str | Path]) -> pd.DataFrame:
    """The networks' rows of schema `affect_models`, and a column `loss`: the loss in words."""
    models = pd.concat([tables.read(path, "affect_models") for path in info_csvs], ignore_index=True)
    kinds = zip(models["regression"], models["weights"], strict=True)
    return models.assign(loss=[LOSSES[kind] for kind in kinds])


def write_models(info_csvs: Iterable[str | Path], out: str | Path) -> None:
    """Write schema `affect_models` of all networks."""
    tables.write(read_models(info_csvs).drop(columns="loss"), out, "affect_models")


def write_training(
    info_csvs: Sequence[str | Path],
    histories: Sequence[str | Path],
    times: Sequence[str | Path],
    augment: Mapping | None,
    out_training: str | Path,
    out_augmentation: str | Path,
) -> None:
    """Tables 3 (schema `affect_training`) and 4 (`affect_augmentation`).

    Of each network: `info_csvs` (schema `affect_models`), `histories` (schema `history`) and `times`
    (`checkpoints.write_time`).
    """
    rows = []
    for model, history, time in zip(read_models(info_csvs).itertuples(), histories, times, strict=True):
        seconds, epochs = read_time(time), len(tables.read(history, "history"))
        rows.append(
            {
                "model": model.model,
                "loss": model.loss,
                "weights": model.start,
                "batch_size": model.batch,
                "epochs": epochs,
                "minutes_per_epoch": seconds / 60 / epochs if seconds is not None and epochs else None,
                "synthetic": model.synthetic,
                "note": CHOSEN if model.kept != "last" else "",
            }
        )
    tables.write(tables.from_rows(rows, "affect_training"), out_training, "affect_training")
    augmentation(augment, out_augmentation)


def augmentation(augment: Mapping | None, output: str | Path) -> None:
    """Schema `affect_augmentation` (Table 4): the published settings and the study's.

    `augment` has `rotation`, `zoom` and `brightness` (settings.affect.AffectAugment), or is None.
    """
    own = {}
    if augment is not None:
        own = {"rotation_degrees": augment["rotation"], "zoom": augment["zoom"]}
        own |= zip(("brightness_low", "brightness_high"), augment["brightness"], strict=True)
    table = published(STUDY, "4").rename(columns={"metric": "setting", "value": "published"})
    table["ours"] = table["setting"].map(own).astype(float)
    tables.write(tables.from_rows(table, "affect_augmentation"), output, "affect_augmentation")


def write_metrics(
    results_csv: str | Path,
    info_csvs: Iterable[str | Path],
    out_classification: str | Path,
    out_regression: str | Path,
    out_variants: str | Path,
) -> None:
    """Tables 5 and 6 from schema `results` (schema `affect_metrics`), and schema `affect_variants`.

    Models stand in the order of `info_csvs` (schema `affect_models`).
    """
    models = read_models(info_csvs).set_index("model")
    results = tables.read(results_csv, "results").rename(columns={"n_clips": "n"})
    for names, output in (
        (CLASSIFICATION, out_classification),
        ({name: name for name in REGRESSION}, out_regression),
    ):
        rows = _in_order(results[results["metric"].isin(names)], "metric", names)
        rows = _in_order(rows.assign(metric=rows["metric"].map(names)), "model", models.index)
        tables.write(rows[tables.schema("affect_metrics").names], output, "affect_metrics")
    results = _in_order(results, "model", models.index)
    tables.write(variants(results, models), out_variants, "affect_variants")


def _in_order(table: pd.DataFrame, column: str, order: Iterable[str]) -> pd.DataFrame:
    """The rows sorted by the place of `column` in `order`; ties stay as they are."""
    return table.sort_values(column, key=lambda cells: cells.map(list(order).index), kind="stable")


def variants(results: pd.DataFrame, models: pd.DataFrame) -> pd.DataFrame:
    """Schema `affect_variants`: the losses of each network, the paper's first.

    `results`: schema `results`; `models` as `read_models` gives them, indexed by model.
    """
    shown = {"accuracy": "accuracy", "f1": "macro_f1"} | {f"ccc_{name}": f"ccc_{name}" for name in DIMENSIONS}
    rows = []
    for model, group in results.groupby("model", sort=False):
        values = group.set_index("metric")
        lacking = {values.loc[metric, "note"] for metric in shown} - {""}
        row = {"network": models.loc[model, "network"], "variant": models.loc[model, "loss"], "model": model}
        row |= {name: values.loc[metric, "value"] for metric, name in shown.items()}
        rows.append(row | {"synthetic": bool(group["synthetic"].any()), "note": "; ".join(sorted(lacking))})
    by_loss = _in_order(pd.DataFrame(rows), "variant", LOSSES.values())
    return by_loss.sort_values("network", kind="stable")


def metrics_table(table: pd.DataFrame, title: str, confidence: float) -> rendering.Rendered:
    """Schema `affect_metrics` as the paper has it: a metric a row, a model a column, `value [low, high]`.

    What cannot be is a dash, its reason in the last column.
    """
    failed, table = table[table["n"].isna()], table[table["n"].notna()]
    models, mark = list(dict.fromkeys(table["model"])), marks_of(table)
    rows = []
    for metric in dict.fromkeys(table["metric"]):
        values = table[table["metric"] == metric].set_index("model")
        cells = [
            rendering.with_interval(values.loc[model], ".3f") if model in values.index else rendering.MISSING
            for model in models
        ]
        notes = {m: rendering.without(mark, n) for m, n in values["note"].fillna("").items()}
        notes = [f"{model_label(m)}: {n}" for m, n in notes.items() if n]
        images = sorted(set(values["n"].astype(int)))
        counted = f"{images[0]}" if len(images) == 1 else f"{images[0]}–{images[-1]}"
        rows.append([paper(STUDY).metric(metric).label, *cells, counted, "; ".join(notes)])
    for row in failed.itertuples():
        rows.append([model_label(row.model), *[rendering.MISSING] * (len(models) + 1), row.note])
    headings = ["metric", *(model_label(model) for model in models), "images", "note"]
    numbers = [False, *[True] * (len(models) + 1), False]
    if not any(row[-1] for row in rows):
        headings, numbers, rows = headings[:-1], numbers[:-1], [row[:-1] for row in rows]
    about = f"{title}; in brackets: {100 * confidence:g} % intervals, bootstrap over "
    about += "people" if table["n_subjects"].any() else "images"
    return rendering.Rendered(about, mark, headings, numbers, rows)
