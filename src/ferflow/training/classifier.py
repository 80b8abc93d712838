"""Phase 1 of fine-tuning (thesis, section 3.2.4): the best classifier on a frozen base."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ferflow import files, tables
from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.evaluation.results import study_note
from ferflow.models import spatial as networks
from ferflow.models.network import SpatialNetwork
from ferflow.models.precision import device, resolve
from ferflow.seeds import derive_seed, reproducible
from ferflow.settings import Finetune, Spatial, Stage
from ferflow.training.crossval import best_epoch
from ferflow.training.search import Outcome, Shape, best, search
from ferflow.training.stills import TRAINED, WATCHED, digest, read

if TYPE_CHECKING:
    from ferflow.training.frozen import Frozen

PHASE = "classifier"


def write_frozen(
    stills: str | Path, pretrained: str | Path, out: str | Path, settings: Spatial, seed: int, protocol: str
) -> None:
    """Write what the base of `settings.network`, with the weights `pretrained`, says of the stills to `out`.

    Of the images to train on and to watch (`training.frozen`); raises WeightsError for unusable weights.
    """

    from ferflow.training import frozen

    parts = read(stills, protocol).parts
    precision = resolve(settings.precision, device())
    with reproducible(derive_seed(seed, "finetune", settings.network), settings.threads):
        network = build(settings.network, pretrained)
        source = {
            "network": settings.network,
            "pretrained_sha256": files.sha256(pretrained),
            "images": digest(parts[TRAINED], parts[WATCHED]),
            "precision": str(precision).removeprefix("torch."),
        }
        sides = {side: parts[side] for side in (TRAINED, WATCHED)}
        frozen.write(out, network, sides, settings.batch, precision, source)


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
    from ferflow.training.frozen import Frozen

    sides = [Frozen(frozen_h5, side) for side in (TRAINED, WATCHED)]
    stage = stages.classifier
    recipe = of_stage(settings, stage)
    identity = {"source": sides[0].source, "settings": recipe.model_dump(mode="json")}

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
    meta = {"synthetic": synthetic, "phase": PHASE, "attempt": describe(chosen), **sides[0].source}
    networks.save(Path(out_folder) / "model.pt", network, EMOTIONS_NEUTRAL, meta)


def fit_classifier(
    network: SpatialNetwork, training: Frozen, watched: Frozen, settings: Spatial, seed: int, title: str
) -> pd.DataFrame:
    """Train the classifier of `network` in place on frozen features; gives the learning curve (`history`)."""
    from torch import nn

    from ferflow.training.data import loader
    from ferflow.training.fit import fit
    from ferflow.training.images import balanced
    from ferflow.training.module import Recipe
    from ferflow.training.task import Expression

    n_classes = len(EMOTIONS_NEUTRAL)
    start = derive_seed(seed, "finetune", settings.network)
    weights = balanced(training.labels.numpy(), n_classes) if settings.class_weights else None
    recipe = Recipe.of(settings, patience=settings.patience, average=settings.average)
    return fit(
        nn.Sequential(network.dense_head, network.classifier),
        Expression(weights, settings.label_smoothing),
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
    found = best_epoch(history)
    train = history.set_index("epoch").train_accuracy[found["epoch"]]
    return Outcome(found["max_accuracy"], float(train), found["epoch"], len(history))


def describe(shape: Shape) -> str:
    """A classifier in words: `dense 1024-512, dropout 0.5`."""
    return f"dense {'-'.join(map(str, shape.dense))}, dropout {shape.dropout:g}"
