"""Phase 1 of fine-tuning (thesis, section 3.2.4): the best classifier on a frozen base."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ferflow import files, short_run, tables
from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.evaluation.results import study_note
from ferflow.models import spatial as networks
from ferflow.models.network import SpatialNetwork
from ferflow.models.precision import device, resolve
from ferflow.seeds import derive_seed, reproducible
from ferflow.settings import Finetune, Spatial, Stage
from ferflow.training.crossval import best_epoch
from ferflow.training.search import Outcome, Shape, best, search
from ferflow.training.stills import SIDES, TRAINED, WATCHED, digest, read

if TYPE_CHECKING:
    import torch

    from ferflow.training.frozen import Features, Rows

PHASE = "classifier"
LAYER = "pool"
"""The last pooling: what the classifier, which is all that learns, reads."""


def write_frozen(
    stills: str | Path,
    pretrained: str | Path,
    out: str | Path,
    settings: Spatial,
    seed: int,
    protocol: str,
    near_copies: int | None = None,
) -> None:
    """Cache the features of the frozen base of `settings.network`, with the weights `pretrained`, in `out`.

    They are of the images to train on and to watch (`training.frozen`), with their `labels` and `side` (the
    place of its name in SIDES). Raises WeightsError for unusable weights.
    """
    from ferflow.training import frozen

    parts = read(stills, protocol, near_copies=near_copies).parts
    kept = (parts[TRAINED], parts[WATCHED])
    labels = np.concatenate([part.labels for part in kept])
    side = np.repeat([SIDES.index(TRAINED), SIDES.index(WATCHED)], [len(part.labels) for part in kept])
    precision = resolve(settings.precision, device())
    with reproducible(derive_seed(seed, "finetune", settings.network), settings.threads):
        network = build(settings.network, pretrained)
        source = {
            "network": settings.network,
            "pretrained_sha256": files.sha256(pretrained),
            "images": digest(*kept),
            "precision": str(precision).removeprefix("torch."),
        }
        blocks = pooled(network, [part.images for part in kept], settings.batch, precision)
        frozen.write(out, blocks, len(labels), source, labels=labels, side=side)


def pooled(
    network: SpatialNetwork, parts: Iterable[np.ndarray], batch: int, precision: torch.dtype
) -> Iterator[np.ndarray]:
    """Features float16 [n,F] of all images of `parts` at the last pooling, `batch` images at a time."""
    import torch

    from ferflow.models.fuse import placed

    base = placed(network, precision)
    for images in parts:
        for number, begin in enumerate(range(0, len(images), batch)):
            shown = images[begin : begin + batch]
            if not short_run.skips(number):
                with torch.inference_mode(), short_run.timing(len(shown)):
                    block = networks.prepare(shown, network).to(device(), precision)
                    features = base.features(block, LAYER).to(torch.float16).cpu().numpy()
            yield features[: len(shown)]


def rows_of(features: Features, side: str) -> Rows:
    """The cached features and labels of one of SIDES."""
    from ferflow.training.frozen import Rows

    chosen = np.flatnonzero(features.column("side") == SIDES.index(side))
    return Rows(features.values, features.column("labels"), chosen)


def search_classifier(
    frozen_h5: str | Path,
    pretrained: str | Path,
    out_folder: str | Path,
    out_trials: str | Path,
    settings: Spatial,
    stages: Finetune,
    seed: int,
    storage: str | Path,
    *,
    synthetic: bool,
    protocol: str,
) -> None:
    """Phase 1: find the best classifier on the frozen base and train it.

    `frozen_h5` is what `write_frozen` wrote for the same `settings` and `pretrained`; `storage` the SQLite
    file that keeps the trials of an interrupted search. Writes `model.pt` (the base under the best
    classifier) and `history.csv` to `out_folder`, and the trials (schema `trials`) to `out_trials`.
    """
    from ferflow.training.frozen import Features

    features = Features(frozen_h5)
    sides = [rows_of(features, side) for side in (TRAINED, WATCHED)]
    stage = stages.classifier
    recipe = of_stage(settings, stage)
    identity = {"source": features.source, "settings": recipe.model_dump(mode="json")}

    def train(shape: Shape, title: str) -> tuple[SpatialNetwork, pd.DataFrame]:
        # The same seed for all: what differs between two trials is the classifier.
        with reproducible(derive_seed(seed, "finetune", settings.network), settings.threads):
            network = build(settings.network, pretrained, shape)
            return network, fit_classifier(network, *sides, recipe, seed, title)

    def evaluate(shape: Shape) -> Outcome:
        return outcome(train(shape, f"{settings.network}, {describe(shape)}")[1])

    trials = search(storage, identity, stage, seed, evaluate)
    chosen = best(trials)
    network, history = train(chosen, f"{settings.network}, best classifier")
    tables.write(trials.assign(synthetic=synthetic, note=study_note(protocol)), out_trials, "trials")
    tables.write(history, Path(out_folder) / "history.csv", "history")
    meta = {"synthetic": synthetic, "phase": PHASE, "attempt": describe(chosen), **features.source}
    networks.save(Path(out_folder) / "model.pt", network, EMOTIONS_NEUTRAL, meta)


def fit_classifier(
    network: SpatialNetwork, training: Rows, watched: Rows, settings: Spatial, seed: int, title: str
) -> pd.DataFrame:
    """Train the classifier of `network` in place on frozen features; gives the learning curve (`history`)."""
    from torch import nn

    from ferflow.training.data import loader
    from ferflow.training.fit import fit
    from ferflow.training.images import recipe_of

    start = derive_seed(seed, "finetune", settings.network)
    recipe, task = recipe_of(settings, training.labels.numpy())
    return fit(
        nn.Sequential(network.dense_head, network.classifier),
        task,
        recipe,
        loader(training, settings.batch, start),
        loader(watched, settings.batch),
        title,
        seed=start,
    )


def build(name: str, pretrained: str | Path, shape: Shape | None = None) -> SpatialNetwork:
    """Network `name` with the base of the file `pretrained` and a new classifier from torch's current seed.

    The file is one that `models.spatial.load_base` knows.
    """
    network = networks.build(name, len(EMOTIONS_NEUTRAL), *(shape or (None, None)))
    networks.load_base(network, pretrained)
    return network


def of_stage(settings: Spatial, stage: Stage, rate: float | None = None) -> Spatial:
    """The study's recipe with a stage's epochs, patience and rate; the best epoch's weights are kept."""
    optimiser = settings.optimiser.model_copy(update={"learning_rate": rate or stage.learning_rate})
    return settings.model_copy(
        update={"epochs": stage.epochs, "patience": stage.patience, "optimiser": optimiser, "keep": "best"}
    )


def outcome(history: pd.DataFrame) -> Outcome:
    """What the search needs of a learning curve."""
    top = best_epoch(history)
    train = history.set_index("epoch").train_accuracy[top["epoch"]]
    return Outcome(top["max_accuracy"], float(train), top["epoch"], len(history))


def describe(shape: Shape) -> str:
    """A classifier in words: `dense 1024-512, dropout 0.5`."""
    return f"dense {'-'.join(map(str, shape.dense))}, dropout {shape.dropout:g}"
