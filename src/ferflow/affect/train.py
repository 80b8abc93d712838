"""A row of the study: a network trained on the training part, and what it says of the validation part.

The paper reports on the validation part, since AffectNet's test part is not published; so nothing is chosen
on it here (`keep: last`), unless a study asks for it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ferflow import files, tables, weights
from ferflow.affect.losses import AffectLoss
from ferflow.affect.network import FACES, AffectNetwork, Shape, save
from ferflow.datasets import affect_index
from ferflow.datasets.affect_index import Index
from ferflow.models.network import count
from ferflow.models.vggface2 import FILE
from ferflow.seeds import derive, reproducible
from ferflow.settings import SHIPPED
from ferflow.settings.affect import AffectAugment, AffectModel, Loading
from ferflow.training.checkpoints import write_time

if TYPE_CHECKING:
    from ferflow.affect.loader import Batches

TRAIN, VALIDATION = "train", "validation"
UNTRAINED = "untrained start"
STARTS = {"vgg16": "VGGFace", "resnet50": "VGGFace2", "compact": "FER2013 (the shipped network)"}
"""What a backbone has learnt before, where it starts from weights."""


def started_from(model: AffectModel, start: str | Path | None) -> str:
    """In words: what `model` starts from, `start` being the file of its weights, if there is one."""
    return UNTRAINED if start is None else STARTS[model.backbone]


def build(model: AffectModel, start: str | Path | None) -> AffectNetwork:
    """The network of `model` on the weights in `start` (None: new ones), from torch's current seed.

    A backbone of faces takes colours as its weights were trained with; an untrained one takes ImageNet's.
    Raises WeightsError for a missing or damaged file or one of another network.
    """
    heads = model.heads
    shape = Shape(
        model.size,
        tuple(heads.expression),
        tuple(heads.valence),
        tuple(heads.arousal),
        heads.dropout,
        heads.output,
    )
    name = model.backbone if start is None else FACES.get(model.backbone, model.backbone)
    network = AffectNetwork(name, shape)
    if start is not None:
        network.start_from(start)
    if model.frozen:
        network.freeze()
    return network


def loss_of(model: AffectModel, counts) -> AffectLoss:
    """The loss of `model` for classes with `counts` training images, int [8]."""
    settings = model.loss
    classes = affect_index.class_weights(counts).tolist() if settings.class_weights else None
    weights = (settings.expression, settings.valence, settings.arousal)
    return AffectLoss(classes, settings.regression, weights, settings.learned)


def batches(
    index: Index, part: str, model: AffectModel, augment: AffectAugment | None, seed: int, workers: int
) -> Batches:
    """The batches of `part` as `model` takes them: those of training in an order of their own."""
    from ferflow.affect.loader import Batches

    own = seed % 2**32
    shuffle = part == TRAIN
    return Batches(index, part, model.size, model.batch, augment, own, workers, shuffle=shuffle)


def train(
    index_csv: str | Path,
    root: str | Path,
    name: str,
    model: AffectModel,
    loading: Loading,
    seed: int,
    start: str | Path | None,
    out_folder: str | Path,
    run: str | Path,
    *,
    synthetic: bool,
) -> None:
    """Train `model` as the row `name` on the images that `index_csv` lists under `root`.

    Writes to `out_folder`: `model.pt`, `history.csv` (schema `affect_history`), `predictions.csv` of the
    validation part, `about.csv` (`affect_models`, a row) and `time.json`. The run is
    kept in the folder `run`, from which it goes on after an interruption, in the middle of an epoch too. Rows
    that differ in their loss alone start from the same weights and see the same images in the same order.
    """
    from ferflow.affect.fit import fit
    from ferflow.affect.predictions import predict

    out = Path(out_folder)
    index = affect_index.load(index_csv, root)
    own = derive(seed, "affect", model.backbone)
    with reproducible(own, model.threads):
        network = build(model, start)
        training = batches(index, TRAIN, model, loading.augment, own, loading.workers)
        watched = batches(index, VALIDATION, model, None, own, loading.workers)
        history, seconds = fit(
            network,
            loss_of(model, index.counts(TRAIN)),
            model,
            training,
            watched,
            name,
            seed=own,
            folder=Path(run),
            identity=_identity(index_csv, name, model, loading, seed, start),
            augmented=loading.augment is not None,
        )
        rows = index.rows(VALIDATION)
        ids = [index.clip_id(row) for row in rows]
        judged = batches(index, VALIDATION, model, None, own, loading.workers)
        predictions = predict(network, judged, ids, name, seed)
    tables.write(history, out / "history.csv", "affect_history")
    tables.write(predictions, out / "predictions.csv", "predictions")
    about = describe(name, model, network, start, (len(index.rows(TRAIN)), len(rows)), synthetic)
    tables.write(about, out / "about.csv", "affect_models")
    meta = {
        "model": name,
        "synthetic": synthetic,
        "start": started_from(model, start),
        "settings": model.model_dump(mode="json"),
    }
    save(out / "model.pt", network, meta)
    write_time(seconds, out / "time.json")


def describe(
    name: str,
    model: AffectModel,
    network: AffectNetwork,
    start: str | Path | None,
    images: tuple[int, int],
    synthetic: bool,
) -> pd.DataFrame:
    """Schema `affect_models`: the row of a network; `images` are those of training and of validation."""
    row = {
        "model": name,
        "network": network.base.name,
        "start": started_from(model, start),
        "frozen": model.frozen,
        "size": model.size,
        "batch": model.batch,
        "epochs": model.epochs,
        "regression": model.loss.regression,
        "weights": "learned" if model.loss.learned else "set",
        "parameters": count(network),
        "trained": count(network, trainable=True),
        "training_images": images[0],
        "validation_images": images[1],
        "kept": "last" if model.keep == "last" else "best (leaky)",
        "synthetic": synthetic,
    }
    return pd.DataFrame([row])


def table(about_csvs: Sequence[str | Path], out: str | Path) -> None:
    """Schema `affect_models` of all networks, from the row of each."""
    rows = [tables.read(path, "affect_models") for path in about_csvs]
    tables.write(pd.concat(rows, ignore_index=True), out, "affect_models")


def weights_file(model: AffectModel, folder: str | Path) -> Path | None:
    """The file that `model` starts from; None for an untrained start.

    `folder` has the published weights. With `start: face` the file is named whether it is there or not.
    """
    if model.start == SHIPPED:
        return weights.shipped()
    if model.start == "untrained":
        return None
    path = Path(folder) / {"vgg16": "rcmalli_vggface_tf_notop_vgg16.h5", "resnet50": FILE}[model.backbone]
    return path if model.start == "face" or path.is_file() else None


def _identity(
    index_csv: str | Path,
    name: str,
    model: AffectModel,
    loading: Loading,
    seed: int,
    start: str | Path | None,
) -> str:
    """What makes two runs the same: settings, seed, images, and the weights they start with."""
    settings = model.model_dump(mode="json")
    # How often it is kept and by how many threads it is read change nothing of what is learnt.
    settings.pop("checkpoint_steps")
    augment = None if loading.augment is None else loading.augment.model_dump(mode="json")
    sources = [files.sha256(index_csv), None if start is None else files.sha256(start)]
    return hashlib.sha256(json.dumps([name, settings, augment, seed, sources]).encode()).hexdigest()
