"""Fine-tuning of a pretrained network in the thesis's three phases (section 3.2.4).

1. Classifier: the base is frozen, and the best of some classifiers on it is searched for (`training.search`).
2. Unfreeze: the last one or two blocks learn with that classifier, at a small rate.
3. Refine: from there with more dropout, and with a smaller rate.

All choices are made by the accuracy on PublicTest; an attempt is kept only where it is better than what it
started from. Each phase writes files that the next one reads; every attempt goes on from where it was
interrupted, and one that has ended is not run again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ferflow import files, tables
from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.errors import WeightsError
from ferflow.evaluation.predictions import table
from ferflow.models import spatial as networks
from ferflow.models.network import SpatialNetwork
from ferflow.seeds import derive_seed
from ferflow.settings import Finetune, Spatial
from ferflow.training import checkpoints
from ferflow.training.classifier import PHASE, of_stage
from ferflow.training.crossval import best_epoch
from ferflow.training.predictions import write_run
from ferflow.training.stills import TESTED, TRAINED, WATCHED, Stills, digest, honest_accuracy, read

UNFREEZE, REFINE = "unfreeze", "refine"


@dataclass(frozen=True)
class Attempt:
    """One run of one phase: its learning curve, the file of the network that it kept, and what it took."""

    phase: str
    name: str
    history: pd.DataFrame
    model: Path
    blocks: int = 0
    seconds: float = 0.0

    @property
    def accuracy(self) -> float:
        """Of the epoch that was kept, on the images that are watched."""
        return best_epoch(self.history)["max_accuracy"]


def finetune(
    stills: str | Path,
    classifier_folder: str | Path,
    out_folder: str | Path,
    settings: Spatial,
    stages: Finetune,
    seed: int,
    run: str | Path,
    *,
    synthetic: bool,
    protocol: str,
    near_copies: int | None = None,
) -> None:
    """Phases 2 and 3 from the network in `classifier_folder` (phase 1), and one look at PrivateTest.

    `run` is the folder that keeps the attempts of an interrupted call. Writes to `out_folder`: `model.pt`,
    `history.csv` (the attempts that were kept, one after the other) and `predictions.csv`, as
    `spatial.write` does, `phases.csv` (all attempts, schema `phases`), and `time.json` (of these two
    phases).
    """
    from ferflow.training.images import probabilities

    data = read(stills, protocol, near_copies=near_copies)
    classifier_folder = Path(classifier_folder)
    first, content = networks.load(classifier_folder / "model.pt")
    if first.name != settings.network:
        raise WeightsError(
            classifier_folder / "model.pt", f"holds {first.name}, not {settings.network}", "delete it"
        )
    history = tables.read(classifier_folder / "history.csv", "history")
    kept = [Attempt(PHASE, content["meta"]["attempt"], history, classifier_folder / "model.pt")]
    attempts = list(kept)

    def attempt(phase: str, name: str, blocks: int, recipe: Spatial, dropout: float | None = None) -> Attempt:
        return _attempt(phase, name, kept[-1], blocks, dropout, data, recipe, seed, Path(run))

    recipe = of_stage(settings, stages.unfreeze)
    tried = [attempt(UNFREEZE, f"{n} block{'s' * (n > 1)}", n, recipe) for n in stages.unfreeze.blocks]
    attempts += tried
    kept += better(tried, kept[-1])

    blocks, tried = kept[-1].blocks, []
    dropout = networks.load(kept[-1].model)[0].options["dropout"]
    more = round(min(dropout + stages.refine.dropout, stages.classifier.dropout[1]), 6)
    if more > dropout:
        recipe = of_stage(settings, stages.refine, stages.unfreeze.learning_rate)
        tried.append(attempt(REFINE, f"dropout {more:g}", blocks, recipe, more))
    recipe = of_stage(settings, stages.refine)
    tried.append(attempt(REFINE, f"rate {stages.refine.learning_rate:g}", blocks, recipe))
    attempts += tried
    kept += better(tried, kept[-1])

    network, _ = networks.load(kept[-1].model)
    columns = EMOTIONS_NEUTRAL, settings.network, "test", None, seed
    predicted = probabilities(network, data.parts[TESTED].images, settings.batch)
    predictions = table(data.listed[TESTED], predicted, *columns)
    right = (predictions["predicted"] == predictions["emotion"]).to_numpy()
    learnt = data.parts[TRAINED].images
    meta = {
        "synthetic": synthetic,
        "honest_accuracy": honest_accuracy(right, data.parts[TESTED].images, learnt),
        "settings": settings.model_dump(mode="json"),
        "finetune": stages.model_dump(mode="json"),
        "kept": {one.phase: one.name for one in kept},
        "pretrained_sha256": content["meta"]["pretrained_sha256"],
        "seed": seed,
        "protocol": protocol,
        **data.described(),
    }
    out_folder = Path(out_folder)
    tables.write(phases(attempts, kept), out_folder / "phases.csv", "phases")
    write_run(out_folder, chained(kept), predictions)
    checkpoints.write_time(sum(one.seconds for one in attempts), out_folder / "time.json")
    networks.save(out_folder / "model.pt", network, EMOTIONS_NEUTRAL, meta)


def better(tried: Sequence[Attempt], before: Attempt) -> list[Attempt]:
    """The best of `tried`, of equals the first, where it is better than `before`; else nothing."""
    top = max(tried, key=lambda one: one.accuracy)
    return [top] if top.accuracy > before.accuracy else []


def phases(attempts: Sequence[Attempt], kept: Sequence[Attempt]) -> pd.DataFrame:
    """All attempts' learning curves (schema `phases`)."""
    parts = [
        one.history.assign(phase=one.phase, attempt=one.name, kept=any(one is other for other in kept))
        for one in attempts
    ]
    return pd.concat(parts, ignore_index=True)


def chained(kept: Sequence[Attempt]) -> pd.DataFrame:
    """The kept attempts' learning curves as one (schema `history`), epochs counted on.

    Each attempt goes on from the best epoch of the one before, not from its last.
    """
    whole = pd.concat([one.history for one in kept], ignore_index=True)
    return whole.assign(epoch=range(1, len(whole) + 1))


def _attempt(
    phase: str,
    name: str,
    before: Attempt,
    blocks: int,
    dropout: float | None,
    data: Stills,
    recipe: Spatial,
    seed: int,
    run: Path,
) -> Attempt:
    """Train on from `before` with the last `blocks` blocks; what has been done already is read."""
    from ferflow.training.images import fit_images

    folder = run / f"{phase}-{name}".replace(" ", "-")
    described = [
        recipe.model_dump(mode="json"),
        blocks,
        dropout,
        seed,
        files.sha256(before.model),
        digest(data.parts[TRAINED], data.parts[WATCHED]),
    ]
    identity = hashlib.sha256(json.dumps(described).encode()).hexdigest()
    model, history_csv = folder / "model.pt", folder / "history.csv"
    if model.exists():
        meta = networks.load(model)[1]["meta"]
        if meta.get("identity") == identity:
            return Attempt(phase, name, tables.read(history_csv, "history"), model, blocks, meta["seconds"])
    network, content = networks.load(before.model)
    if dropout is not None:
        set_dropout(network, dropout)
    network.train()  # a file's network comes in evaluation mode, which Lightning would leave it in
    network.unfreeze(blocks)
    start = derive_seed(seed, "finetune", phase, name)
    # The identity in the path: dropout is no weight, by which checkpoints are told apart.
    started = folder / identity[:12]
    history = fit_images(
        network,
        data.parts[TRAINED],
        data.parts[WATCHED],
        recipe,
        start,
        f"{recipe.network}, {phase}, {name}",
        folder=started,
    )
    network.unfreeze(None)
    tables.write(history, history_csv, "history")
    seconds = checkpoints.seconds(started)
    synthetic = content["meta"]["synthetic"]
    meta = {"synthetic": synthetic, "phase": phase, "identity": identity, "seconds": seconds}
    networks.save(model, network, EMOTIONS_NEUTRAL, meta)
    for spent in started.glob("*.ckpt"):
        spent.unlink()
    return Attempt(phase, name, history, model, blocks, seconds)


def set_dropout(network: SpatialNetwork, share: float) -> None:
    """Drop `share` behind each dense layer from now on, also when the network is built again."""
    from torch import nn

    for module in network.classifier.modules():
        if isinstance(module, nn.Dropout):
            module.p = share
    network.options["dropout"] = share
