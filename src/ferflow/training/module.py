"""One Lightning module for images and for clips, and the recipe that it is trained by.

A batch is a tuple whose last member holds the labels int64 [N], or shares of the classes float32 [N,K]; the
others go to the network, which gives logits [N,K]. Importing this module imports Lightning, which takes
seconds: do it late.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import ferflow.models.vision  # noqa: F401  torchmetrics imports torchvision, which needs this first

# isort: split
import lightning.pytorch as lightning
import pandas as pd
import torch
from torch import Tensor, nn
from torchmetrics.classification import MulticlassAccuracy

from ferflow.errors import LossError
from ferflow.seeds import derive
from ferflow.settings import Optimiser, Schedule
from ferflow.training import checkpoints, optimise
from ferflow.training.shards import Shards

_DECIMALS = 6
"""Of written losses and accuracies, which torch keeps as float32."""


@dataclass(frozen=True)
class Recipe:
    """How a network is optimised on cross-entropy."""

    optimiser: Optimiser
    epochs: int
    schedule: Schedule | None = None
    """None: the learning rate stays."""
    monitor: str = "validation_accuracy"
    """What the schedule `plateau` watches."""
    label_smoothing: float = 0.0
    class_weights: tuple[float, ...] | None = None
    """Of each class in the loss; None: all the same."""
    patience: int | None = None
    """Stop after so many epochs in a row without a better validation accuracy; None: never."""
    average: float = 0.0
    """Decay, per step, of a running average of the weights, which is what is judged and kept; 0: none."""
    best: bool = False
    """Keep the weights of the (first) epoch with the best validation accuracy, not those of the last."""
    bfloat16: bool = False
    shards: int = 1
    """Parts that a batch is cut into, one per processor core (`training.shards`)."""


class Classifier(lightning.LightningModule):
    """A network that is trained to tell `n_classes` classes apart.

    `rows` holds the learning curve, one dictionary per epoch in the columns of schema `history`. Training
    figures are means over the epoch's batches as they were trained on, with dropout and augmentation.
    `identity` says what the run is: a checkpoint of another one is not taken up.
    """

    def __init__(self, network: nn.Module, n_classes: int, recipe: Recipe, seed: int, identity: str) -> None:
        super().__init__()
        self.network = network
        self.recipe, self.seed, self.identity = recipe, seed, identity
        weights = None if recipe.class_weights is None else torch.tensor(recipe.class_weights)
        self.loss = nn.CrossEntropyLoss(weights, label_smoothing=recipe.label_smoothing)
        self.accuracy = nn.ModuleDict(
            {side: MulticlassAccuracy(n_classes, average="micro") for side in ("train_", "validation_")}
        )
        self.rows: list[dict] = []
        self._before, self._since = 0.0, time.perf_counter()
        self.shards: Shards | None = None

    @property
    def seconds(self) -> float:
        """How long the run has taken so far, over all of its starts."""
        return self._before + time.perf_counter() - self._since

    def on_fit_start(self) -> None:
        # Not earlier: the running average copies this module, and threads cannot be copied.
        if self.recipe.shards > 1 and self.device.type == "cpu":
            self.shards = Shards(self.network, self.recipe.shards)

    def close(self) -> None:
        """End the threads of the shards."""
        if self.shards is not None:
            self.shards.close()
            self.shards = None

    def training_step(self, batch: tuple[Tensor, ...], _: int) -> Tensor:
        if self.shards is None:
            return self._step(batch, "train_")
        *inputs, labels = batch
        loss, logits = self.shards(inputs, labels, self.loss)
        return self._note(loss, logits, labels, "train_")

    def validation_step(self, batch: tuple[Tensor, ...], _: int) -> None:
        self._step(batch, "validation_")

    def _step(self, batch: tuple[Tensor, ...], side: str) -> Tensor:
        *inputs, labels = batch
        logits = self.network(*inputs)
        return self._note(self.loss(logits, labels), logits, labels, side)

    def _note(self, loss: Tensor, logits: Tensor, labels: Tensor, side: str) -> Tensor:
        accuracy = self.accuracy[side]
        accuracy.update(logits, labels.argmax(1) if labels.is_floating_point() else labels)
        over_epoch = {"on_step": False, "on_epoch": True, "batch_size": len(labels)}
        self.log(f"{side}loss", loss, **over_epoch)
        self.log(f"{side}accuracy", accuracy, **over_epoch)
        return loss

    def configure_optimizers(self) -> dict:
        recipe = self.recipe
        weights = [p for p in self.parameters() if p.requires_grad]
        parts = {"optimizer": optimise.optimiser(weights, recipe.optimiser)}
        if recipe.schedule is not None:
            steps = self.trainer.estimated_stepping_batches // recipe.epochs
            schedule = optimise.schedule(
                parts["optimizer"], recipe.schedule, recipe.epochs, steps, recipe.monitor
            )
            if schedule is not None:
                parts["lr_scheduler"] = schedule
        return parts

    def on_train_epoch_start(self) -> None:
        # An epoch draws the same numbers whether the run came here in one go or was taken up again.
        # (Lightning counts from 0 again in a run that was taken up, where it tells the sampler.)
        torch.manual_seed(derive(self.seed, "epoch", self.current_epoch))
        sampler = self.trainer.train_dataloader.sampler
        if hasattr(sampler, "set_epoch"):
            sampler.set_epoch(self.current_epoch)
        # Noted here: with a validation side the schedule has already moved on when the epoch ends.
        self._rate = self.optimizers().param_groups[0]["lr"]

    def on_train_epoch_end(self) -> None:
        measured = self.trainer.callback_metrics
        row: dict = {"epoch": self.current_epoch + 1}
        for name in ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy"):
            row[name] = measured[name].item() if name in measured else None
        row["learning_rate"] = self._rate
        if not math.isfinite(row["train_loss"]):
            raise LossError(
                f"epoch {row['epoch']}", "the training loss is not finite", "lower the learning rate"
            )
        self.rows.append(row)

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        checkpoint[checkpoints.RUN] = {
            "identity": self.identity,
            "rows": self.rows,
            "seconds": self.seconds,
        }

    def on_load_checkpoint(self, checkpoint: dict) -> None:
        run = checkpoint[checkpoints.RUN]
        self.rows, self._before = list(run["rows"]), run["seconds"]

    def history(self) -> pd.DataFrame:
        """The learning curve so far (schema `history`)."""
        history = pd.DataFrame(self.rows).astype({"validation_loss": float, "validation_accuracy": float})
        measured = [name for name in history if name.endswith(("loss", "accuracy"))]
        return history.round(dict.fromkeys(measured, _DECIMALS))
