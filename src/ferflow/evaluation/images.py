"""Networks for single images on the official test parts: several views, averages, and copies set apart.

A model's name in the tables carries its views, as `compact@ten`. PublicTest is for choosing (protocol
`validation`), PrivateTest for judging: on all of its images (`test`), and on those without an exact copy
among the images that the network was trained on (`honest`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd

from ferflow import tables
from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.datasets.image_sets import read_stills
from ferflow.datasets.images import ImageSet
from ferflow.errors import InputError, SettingError
from ferflow.evaluation import predictions as predictions_table
from ferflow.evaluation.classes import class_report
from ferflow.evaluation.confusion import confusion
from ferflow.evaluation.ensemble import Candidate, average, choose
from ferflow.evaluation.predictions import table
from ferflow.evaluation.results import LEAKY, nested, results
from ferflow.evaluation.views import view_probabilities
from ferflow.files import read_record, write_text
from ferflow.seeds import reproducible
from ferflow.settings import BEST, Best, Evaluation, View

TRAINING = "Training"
PARTS = {"validation": "PublicTest", "test": "PrivateTest"}
"""Which part a protocol is about."""
VIEW = "@"
"""Between a model's name and its views."""


def with_views(model: str, views: str) -> str:
    """`compact`, `ten` as `compact@ten`."""
    return f"{model}{VIEW}{views}"


def without_views(model: str) -> str:
    """`compact@ten` as `compact`."""
    return model.split(VIEW)[0]


def judge(
    model_pt: str | Path,
    stills: str | Path,
    views: Sequence[str],
    batch: int,
    model: str,
    seed: int,
    threads: int,
    out_predictions: str | Path,
    out_copies: str | Path,
) -> None:
    """Ask the network in `model_pt` for both test parts of the images at `stills` in each of `views`.

    Writes its predictions (schema `predictions`, `model` named by `with_views`) and the images that are
    copies of what it learnt from (schema `copies`). `seed` is written into the rows. Raises InputError where
    the stills lack a part, or are not those that the network was trained on.
    """
    from ferflow.models import spatial
    from ferflow.models.fuse import placed

    images = read_stills(stills)
    network, description = spatial.load(model_pt)
    learnt = trained_on(images, description["meta"], model_pt)
    network = placed(network)
    parts, found = [], []
    for protocol, split in PARTS.items():
        part = images.part(split)
        found.append(copies(part.table, learnt).assign(model=model))
        for view in views:
            with reproducible(seed, threads):
                shares = view_probabilities(network, part.pixels, view, batch)
            asked = with_views(model, view)
            parts.append(table(part.table, shares, EMOTIONS_NEUTRAL, asked, protocol, None, seed))
    tables.write(pd.concat(parts, ignore_index=True), out_predictions, "predictions")
    tables.write(pd.concat(found, ignore_index=True), out_copies, "copies")


def trained_on(images: ImageSet, meta: dict, model_pt: str | Path) -> pd.DataFrame:
    """The rows of `images.table` that a network learnt from, by the `meta` of its file.

    Under `honest` the training leaves out what appears again in a later part. Raises InputError where that
    makes another number of images than `meta` says.
    """
    learnt = images.part(TRAINING).table
    if meta.get("protocol") != "published":
        later = images.table.loc[images.table["split"].isin(PARTS.values()), "sha256"]
        learnt = learnt[~learnt["sha256"].isin(later)]
    said = meta.get("images", {}).get(TRAINING)
    if said != len(learnt):
        raise InputError(
            model_pt,
            f"was trained on {said} images, but {images.root} has {len(learnt)} for it",
            "give the images that it was trained on, or train it on these",
        )
    return learnt


def copies(part: pd.DataFrame, learnt: pd.DataFrame) -> pd.DataFrame:
    """The rows of `part` whose pixels (column sha256) are also in `learnt`: split, clip_id, copy_of."""
    first = learnt.drop_duplicates("sha256").set_index("sha256")["clip_id"]
    same = part[part["sha256"].isin(first.index)]
    return pd.DataFrame(
        {
            "split": same["split"].to_numpy(),
            "clip_id": same["clip_id"].to_numpy(),
            "copy_of": first.loc[same["sha256"]].to_numpy(),
        }
    )


def average_models(
    name: str,
    predictions_csvs: Sequence[str | Path],
    copies_csvs: Sequence[str | Path],
    out_predictions: str | Path,
    out_copies: str | Path,
) -> None:
    """The ensemble `name`: the mean of the members' probabilities, in each of their views.

    What any member has learnt from counts as learnt. Raises InputError where the members saw different
    images.
    """
    read = [
        predictions_table.read([path], EMOTIONS_NEUTRAL).drop(columns="synthetic")
        for path in predictions_csvs
    ]
    columns = [f"p_{emotion}" for emotion in EMOTIONS_NEUTRAL]
    keyed = []
    for path, member in zip(predictions_csvs, read, strict=True):
        member["views"] = member["model"].str.split(VIEW).str[1]
        member = member.set_index(["views", "protocol", "clip_id"])
        if keyed and set(member.index) != set(keyed[0].index):
            raise InputError(
                path, f"has other images or views than {predictions_csvs[0]}", "judge both again"
            )
        keyed.append(member if not keyed else member.loc[keyed[0].index])
    rows = keyed[0].reset_index()
    shares = np.round(average([member[columns].to_numpy(float) for member in keyed]), 6)
    rows[columns] = shares
    rows["predicted"] = np.asarray(EMOTIONS_NEUTRAL, object)[predictions_table.first_largest(shares)]
    rows["model"] = [with_views(name, view) for view in rows["views"]]
    rows["fold"], rows["seed"] = rows["fold"].astype("Int64"), pd.array([None] * len(rows), dtype="Int64")
    found = pd.concat([tables.read(path, "copies") for path in copies_csvs], ignore_index=True)
    tables.write(rows.drop(columns="views"), out_predictions, "predictions")
    tables.write(found.drop_duplicates("clip_id").assign(model=name), out_copies, "copies")


def choose_models(
    names: Sequence[str],
    models: Sequence[str | Path],
    predictions_csvs: Sequence[str | Path],
    best: Best,
    out: str | Path,
) -> None:
    """Write which of the networks `names` make the best average, as JSON.

    `models` are their model.pt. The JSON has `names`, `parameters` in all, `accuracy` on PublicTest in
    `best.views`, and `tried`, the number of sets. PrivateTest takes no part. Raises SettingError where no
    network is small enough.
    """
    from ferflow.models import spatial
    from ferflow.models.network import count

    candidates, labels, images = [], None, None
    for name, model_pt, predictions_csv in zip(names, models, predictions_csvs, strict=True):
        frame = predictions_table.read([predictions_csv], EMOTIONS_NEUTRAL)
        asked = frame["model"] == with_views(name, best.views)
        rows = frame[asked & (frame["protocol"] == "validation")].sort_values("clip_id", ignore_index=True)
        if images is not None and list(rows["clip_id"]) != images:
            raise InputError(predictions_csv, "has other images than the other networks", "judge them again")
        images, labels = list(rows["clip_id"]), rows["emotion"].map(EMOTIONS_NEUTRAL.index).to_numpy()
        shares = predictions_table.scores(rows, EMOTIONS_NEUTRAL)
        candidates.append(Candidate(name, shares, count(spatial.load(model_pt)[0])))
    try:
        choice = choose(candidates, labels, [PARTS["validation"]], best.networks, best.parameters)
    except ValueError as error:
        raise SettingError("images.best.parameters", str(error), "raise it") from None
    write_text(out, json.dumps(asdict(choice), indent=2) + "\n")


def average_chosen(
    choice_json: str | Path,
    names: Sequence[str],
    predictions_csvs: Sequence[str | Path],
    copies_csvs: Sequence[str | Path],
    out_predictions: str | Path,
    out_copies: str | Path,
) -> None:
    """`average_models` of those of the networks `names` that were chosen."""
    places = [names.index(name) for name in chosen_models(choice_json)]
    said, copied = ([paths[place] for place in places] for paths in (predictions_csvs, copies_csvs))
    average_models(BEST, said, copied, out_predictions, out_copies)


def chosen_models(choice_json: str | Path) -> list[str]:
    """The names that `choose_models` wrote."""
    return read_record(choice_json, {"names": list}, "delete it and run again")["names"]


def evaluate(
    predictions_csv: str | Path,
    copies_csvs: Iterable[str | Path],
    manifest_csv: str | Path,
    evaluation: Evaluation,
    seed: int,
    protocol: str,
    out_metrics: str | Path,
    out_results: str | Path,
) -> None:
    """Write metrics.json and the table `out_results`; beside it confusion, class_report and copies (.csv).

    Classes are told apart in the simplest of the views alone. Rows whose images have copies in the training
    say so in their note; `protocol` is the study's setting.
    """
    frame = predictions_table.read([predictions_csv], EMOTIONS_NEUTRAL, manifest_csv)
    found = pd.concat([tables.read(path, "copies") for path in copies_csvs], ignore_index=True)
    frame = with_honest(frame, found)
    made: dict[str, list[pd.DataFrame]] = {"results": [], "confusion": [], "class_report": []}
    leaky = is_leaky(frame, found)
    simplest = in_simplest_view(frame)
    for chosen, note in ((leaky, LEAKY), (~leaky, "")):
        if chosen.any():
            made["results"].append(results(frame[chosen], EMOTIONS_NEUTRAL, evaluation, seed, note))
            made["confusion"].append(confusion(frame[chosen & simplest], EMOTIONS_NEUTRAL, note))
            made["class_report"].append(class_report(frame[chosen & simplest], EMOTIONS_NEUTRAL, note))
    folder = Path(out_results).parent
    for name, parts in made.items():
        whole = pd.concat(parts, ignore_index=True).sort_values(["model", "protocol"], kind="stable")
        tables.write(whole, folder / f"{name}.csv", name)
        if name == "results":
            write_text(out_metrics, json.dumps(nested(whole, evaluation, seed, protocol), indent=2) + "\n")
    tables.write(found, folder / "copies.csv", "copies")


def with_honest(frame: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """`frame` and, as protocol `honest`, its test rows once more without the copies listed in `found`."""
    tested = frame[frame["protocol"] == "test"]
    honest = tested[~_listed(tested, found)].assign(protocol="honest")
    return pd.concat([frame, honest], ignore_index=True)


def in_simplest_view(frame: pd.DataFrame) -> np.ndarray:
    """Whether each row's model looked in the simplest of the views there are, bool [N]."""
    asked = frame["model"].str.split(VIEW).str[1]
    simplest = next(view for view in get_args(View) if (asked == view).any())
    return (asked == simplest).to_numpy()


def is_leaky(frame: pd.DataFrame, found: pd.DataFrame) -> np.ndarray:
    """Whether each row is of a model and protocol in which some image is a copy, bool [N]."""
    copied = _listed(frame, found) & (frame["protocol"] != "honest").to_numpy()
    groups = pd.MultiIndex.from_frame(frame[["model", "protocol"]])
    return groups.isin(groups[copied].unique())


def _listed(frame: pd.DataFrame, found: pd.DataFrame) -> np.ndarray:
    """Whether each row's model and image stand in the table of copies, bool [N]."""
    asked = pd.MultiIndex.from_arrays([frame["model"].map(without_views), frame["clip_id"]])
    return asked.isin(pd.MultiIndex.from_frame(found[["model", "clip_id"]]))
