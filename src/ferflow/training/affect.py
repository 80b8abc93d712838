"""A row of the study: a network trained on the training part, and its predictions of the validation part.

The paper reports on the validation part, since AffectNet's test part is not published; so nothing is chosen
on it here (`keep: last`), unless a study asks for it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from ferflow import files, tables
from ferflow.classes import EMOTIONS_CONTEMPT
from ferflow.datasets.affectnet import CLASSES, class_weights
from ferflow.evaluation.predictions import DECIMALS, table
from ferflow.evaluation.regression import DIMENSIONS
from ferflow.models import spatial
from ferflow.models.affect import AffectNetwork, save
from ferflow.models.network import count
from ferflow.models.precision import device
from ferflow.networks import NETWORKS
from ferflow.seeds import derive_seed, reproducible
from ferflow.settings.affect import AffectModel, Loading
from ferflow.training import checkpoints, predictions
from ferflow.training.fit import fit
from ferflow.training.image_files import Batch, Batches, ImageList
from ferflow.training.module import TRAIN, VALIDATION, Recipe
from ferflow.training.task import Affect

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
    backbone = model.backbone
    if start is not None:
        backbone = NETWORKS[backbone].faces or backbone
    network = AffectNetwork(backbone, model.size, model.heads)
    if start is not None:
        spatial.load_base(network.base, start)
    if model.frozen:
        network.freeze()
    return network


def task_of(model: AffectModel, counts: np.ndarray) -> Affect:
    """What `model` learns from, for classes with `counts` training images, int [8]."""
    loss = model.loss
    classes = class_weights(counts).tolist() if loss.class_weights else None
    return Affect(classes, loss.regression, (loss.expression, loss.valence, loss.arousal), loss.learned)


def batches(listed: ImageList, part: str, model: AffectModel, loading: Loading, seed: int) -> Batches:
    """The batches of `part` as `model` takes them: those of training augmented, in an order drawn anew."""
    training = part == TRAIN
    augment = loading.augment if training else None
    shape = model.size, model.batch
    return Batches(listed, part, *shape, augment, seed % 2**32, loading.workers, shuffle=training)


def train(
    manifest_csv: str | Path,
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
    """Train `model` as the row `name` on the images of the training part of `manifest_csv`.

    Writes to `out_folder`: `model.pt`, `history.csv` (schema `history`), `predictions.csv` of the
    validation part, `model_info.csv` (`affect_models`, a row) and `time.json`. The run is
    kept in the folder `run`, from which it goes on after an interruption, in the middle of an epoch too. Rows
    that differ in their loss alone start from the same weights and see the same images in the same order.
    """
    out, listed = Path(out_folder), ImageList.read(manifest_csv)
    # How often a run is kept and by how many threads images are read change nothing of what is learnt.
    settings = model.model_dump(mode="json", exclude={"checkpoint_steps"})
    augment = loading.augment and loading.augment.model_dump(mode="json")
    hashes = [path and files.sha256(path) for path in (manifest_csv, start)]
    identity = json.dumps([name, settings, augment, seed, hashes])
    run_seed = derive_seed(seed, "affect", model.backbone)
    with reproducible(run_seed, model.threads):
        network = build(model, start)
        history = fit(
            network,
            task_of(model, listed.counts(TRAIN)),
            Recipe.of(model, checkpoint_steps=model.checkpoint_steps),
            batches(listed, TRAIN, model, loading, run_seed),
            batches(listed, VALIDATION, model, loading, run_seed),
            name,
            seed=run_seed,
            folder=Path(run),
            identity=hashlib.sha256(identity.encode()).hexdigest(),
        )
        shown = listed.rows(VALIDATION)
        about = pd.DataFrame(
            {"clip_id": map(listed.clip_id, shown), "subject_id": map(listed.subject, shown)}
        )
        rows = predict(network, batches(listed, VALIDATION, model, loading, run_seed), about, name, seed)
    history = history.assign(augmented=loading.augment is not None)
    predictions.write_run(out, history, rows)
    images = listed.counts(TRAIN).sum(), len(shown)
    info = describe(name, model, network, start, images, synthetic)
    tables.write(info, out / "model_info.csv", "affect_models")
    meta = {
        "model": name,
        "synthetic": synthetic,
        "start": started_from(model, start),
        "settings": model.model_dump(mode="json"),
    }
    save(out / "model.pt", network, CLASSES, meta)
    checkpoints.write_time(checkpoints.seconds(Path(run)), out / "time.json")


def predict(
    network: AffectNetwork, batches: Iterable[Batch], shown: pd.DataFrame, model: str, seed: int
) -> pd.DataFrame:
    """One row per image of `batches` in their order (schema `predictions`).

    `shown` has the `clip_id` and `subject_id` of each.

    It is computed in float32, on a GPU where there is one. The network ends on the CPU, in evaluation mode.
    `seed` is that of the training.
    """
    predicted = predictions.predict(network, Affect, batches, device())
    probabilities, pair, labels, true, known = predicted
    order = [CLASSES.index(name) for name in EMOTIONS_CONTEMPT]
    images = shown.assign(emotion=np.array(CLASSES)[labels])
    about = EMOTIONS_CONTEMPT, model, VALIDATION, None, seed
    rows = table(images, probabilities[:, order].astype(float), *about)
    true = np.where(known, true, np.nan)
    for column, name in enumerate(DIMENSIONS):
        rows[name] = true[:, column].astype(float).round(DECIMALS)
        rows[f"predicted_{name}"] = pair[:, column].astype(float).round(DECIMALS)
    return rows


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
