"""Tables of an image study: its networks, and their accuracy on the test parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from ferflow import tables
from ferflow.datasets.image_sets import BY_SUBJECT
from ferflow.evaluation.copies import TRAINING
from ferflow.evaluation.images import chosen_models
from ferflow.evaluation.results import LEAKY
from ferflow.report import rendering
from ferflow.report.image_counts import SETS
from ferflow.report.names import marks, model_label, views_label
from ferflow.report.papers import NOT_RUN
from ferflow.settings import BEST, Images
from ferflow.training.checkpoints import read_time

PROTOCOLS = {
    "validation": "PublicTest",
    "test": "PrivateTest, all images",
    "honest": "PrivateTest without copies",
}
"""Protocol and what a reader sees of it."""
OF_SUBJECTS = {
    "validation": "validation subjects",
    "test": "test subjects, all images",
    "honest": "test subjects, without copies",
}
"""The same where the parts are of subjects."""
SECONDS = 3600
FURTHER = "also learnt from "
"""How the note on a network begins that has learnt from further sets."""


def networks(
    names: Sequence[str],
    models: Sequence[str | Path],
    histories: Sequence[str | Path],
    times: Sequence[str | Path],
    images: Images,
    out: str | Path,
    failed: Mapping[str, str] | None = None,
) -> None:
    """Schema `networks`: a row for each model of the settings, in their order.

    `names` are the models that were run, `models`, `histories` and `times` their model.pt, history.csv and
    time.json; `failed` says of others why they are missing. The epochs and hours of a model that goes on from
    another one are those of all that it builds on.
    """
    trained = dict(zip(names, zip(models, histories, times, strict=True), strict=True))
    rows = []
    for name, model in images.models.items():
        row = {"model": name, "network": model.network, "synthetic": False, "note": ""}
        if name in trained:
            row |= _trained(*trained[name], threads=model.threads)
        else:
            row["note"] = (failed or {}).get(name) or NOT_RUN + (model.not_run or "no such job")
        rows.append(row)
    by_name = {row["model"]: row for row in rows}
    alone = {name: dict(row) for name, row in by_name.items()}
    for name in trained:
        if before := images.before(name):
            _add(by_name[name], [alone[first] for first in before])
    table = tables.from_rows(rows, "networks")
    if table["near_copies"].isna().all():  # nobody asked for it
        table = table.drop(columns="near_copies")
    tables.write(table, out, "networks")


def _add(row: dict, before: Sequence[dict]) -> None:
    """The training of the models `before`, from whose weights the model of `row` goes on."""
    goes_on = f"goes on from {before[-1]['model']}, whose training is counted in"
    row["note"] = "; ".join(filter(None, (goes_on, row["note"])))
    for measure in ("epochs", "hours"):
        values = [one[measure] for one in (*before, row)]
        row[measure] = None if None in values else sum(values)


def _trained(model_pt: str | Path, history_csv: str | Path, time_json: str | Path, threads: int) -> dict:
    from ferflow.models import spatial, summary

    network, description = spatial.load(model_pt)
    measured, meta = summary.estimate(network), description["meta"]
    history, seconds = tables.read(history_csv, "history"), read_time(time_json)
    adopted = history.empty  # taken over from elsewhere: its training is not part of this study
    return {
        "parameters": measured.parameters,
        "weights_mb": measured.weights_mb,
        "size_mb": measured.total_mb,
        "epochs": None if adopted else int(history["epoch"].max()),
        "learnt": meta["images"][TRAINING] + sum(meta.get("further", {}).values()),
        **_left_out(meta),
        "hours": None if seconds is None else seconds / SECONDS,
        "threads": None if adopted else threads,
        "synthetic": meta["synthetic"],
        "note": "trained elsewhere" if adopted else _further(meta.get("further", {})),
    }


def _further(images: Mapping[str, int]) -> str:
    """What a network has learnt from besides the images of the study, by the names of the sets."""
    named = [f"{count:,} images of {SETS[name]}" for name, count in images.items()]
    return f"{FURTHER}{', '.join(named)}" if named else ""


def _left_out(meta: dict) -> dict[str, int]:
    """How many images were left out of the training as near copies, where that was asked for."""
    return {"near_copies": meta["near_copies"]["left_out"][TRAINING]} if "near_copies" in meta else {}


def accuracies(
    results_csv: str | Path,
    networks_csv: str | Path,
    choice_json: str | Path | None,
    images: Images,
    out: str | Path,
    failed: Mapping[str, str] | None = None,
) -> None:
    """Schema `accuracies` from `results` and `networks`; models and ensembles that were not run say why.

    `choice_json` names the members of the ensemble `best`, where the study has one. `failed` are models and
    ensembles that are missing since jobs failed, and why.
    """
    ensembles = dict(images.ensembles) | ({BEST: chosen_models(choice_json)} if choice_json else {})
    ensembles |= {BEST: []} if images.best and not choice_json and failed else {}
    results = tables.read(results_csv, "results")
    listed = tables.read(networks_csv, "networks").set_index("model")
    several = {name: [name] for name in images.models} | ensembles
    rows = [
        _row(results, name, views, members, listed)
        for name, members in several.items()
        for views in images.views
    ]
    for row in rows:
        row["note"] = (failed or {}).get(row["model"]) or row["note"]
    if results["n_subjects"].any():
        for row in rows:
            row["note"] = "; ".join(filter(None, (row["note"], BY_SUBJECT if "test" in row else "")))
    # What was not run has one row, not one for every view.
    rows = [row for row in rows if "test" in row or row["views"] == images.views[0]]
    tables.write(tables.from_rows(rows, "accuracies"), out, "accuracies")


def _row(results: pd.DataFrame, name: str, views: str, members: Sequence[str], listed: pd.DataFrame) -> dict:
    of_view = results[(results["model"] == name) & (results["view"] == views)]
    counts = listed.loc[list(members), "parameters"]
    row = {
        "model": name,
        "views": views,
        "parameters": None if counts.isna().any() or not members else int(counts.sum()),
        "leaky": bool(of_view["note"].str.contains(LEAKY).any()),
        "synthetic": bool(of_view["synthetic"].any()),
        "note": "average of " + ", ".join(members) if list(members) != [name] else _learnt(listed, name),
    }
    if of_view.empty:
        reasons = [note for note in listed.loc[list(members), "note"] if note.startswith(NOT_RUN)]
        if list(members) != [name]:
            reasons = [f"{row['note']}; {NOT_RUN}not all of them were"]
        row["note"] = reasons[0] if reasons else NOT_RUN + "no result in this view"
        return row
    for protocol in PROTOCOLS:
        values = of_view[of_view["protocol"] == protocol].set_index("metric")
        if values.empty:
            continue
        accuracy = values.loc["accuracy"]
        row |= {
            f"n_{protocol}": int(accuracy["n_clips"]),
            protocol: accuracy["value"],
            f"{protocol}_low": accuracy["low"],
            f"{protocol}_high": accuracy["high"],
        }
        if protocol != "validation":
            for metric in ("f1", "weighted_f1", "auc"):
                row[f"{protocol}_{metric}"] = values["value"].get(metric)
    return row


def _learnt(listed: pd.DataFrame, name: str) -> str:
    """What the network `name` has learnt from besides the images of the study."""
    return "; ".join(part for part in listed.loc[name, "note"].split("; ") if part.startswith(FURTHER))


def protocols(table: pd.DataFrame) -> dict[str, str]:
    """The labels of the protocols in `table` (schema `accuracies`)."""
    return OF_SUBJECTS if table["note"].str.contains(BY_SUBJECT, regex=False).any() else PROTOCOLS


def accuracies_table(table: pd.DataFrame, title: str, confidence: float) -> rendering.Rendered:
    """Schema `accuracies` as one row per model and views, each accuracy as `value [low, high]`."""
    about = (
        f"; in brackets: {100 * confidence:g} % intervals, bootstrap over images or, where known, subjects"
    )
    leaky = bool(table["leaky"].any())
    headings = ["model", "views", "parameters"]
    for protocol, label in protocols(table).items():
        n = sorted(table[f"n_{protocol}"].dropna().astype(int).unique())
        images = f" ({f'{n[0]}' if len(n) == 1 else f'{n[0]}–{n[-1]}'} images)" if n else ""
        mark = f", {LEAKY}" if protocol == "test" and leaky else ""
        headings.append(f"accuracy on {label}{images}{mark} (%)")
    headings += [
        "macro F1, all images (%)",
        "weighted F1, all images (%)",
        "macro AUC, all images (%)",
        "note",
    ]
    rows = []
    for _, row in table.iterrows():
        scores = [rendering.with_interval(row, "percent", protocol) for protocol in PROTOCOLS]
        more = [rendering.number(row[f"test_{metric}"], "percent") for metric in ("f1", "weighted_f1", "auc")]
        size = rendering.MISSING if pd.isna(row["parameters"]) else f"{int(row['parameters']):,}"
        seen = views_label(row["views"]) if row["n_test"] > 0 else rendering.MISSING
        rows.append([model_label(row["model"]), seen, size, *scores, *more, row["note"]])
    numbers = [False, False, *[True] * 7, False]
    mark = marks(bool(table["synthetic"].any()))
    return rendering.Rendered(title + about, mark, headings, numbers, rows)
