"""Networks for single images on the official test parts: several views, and averages of several networks.

PublicTest is for choosing (protocol `validation`), PrivateTest for the final test (`test`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from ferflow import tables
from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.datasets.image_sets import read_stills
from ferflow.errors import InputError, SettingError
from ferflow.evaluation import predictions
from ferflow.evaluation.copies import PARTS, copies, trained_on
from ferflow.evaluation.ensemble import Candidate, average_tables, choose
from ferflow.evaluation.views import view_probabilities
from ferflow.files import read_record, write_text
from ferflow.seeds import reproducible
from ferflow.settings import BEST, Best, View


def predict_test_parts(
    model_pt: str | Path,
    stills: str | Path,
    views: Sequence[View],
    batch: int,
    model: str,
    seed: int,
    threads: int,
    out_predictions: str | Path,
    out_copies: str | Path,
) -> None:
    """Predict both test parts of the images at `stills` with the network in `model_pt`, in each of `views`.

    Writes its predictions (schema `predictions`) and the images that are copies of what it learnt from
    (schema `copies`). `seed` is written into the rows. Raises InputError where
    the stills lack a part, or are not those that the network was trained on.
    """
    from ferflow.models import spatial
    from ferflow.models.fuse import placed

    images = read_stills(stills)
    network, description = spatial.load(model_pt)
    learnt = trained_on(images, description["meta"], model_pt)
    network = placed(network)
    parts, copied = [], []
    for protocol, split in PARTS.items():
        part = images.part(split)
        copied.append(copies(part.table, learnt).assign(model=model))
        for view in views:
            with reproducible(seed, threads):
                probabilities = view_probabilities(network, part.pixels, view, batch)
            about = (EMOTIONS_NEUTRAL, model, protocol, None, seed)
            parts.append(predictions.table(part.table, probabilities, *about, view=view))
    predictions.write(pd.concat(parts, ignore_index=True), out_predictions)
    tables.write(pd.concat(copied, ignore_index=True), out_copies, "copies")


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
    predictions.write(average_tables(predictions_csvs, EMOTIONS_NEUTRAL, name), out_predictions)
    copied = pd.concat([tables.read(path, "copies") for path in copies_csvs], ignore_index=True)
    tables.write(copied.drop_duplicates("clip_id").assign(model=name), out_copies, "copies")


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
        frame = predictions.read([predictions_csv], EMOTIONS_NEUTRAL)
        rows = frame[(frame["view"] == best.views) & (frame["protocol"] == "validation")]
        rows = rows.sort_values("clip_id", ignore_index=True)
        if images is not None and list(rows["clip_id"]) != images:
            raise InputError(predictions_csv, "has other images than the other networks", "judge them again")
        images, labels = list(rows["clip_id"]), predictions.codes(rows, EMOTIONS_NEUTRAL)[0]
        probabilities = predictions.scores(rows, EMOTIONS_NEUTRAL)
        candidates.append(Candidate(name, probabilities, count(spatial.load(model_pt)[0])))
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
    chosen = ([paths[place] for place in places] for paths in (predictions_csvs, copies_csvs))
    average_models(BEST, *chosen, out_predictions, out_copies)


def chosen_models(choice_json: str | Path) -> list[str]:
    """The names that `choose_models` wrote."""
    return read_record(choice_json, {"names": list}, "delete it and run again")["names"]
