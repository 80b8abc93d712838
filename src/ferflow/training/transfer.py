"""Training the part of a network behind its frozen stages, evaluated after several numbers of epochs.

Adam at a constant rate with weight decay as L2 (Gong, section 2.4). At a constant rate the first 50 epochs of
200 are the same as those of a run of 50, so that one run is evaluated after each number of epochs.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass

import ferflow.models.vision  # noqa: F401  torchmetrics imports torchvision, which needs this first

# isort: split
import lightning.pytorch as lightning
import numpy as np
import pandas as pd
import torch
from lightning.pytorch.callbacks import Callback
from torch.utils.data import DataLoader, Dataset

from ferflow.models.transfer import Head
from ferflow.seeds import reproducible
from ferflow.settings import Optimiser
from ferflow.training.data import loader
from ferflow.training.fit import fit
from ferflow.training.module import Learner, Recipe
from ferflow.training.task import Expression


class PredictAfter(Callback):
    """Keeps, after each of `epochs`, `probabilities` float64 [N,K] of all items of `batches`."""

    def __init__(self, epochs: Collection[int], batches: DataLoader) -> None:
        self.epochs, self.batches = set(epochs), batches
        self.probabilities: dict[int, np.ndarray] = {}

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: Learner) -> None:
        epoch = trainer.current_epoch + 1
        if epoch not in self.epochs:
            return
        module.network.eval()
        with torch.no_grad():
            rows = [
                module.network(features.to(module.device)).double().softmax(1).cpu()
                for features, _ in self.batches
            ]
        module.network.train()
        self.probabilities[epoch] = torch.cat(rows).numpy()


@dataclass(frozen=True)
class Trained:
    """The result of `train`: after so many epochs, probabilities float64 [N,K] of the test images.

    `history` is the learning curve (schema `history`), `seconds` the time that training took.
    """

    probabilities: dict[int, np.ndarray]
    history: pd.DataFrame
    seconds: float


def train(
    head: Head,
    training: Dataset,
    test: Dataset,
    epochs: Collection[int],
    batch: int,
    learning_rate: float,
    weight_decay: float,
    seed: int,
    threads: int,
    title: str,
) -> Trained:
    """Train `head` in place on `training`, and predict `test` after each of `epochs`.

    Both are data sets whose lists of numbers give batches (`training.frozen.Rows`); `test` does not influence
    the training. Raises FerflowError where the loss stops being finite.
    """
    optimiser = Optimiser(name="adam", learning_rate=learning_rate, momentum=0.0, weight_decay=weight_decay)
    recipe = Recipe(optimiser, max(epochs))
    predict = PredictAfter(epochs, loader(test, batch))
    since = time.perf_counter()
    with reproducible(seed, threads):
        batches = loader(training, batch, seed)
        history = fit(head, Expression(), recipe, batches, None, title, seed=seed, more=[predict])
    return Trained(predict.probabilities, history, time.perf_counter() - since)
