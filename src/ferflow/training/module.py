"""The one Lightning module, and the recipe that a network is trained by.

Importing this module imports Lightning, which takes seconds: do it late.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import ferflow.models.vision  # noqa: F401  torchmetrics imports torchvision, which needs this first

# isort: split
import lightning.pytorch as lightning
import pandas as pd
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from ferflow import short_run
from ferflow.errors import LossError
from ferflow.models.precision import device, resolve
from ferflow.seeds import derive_seed
from ferflow.settings import Optimiser, Schedule, Spatial
from ferflow.settings.affect import AffectModel
from ferflow.training import checkpoints, optimise
from ferflow.training.shards import Shards
from ferflow.training.task import Task

TRAIN, VALIDATION = "train", "validation"
_VALIDATED = (f"{VALIDATION}_loss", f"{VALIDATION}_accuracy")
_AS_THEY_ARE = ("epoch", "learning_rate")
_DECIMALS = 6
"""Of the other columns of a learning curve, most of which torch keeps as float32."""


@dataclass(frozen=True)
class Recipe:
    """How a network is optimised on the loss of its task."""

    optimiser: Optimiser
    epochs: int
    schedule: Schedule | None = None
    """None: the learning rate stays."""
    monitor: str = "validation_accuracy"
    """What the schedule `plateau` watches."""
    patience: int | None = None
    """Stop after so many epochs in a row without a better one (`Task.best`); None: never."""
    average: float = 0.0
    """Decay, per step, of a running average of the weights, which is what is validated and kept; 0: none."""
    best: bool = False
    """Keep the weights of the (first) best epoch (`Task.best`), not those of the last."""
    bfloat16: bool = False
    shards: int = 1
    """Parts that a batch is cut into, one per processor core (`training.shards`)."""
    micro_batch: int | None = None
    """Items that go through the network at once; the batch's gradient is their sum. None: the whole batch.
    Not with `shards`."""
    checkpoint_steps: int | None = None
    """Steps after which a run is kept within an epoch too, for batches that can go on there (with `state`
    and `resume`, as `image_files.Batches`); None: at the end of each epoch alone."""

    @classmethod
    def of(cls, settings: Spatial | AffectModel, **more: Any) -> Self:
        """The recipe of the settings of a network for single images; `more` are further fields."""
        return cls(
            settings.optimiser,
            settings.epochs,
            schedule=settings.schedule,
            best=settings.keep == "best",
            bfloat16=resolve(settings.precision, device()) == torch.bfloat16,
            **more,
        )


class Learner(lightning.LightningModule):
    """A network that is trained for a task, in epochs of `steps` batches.

    `rows` holds the learning curve, one dictionary per epoch in the columns of schema `history`. Training
    figures are means over the epoch's batches as they were trained on, with dropout and augmentation.
    `identity` says what the run is: a checkpoint of another one is not taken up. With a `title` every epoch
    is a line of the log.
    """

    def __init__(
        self, network: nn.Module, task: Task, recipe: Recipe, steps: int, seed: int, identity: str, title: str
    ) -> None:
        super().__init__()
        self.network, self.task, self.recipe = network, task, recipe
        self.steps, self.seed, self.identity, self.title = steps, seed, identity, title
        self.rows: list[dict] = []
        self.sums = {side: task.nothing() for side in (TRAIN, VALIDATION)}
        self.rate = 0.0
        self.shards: Shards | None = None
        self._plateau: ReduceLROnPlateau | None = None
        self._kept_plateau: dict | None = None
        self._before, self._since = 0.0, time.perf_counter()

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

    def on_train_epoch_start(self) -> None:
        # An epoch draws the same numbers whether the run came here in one go or was taken up again.
        # (Lightning counts from 0 again in a run that was taken up, where it tells the sampler.)
        if self.recipe.checkpoint_steps is None:
            torch.manual_seed(derive_seed(self.seed, "epoch", self.current_epoch))
        sampler = getattr(self.trainer.train_dataloader, "sampler", None)
        if hasattr(sampler, "set_epoch"):
            sampler.set_epoch(self.current_epoch)
        # Noted here: schedules that move with the steps have moved on when the epoch ends.
        self.rate = self.optimizers().param_groups[0]["lr"]

    def on_before_batch_transfer(self, batch: tuple[Tensor, ...], _: int) -> Sequence[Tensor]:
        return short_run.cut(batch, self.recipe.micro_batch if self.trainer.training else None)

    def training_step(self, batch: tuple[Tensor, ...], _: int) -> Tensor:
        if self.recipe.checkpoint_steps is not None:  # so does a step, where an epoch can be taken up within
            torch.manual_seed(derive_seed(self.seed, "step", self.global_step))
        if self.recipe.micro_batch is not None:
            return self._in_passes(batch)
        if self.shards is None:
            return self._step(batch, self.task, TRAIN)
        inputs, (labels,) = self.task.split(batch)
        loss, logits = self.shards(inputs, labels, lambda *of_shard: self.task(*of_shard)[0])
        self.task.add(self.sums[TRAIN], loss, loss, logits, [labels])
        return loss

    def validation_step(self, batch: tuple[Tensor, ...], _: int) -> None:
        self._step(batch, self.task.validation_loss, VALIDATION)

    def _step(self, batch: tuple[Tensor, ...], loss_of: Callable, side: str) -> Tensor:
        inputs, targets = self.task.split(batch)
        outputs = self.network(*inputs)
        loss, parts = loss_of(outputs, *targets)
        self.task.add(self.sums[side], loss, parts, outputs, targets)
        return loss

    def _in_passes(self, batch: tuple[Tensor, ...]) -> Tensor:
        self.optimizers().zero_grad()
        loss, whole, outputs = backward_but_last(self.network, self.task, batch, self.recipe.micro_batch)
        _, targets = self.task.split(batch)
        self.task.add(self.sums[TRAIN], whole, whole, outputs, targets)
        return loss

    def optimizer_zero_grad(self, epoch: int, batch_idx: int, optimizer: torch.optim.Optimizer) -> None:
        # Lightning calls this behind `training_step`, where there is a gradient of the first parts already.
        if self.recipe.micro_batch is None:
            optimizer.zero_grad()

    def on_validation_epoch_start(self) -> None:
        self.sums[VALIDATION] = self.task.nothing()

    def on_validation_epoch_end(self) -> None:
        self._log(self._figures(VALIDATION))

    def on_train_epoch_end(self) -> None:
        self.refuse_divergence()
        row: dict[str, Any] = {"epoch": self.current_epoch + 1}
        figures = self._figures(TRAIN)
        self._log(figures)
        validated = self.sums[VALIDATION]["n"]
        row |= figures | (self._figures(VALIDATION) if validated else dict.fromkeys(_VALIDATED))
        row |= {"learning_rate": self.rate, **self.task.weights()}
        self.rows.append(row)
        if self._plateau is not None:
            self._plateau.step(row[self.recipe.monitor])
        self.sums[TRAIN] = self.task.nothing()
        if self.title:
            shown = [
                f"{name} loss {row[f'{side}_loss']:.4f} accuracy {row[f'{side}_accuracy']:.3f}"
                for side, name in ((TRAIN, "training"), (VALIDATION, "validation"))
                if row[f"{side}_loss"] is not None
            ]
            epoch = f"epoch {row['epoch']}/{self.recipe.epochs}"
            print(f"{self.title}: {epoch}: {', '.join(shown)}", file=sys.stderr, flush=True)

    def refuse_divergence(self) -> None:
        """Raise LossError where the training loss of the epoch has stopped being finite."""
        if not math.isfinite(self.task.means(self.sums[TRAIN])["loss"]):
            where = f"epoch {self.current_epoch + 1}"
            raise LossError(where, "the training loss is not finite", "lower the learning rate")

    def _figures(self, side: str) -> dict[str, float | None]:
        return {f"{side}_{name}": value for name, value in self.task.means(self.sums[side]).items()}

    def _log(self, figures: dict[str, float | None]) -> None:
        self.log_dict({name: value for name, value in figures.items() if value is not None})

    def configure_optimizers(self) -> dict:
        recipe = self.recipe
        groups = [{"params": [p for p in self.network.parameters() if p.requires_grad]}]
        if learned := list(self.task.parameters()):
            # Decay would pull the learned weights of a loss to 1.
            groups.append({"params": learned, "weight_decay": 0.0})
        parts = {"optimizer": optimise.optimiser(groups, recipe.optimiser)}
        if recipe.schedule is None:
            return parts
        schedule = optimise.schedule(
            parts["optimizer"], recipe.schedule, recipe.epochs, self.steps, recipe.monitor
        )
        if schedule is not None and "monitor" in schedule:
            # Lightning would let it move after the epoch's checkpoint, which then misses one of its steps.
            self._plateau = schedule["scheduler"]
            if self._kept_plateau is not None:
                self._plateau.load_state_dict(self._kept_plateau)
        elif schedule is not None:
            parts["lr_scheduler"] = schedule
        return parts

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        loader = self.trainer.train_dataloader
        checkpoint[checkpoints.RUN] = {
            "identity": self.identity,
            "rows": self.rows,
            "seconds": self.seconds,
            "at": loader.state() if hasattr(loader, "state") else None,
            "sums": dict(self.sums[TRAIN]),
            "rate": self.rate,
            "plateau": None if self._plateau is None else self._plateau.state_dict(),
        }

    def on_load_checkpoint(self, checkpoint: dict) -> None:
        run = checkpoint[checkpoints.RUN]
        self.rows, self._before, self.rate = list(run["rows"]), run["seconds"], run["rate"]
        self.sums[TRAIN] = dict(run["sums"])
        self._kept_plateau = run["plateau"]

    def history(self) -> pd.DataFrame:
        """The learning curve so far (schema `history`)."""
        history = pd.DataFrame(self.rows)
        measured = [name for name in history if name not in _AS_THEY_ARE]
        history = history.astype(dict.fromkeys(measured, float))  # a None of every epoch as no number
        return history.round(dict.fromkeys(measured, _DECIMALS))


def backward_but_last(
    network: nn.Module, task: Task, batch: tuple[Tensor, ...], size: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Pass `size` items at a time through `network`, and add up the gradient of the batch's loss.

    The share of the last ones in the loss is returned and still wants its `backward`; then comes the loss of
    the batch, and the outputs [N,K] for all of it, both detached.
    """
    parts = list(zip(*(part.split(size) for part in batch), strict=True))
    weights = [task.weight(*task.split(part)[1]) for part in parts]
    outputs, losses = [], []
    for part, weight in zip(parts, weights, strict=True):
        inputs, targets = task.split(part)
        predicted = network(*inputs)
        loss = task(predicted, *targets)[0] * (weight / sum(weights))
        outputs.append(predicted.detach())
        losses.append(loss.detach())
        if part is not parts[-1]:
            # As Lightning does it, outside of autocast.
            with torch.autocast(loss.device.type, enabled=False):
                loss.backward()
        del predicted
    return loss, sum(losses), torch.cat(outputs)
