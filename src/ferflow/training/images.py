"""Training a network for single images: batches with augmentation, and the recipe of the settings."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ferflow.augment import online
from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.evaluation.predictions import table
from ferflow.models import spatial
from ferflow.models.network import SpatialNetwork
from ferflow.models.spatial import prepare
from ferflow.seeds import reproducible
from ferflow.settings import Online, Spatial
from ferflow.training import predictions, shards
from ferflow.training.data import loader
from ferflow.training.fit import fit
from ferflow.training.module import Recipe
from ferflow.training.task import Expression

N_CLASSES = len(EMOTIONS_NEUTRAL)


class Labelled(NamedTuple):
    """Images uint8 [N,H,W] (grey) or [N,H,W,3] (RGB) and their labels int64 [N] (class numbers)."""

    images: np.ndarray
    labels: np.ndarray


class Images(Dataset):
    """Labelled images by number; a list of numbers gives a batch for `network`.

    The batch is (images float32 [N,C,S,S] of 0–1 in channels-last order, labels int64 [N]), augmented where
    `augment` is given; where that mixes images, labels are float32 [N,K], of sum 1. What is
    drawn hangs on `seed` and on the images in the batch, so that a shuffled set is augmented anew in every
    epoch, and a run that is taken up again draws what it would have drawn.
    """

    def __init__(
        self,
        items: Labelled,
        network: SpatialNetwork,
        augment: Online | None = None,
        seed: int = 0,
    ) -> None:
        self.images, self.labels = items.images, torch.from_numpy(np.asarray(items.labels, np.int64))
        self.network, self.augment, self.seed = network, augment, seed

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, numbers: Sequence[int]) -> tuple[Tensor, Tensor]:
        batch, labels = prepare(self.images[numbers], self.network), self.labels[numbers]
        if self.augment is not None:
            drawn = hashlib.sha256(np.asarray([self.seed, *numbers], np.int64).tobytes()).digest()
            seed = int.from_bytes(drawn[:7], "big")
            batch = online.apply(batch, self.augment, torch.Generator().manual_seed(seed))
            if self.augment.mixup:
                batch, labels = online.mix(batch, labels, N_CLASSES, self.augment.mixup, seed)
        return batch.contiguous(memory_format=torch.channels_last), labels


def fit_images(
    network: SpatialNetwork,
    training: Labelled,
    validation: Labelled | None,
    settings: Spatial,
    seed: int,
    title: str,
    *,
    folder: Path | None = None,
) -> pd.DataFrame:
    """Train `network` in place by the recipe of `settings`; returns the learning curve (schema `history`).

    Only parameters with `requires_grad` learn. With a `folder` the run can be interrupted at any moment: the
    same call goes on from its last whole epoch to the same weights (`training.checkpoints`). Raises
    FerflowError where the loss stops being finite.
    """
    recipe, task = recipe_of(settings, training.labels, watched=validation is not None)
    recipe = replace(recipe, shards=shards.count(network, settings.batch, settings.threads))
    network.to(memory_format=torch.channels_last)
    with reproducible(seed, settings.threads):
        return fit(
            network,
            task,
            recipe,
            loader(Images(training, network, settings.online, seed), settings.batch, seed),
            None if validation is None else loader(Images(validation, network), settings.batch),
            title,
            seed=seed,
            plain=loader(Images(training, network), settings.batch),
            folder=folder,
            identity="" if folder is None else _identity(network, training, validation, settings, seed),
        )


def recipe_of(settings: Spatial, labels: np.ndarray, watched: bool = True) -> tuple[Recipe, Expression]:
    """How a network is optimised by `settings`, and on what loss; `labels` are those that are trained on."""
    recipe = Recipe.of(
        settings,
        monitor="validation_accuracy" if watched else "train_accuracy",
        patience=settings.patience if watched else None,
        average=settings.average,
    )
    weights = balanced(labels, N_CLASSES) if settings.class_weights else None
    return recipe, Expression(weights, settings.label_smoothing)


def train_and_predict(
    settings: Spatial,
    training: Labelled,
    validation: Labelled | None,
    tested: np.ndarray,
    clips: pd.DataFrame,
    columns: tuple[str, str, int | None, int],
    start: int,
    title: str,
    *,
    pretrained: str | Path | None = None,
    folder: Path | None = None,
) -> tuple[SpatialNetwork, pd.DataFrame, pd.DataFrame]:
    """Train a new network (`fit_images`) and predict the images `tested`, which `clips` describe row by row.

    Its weights come from the seed `start`, or from the file `pretrained`. Returns the network, its learning
    curve, and the predictions (schema `predictions`), whose model, protocol, fold and seed are `columns`.
    """
    with reproducible(start, settings.threads):
        network = spatial.build(settings.network, N_CLASSES)
        if pretrained is not None:
            spatial.load_pretrained(network, pretrained)
    history = fit_images(network, training, validation, settings, start, title, folder=folder)
    with reproducible(start, settings.threads):
        predicted = probabilities(network, tested, settings.batch)
    return network, history, table(clips, predicted, EMOTIONS_NEUTRAL, *columns)


def probabilities(network: SpatialNetwork, images: np.ndarray, batch: int) -> np.ndarray:
    """Class probabilities float64 [N,K] of images uint8 [N,H,W] or [N,H,W,3], each seen once as it is."""
    unlabelled = Labelled(images, np.zeros(len(images), np.int64))
    return predictions.probabilities(network, loader(Images(unlabelled, network), batch))


def balanced(labels: np.ndarray, n_classes: int) -> tuple[float, ...]:
    """Weight of each class: N / (K × its images), as scikit-learn's `balanced`; 0 for a class without any."""
    counts = np.bincount(labels, minlength=n_classes)
    return tuple(float(len(labels) / (n_classes * n)) if n else 0.0 for n in counts)


def _identity(
    network: SpatialNetwork, training: Labelled, validation: Labelled | None, settings: Spatial, seed: int
) -> str:
    """What makes two runs the same: settings, seed, data, and the weights and the layers they start with."""
    digest = hashlib.sha256(json.dumps([settings.model_dump(mode="json"), seed]).encode())
    for part in (training, validation):
        for values in part or ():
            digest.update(np.ascontiguousarray(values))
    for name, weight in network.named_parameters():
        digest.update(f"{name} {weight.requires_grad}".encode())
        digest.update(weight.detach().contiguous().cpu().numpy())
    return digest.hexdigest()
