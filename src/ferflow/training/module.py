"""One Lightning module for images and for clips, and the run that trains it.

A batch is a tuple whose last member holds the labels int64 [N]; the others go to the network, which gives
logits [N,K]. Importing this module imports Lightning, which takes seconds: do it late.
"""

from __future__ import annotations

import logging
import math
import signal
import sys
import warnings
from dataclasses import dataclass

import ferflow.models.vision  # noqa: F401  torchmetrics imports torchvision, which needs this first

# isort: split
import lightning.pytorch as lightning
import pandas as pd
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, TQDMProgressBar
from lightning.pytorch.plugins.environments import LightningEnvironment
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchmetrics.classification import MulticlassAccuracy

from ferflow.errors import FerflowError

_DECIMALS = 6
"""Of written losses and accuracies, which torch keeps as float32."""


@dataclass(frozen=True)
class Plateau:
    """Multiply the learning rate by `factor` after `patience` epochs in a row without a better `monitor`."""

    factor: float
    patience: int
    monitor: str


@dataclass(frozen=True)
class Recipe:
    """How a network is optimised: Adam, or AdamW where there is weight decay, on cross-entropy."""

    learning_rate: float
    epochs: int
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    plateau: Plateau | None = None
    patience: int | None = None
    """Stop after so many epochs in a row without a better validation accuracy; None: never."""
    bfloat16: bool = False


class Classifier(lightning.LightningModule):
    """A network that is trained to tell `n_classes` classes apart.

    `rows` holds the learning curve, one dictionary per epoch in the columns of schema `history`. Training
    figures are means over the epoch's batches as they were trained on, with dropout and augmentation.
    """

    def __init__(self, network: nn.Module, n_classes: int, recipe: Recipe) -> None:
        super().__init__()
        self.network = network
        self.recipe = recipe
        self.loss = nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing)
        self.accuracy = nn.ModuleDict(
            {side: MulticlassAccuracy(n_classes, average="micro") for side in ("train_", "validation_")}
        )
        self.rows: list[dict] = []

    def training_step(self, batch: tuple[Tensor, ...], _: int) -> Tensor:
        return self._step(batch, "train_")

    def validation_step(self, batch: tuple[Tensor, ...], _: int) -> None:
        self._step(batch, "validation_")

    def _step(self, batch: tuple[Tensor, ...], side: str) -> Tensor:
        *inputs, labels = batch
        logits = self.network(*inputs)
        loss = self.loss(logits, labels)
        accuracy = self.accuracy[side]
        accuracy.update(logits, labels)
        over_epoch = {"on_step": False, "on_epoch": True, "batch_size": len(labels)}
        self.log(f"{side}loss", loss, **over_epoch)
        self.log(f"{side}accuracy", accuracy, **over_epoch)
        return loss

    def configure_optimizers(self) -> dict:
        recipe = self.recipe
        weights = [p for p in self.parameters() if p.requires_grad]
        if recipe.weight_decay:
            optimiser = torch.optim.AdamW(weights, recipe.learning_rate, weight_decay=recipe.weight_decay)
        else:
            optimiser = torch.optim.Adam(weights, recipe.learning_rate)
        if recipe.plateau is None:
            return {"optimizer": optimiser}
        schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimiser,
            mode="max",
            factor=recipe.plateau.factor,
            # torch lowers the rate one epoch after its patience is used up, Keras (the thesis) with it
            patience=recipe.plateau.patience - 1,
            threshold=0,
        )
        return {
            "optimizer": optimiser,
            "lr_scheduler": {"scheduler": schedule, "monitor": recipe.plateau.monitor},
        }

    def on_train_epoch_start(self) -> None:
        # Noted here: with a validation side the schedule has already moved on when the epoch ends.
        self._rate = self.optimizers().param_groups[0]["lr"]

    def on_train_epoch_end(self) -> None:
        measured = self.trainer.callback_metrics
        row: dict = {"epoch": self.current_epoch + 1}
        for name in ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy"):
            row[name] = measured[name].item() if name in measured else None
        row["learning_rate"] = self._rate
        if not math.isfinite(row["train_loss"]):
            raise FerflowError(
                f"epoch {row['epoch']}", "the training loss is not finite", "lower the learning rate"
            )
        self.rows.append(row)


class _Lines(Callback):
    """A line per epoch, for logs."""

    def __init__(self, title: str) -> None:
        self.title = title

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: Classifier) -> None:
        # The module's own hook runs after this one, so the figures are taken from where it takes them.
        measured = {name: value.item() for name, value in trainer.callback_metrics.items()}
        parts = [
            f"{side} loss {measured[f'{name}_loss']:.4f} accuracy {measured[f'{name}_accuracy']:.3f}"
            for side, name in (("training", "train"), ("validation", "validation"))
            if f"{name}_loss" in measured
        ]
        epoch = f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"
        print(f"{self.title}: {epoch}: {', '.join(parts)}", file=sys.stderr, flush=True)


def fit(
    network: nn.Module,
    n_classes: int,
    recipe: Recipe,
    training: DataLoader,
    validation: DataLoader | None,
    title: str,
) -> pd.DataFrame:
    """Train `network` in place and return its learning curve (schema `history`).

    Takes a GPU where there is one; the network ends on the CPU. `title` heads the lines of the log (on a
    terminal there is a progress bar instead). Writes no file. Raises FerflowError where the loss stops being
    finite.
    """
    terminal = sys.stderr.isatty()
    callbacks: list[Callback] = [TQDMProgressBar(leave=False) if terminal else _Lines(title)]
    if recipe.patience is not None:
        callbacks.append(
            EarlyStopping("validation_accuracy", mode="max", patience=recipe.patience, min_delta=0.0)
        )
    for name in ("lightning.pytorch", "lightning.fabric", "lightning.pytorch.utilities.rank_zero"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # Its advice on workers and logging intervals is for larger jobs than ours.
        warnings.filterwarnings("ignore", module="lightning")
        trainer = lightning.Trainer(
            accelerator="auto",
            devices=1,
            precision="bf16-mixed" if recipe.bfloat16 else "32-true",
            max_epochs=recipe.epochs,
            callbacks=callbacks,
            logger=False,
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=terminal,
            num_sanity_val_steps=0,
            deterministic=True,
            # A job is one process, also under Slurm, whose environment Lightning would otherwise read.
            plugins=[LightningEnvironment()],
        )
        module = Classifier(network, n_classes, recipe)
        try:
            trainer.fit(module, training, validation)
        except SIGTERMException:
            # Lightning's own way out has the exit status of success.
            raise SystemExit(128 + signal.SIGTERM) from None
    network.cpu()
    history = pd.DataFrame(module.rows).astype({"validation_loss": float, "validation_accuracy": float})
    measured = [name for name in history if name.endswith(("loss", "accuracy"))]
    return history.round(dict.fromkeys(measured, _DECIMALS))
