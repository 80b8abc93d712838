"""The steps of the study: a training run in its folds, and accuracies by fold, protocol and batch size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ferflow import tables
from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.datasets import manifest as clip_list
from ferflow.errors import InputError
from ferflow.evaluation import predictions
from ferflow.files import sha256
from ferflow.seeds import derive_seed, reproducible
from ferflow.settings.sfew import TrainingRun, Transfer
from ferflow.sfew import folds as sides
from ferflow.sfew import store
from ferflow.weights import start_file

BATCHES_PUBLISHED = {256: "better and faster than 128 and 64 (Gong, section 2.4; no number)"}

FROZEN_BATCH = 16
"""Images whose features are computed at a time."""


def write_features(
    images_h5: str | Path,
    network: str,
    unfrozen: int,
    start: str,
    seed: int,
    threads: int,
    weights_folder: str | Path,
    out: str | Path,
) -> None:
    """Cache the features of a network's frozen stages for all images of a store (`training.frozen`) in `out`.

    `start` is imagenet or shipped, whose weights in `weights_folder` are checked, or untrained (a random
    start from `seed`). Raises InputError for a damaged store, WeightsError for weights that do not fit and
    for a feature that is not finite.
    """
    from ferflow.models import transfer
    from ferflow.models.precision import device
    from ferflow.training import frozen

    weights = start_file(network, start, weights_folder)
    with reproducible(seed, threads), store.read(images_h5) as (ids, images):
        stages = transfer.frozen(transfer.start(network, weights, seed), unfrozen).to(device())
        source = {
            "network": network,
            "unfrozen": unfrozen,
            "start": start,
            "sha256": sha256(weights) if start == "imagenet" else "",
            "seed": seed,
            "images": store.digest(ids),
        }

        def blocks() -> Iterator[np.ndarray]:
            for begin in range(0, len(ids), FROZEN_BATCH):
                yield stages(images[begin : begin + FROZEN_BATCH]).cpu().numpy()

        frozen.write(out, blocks(), len(ids), source)


def train(
    manifest_csv: str | Path,
    folds_csv: str | Path,
    features_h5: str | Path,
    run: TrainingRun,
    transfer: Transfer,
    protocol: str,
    weights: str | Path | None,
    seed: int,
    out_folder: str | Path,
) -> None:
    """Train `run` in every fold of `protocol`; write predictions.csv, runs.csv, history.csv to `out_folder`.

    The features are those that `write_features` made of its network and images. The classifier's start
    depends on the seed and the fold alone, so that batch sizes are compared from the same one. Raises
    InputError where the files are of other images or another network.
    """
    import torch

    from ferflow.models import transfer as split
    from ferflow.training import transfer as training
    from ferflow.training.frozen import REMEDY, Features, Rows

    manifest, features = clip_list.read(manifest_csv), Features(features_h5)
    folds = sides.read(folds_csv, manifest, protocol)
    if features.source.get("images") != store.digest(manifest["clip_id"]):
        raise InputError(features_h5, "does not hold the images of the manifest in its order", REMEDY)
    start = transfer.start_of(run.network)
    wanted = {"network": run.network, "unfrozen": run.unfrozen, "start": start, "seed": seed}
    if {name: features.source.get(name) for name in wanted} != wanted:
        raise InputError(features_h5, "is of another network", REMEDY)
    labels = manifest["emotion"].map(EMOTIONS_NEUTRAL.index).to_numpy(np.int64)
    clips = manifest.assign(subject_id=clip_list.resampling_units(manifest))
    network = split.start(run.network, weights, seed) if run.unfrozen else None
    models = run.models(transfer.batch)
    predicted, runs, curves = [], [], []
    for fold in range(folds.max() + 1):
        train_rows = np.flatnonzero((folds != fold) & (folds != sides.OUT))
        test_rows = np.flatnonzero(folds == fold)
        fold_seed = derive_seed(seed, "transfer", protocol, fold)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(fold_seed)
            head = split.head(network, run.network, run.unfrozen, len(EMOTIONS_NEUTRAL))
        trained = training.train(
            head,
            Rows(features.values, labels, train_rows),
            Rows(features.values, labels, test_rows),
            run.epochs,
            run.batch,
            run.learning_rate,
            transfer.weight_decay,
            fold_seed,
            transfer.threads,
            f"{models[max(models)]}, {protocol}, fold {fold}",
        )
        for epochs, model in models.items():
            named = (EMOTIONS_NEUTRAL, model, protocol, fold, seed)
            predicted.append(predictions.table(clips.iloc[test_rows], trained.probabilities[epochs], *named))
        about = {"model": models[max(models)], "protocol": protocol, "fold": fold, "network": run.network}
        about |= {"images": run.images, "unfrozen": run.unfrozen, "batch": run.batch}
        about |= {"epochs": max(models), "n_training": len(train_rows), "n": len(test_rows)}
        runs.append(about | {"seconds": round(trained.seconds, 3), "start": start})
        curves.append(
            trained.history.drop(columns=["validation_loss", "validation_accuracy"]).assign(fold=fold)
        )
    folder = Path(out_folder)
    tables.write(pd.concat(predicted, ignore_index=True), folder / "predictions.csv", "predictions")
    tables.write(pd.DataFrame(runs), folder / "runs.csv", "sfew_runs")
    tables.write(pd.concat(curves, ignore_index=True), folder / "history.csv", "sfew_history")


def write_folds(
    predictions_csvs: Iterable[str | Path],
    models: Mapping[str, Mapping[str, str | int]],
    manifest_csv: str | Path,
    out: str | Path,
) -> None:
    """The accuracy of each model in each fold, and their mean (schema `sfew_folds`), from predictions.

    `models` says what each network is, by columns of that schema (`Transfer.models`). Raises InputError for
    images that are not in the manifest or have another class there.
    """
    frame = predictions.read(predictions_csvs, EMOTIONS_NEUTRAL, manifest_csv)
    rows = []
    for (model, protocol), group in frame.groupby(["model", "protocol"], sort=False):
        common = {
            "model": model,
            "protocol": protocol,
            **models.get(model, {"start": "none"}),
            "leaky": bool(group["leaky"].any()),
            "synthetic": bool(group["synthetic"].any()),
        }
        rows += [common | row for row in _fold_rows(group)]
    made = pd.DataFrame(rows).astype({"sd": float})
    made["fold"] = made["fold"].astype("Int64")
    tables.write(made, out, "sfew_folds")


def _fold_rows(group: pd.DataFrame) -> list[dict]:
    """A row for each fold of one model, trained on all other folds, then their mean."""
    right = (group["emotion"] == group["predicted"]).groupby(group["fold"])
    accuracies, sizes = right.mean(), right.size()
    rows = [
        {
            "fold": int(fold),
            "n_training": len(group) - int(sizes[fold]),
            "n": int(sizes[fold]),
            "accuracy": float(accuracy),
            "sd": None,
        }
        for fold, accuracy in accuracies.items()
    ]
    n_training = len(group) - round(sizes.mean())
    mean = {"fold": None, "n_training": n_training, "n": len(group), "accuracy": float(accuracies.mean())}
    return [*rows, mean | {"sd": float(accuracies.std(ddof=1))}]


def write_protocols(
    manifest_csv: str | Path, folds_csvs: Sequence[str | Path], protocols: Sequence[str], out: str | Path
) -> None:
    """How each of `protocols`, whose folds are `folds_csvs`, divides the images (schema `sfew_protocols`)."""
    manifest = clip_list.read(manifest_csv)
    rows = [
        sides.summary(manifest, sides.read(path, manifest, protocol), protocol)
        for protocol, path in zip(protocols, folds_csvs, strict=True)
    ]
    tables.write(pd.DataFrame(rows), out, "sfew_protocols")


def write_batches(
    folds_table_csv: str | Path, runs_csvs: Sequence[str | Path], out: str | Path, protocol: str = "random"
) -> None:
    """Accuracy and training time of batch sizes on the originals under one protocol (schema `sfew_batches`).

    Compared are trainings on originals of the frozen network and the epochs that most batch sizes have.
    """
    runs = pd.concat([tables.read(path, "sfew_runs") for path in runs_csvs], ignore_index=True)
    runs = runs[(runs["protocol"] == protocol) & (runs["images"] == "originals") & (runs["unfrozen"] == 0)]
    kinds = runs.groupby(["network", "epochs"])["batch"].nunique()
    network, epochs = kinds.idxmax()
    runs = runs[(runs["network"] == network) & (runs["epochs"] == epochs)]
    accuracies = tables.read(folds_table_csv, "sfew_folds")
    means = accuracies[accuracies["fold"].isna() & (accuracies["protocol"] == protocol)].set_index("model")
    rows = runs.groupby("batch").agg({"model": "first", "start": "first", "seconds": "sum"}).reset_index()
    rows = rows.round({"seconds": 3}).join(means[["accuracy", "sd", "synthetic"]], on="model")
    rows["published"] = rows["batch"].map(BATCHES_PUBLISHED).fillna("")
    tables.write(rows.assign(protocol=protocol, epochs=epochs), out, "sfew_batches")
