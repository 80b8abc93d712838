"""The Lightning module of expression, valence and arousal: losses, sums of an epoch, and what a checkpoint
keeps.

A batch is what `affect.loader.Batches` gives: images uint8 [B,3,S,S], labels int64 [B], valence and
arousal float32 [B,2], and which of these are known, bool [B,2]. Importing this module imports Lightning,
which takes seconds: do it late.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator
from typing import Protocol

import ferflow.models.vision  # noqa: F401  torchmetrics imports torchvision, which needs this first

# isort: split
import lightning.pytorch as lightning
import pandas as pd
import torch
from torch import Tensor
from torch.optim.lr_scheduler import ReduceLROnPlateau

from ferflow.affect.losses import TASKS, AffectLoss
from ferflow.errors import LossError
from ferflow.models.affect import AffectNetwork
from ferflow.seeds import derive
from ferflow.settings.affect import AffectModel
from ferflow.training import checkpoints, optimise

Batch = tuple[Tensor, Tensor, Tensor, Tensor]


class Batches(Protocol):
    """Batches of an epoch from where the run stands, as `affect.loader.Batches` are.

    `state` says what comes next, in plain values; after `resume` iterating gives the rest of that epoch, in
    the order and with the augmentation that its seed draws.
    """

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Batch]: ...
    def state(self) -> dict[str, int]: ...
    def resume(self, state: dict[str, int]) -> None: ...


MONITOR = "validation_loss"
MOMENTS = ("n", "x", "y", "xx", "yy", "xy")
_DECIMALS = 6
_SUMS = (
    *("n", "right", "loss"),
    *(f"{task}_loss" for task in TASKS),
    *(f"{task}_{name}" for task in TASKS[1:] for name in MOMENTS),
)


class AffectModule(lightning.LightningModule):
    """A network that learns expression, valence and arousal.

    `rows` holds the learning curve, a dictionary per epoch in the columns of schema `affect_history`.
    Training figures are means over the epoch's batches as they were trained on, with dropout and
    augmentation. `identity` says what the run is: a checkpoint of another one is not taken up.
    """

    def __init__(
        self,
        network: AffectNetwork,
        loss: AffectLoss,
        model: AffectModel,
        batches: Batches,
        seed: int,
        identity: str,
        title: str,
        augmented: bool = False,
    ) -> None:
        super().__init__()
        self.network, self.loss, self.model = network, loss, model
        self.batches, self.seed, self.identity, self.title = batches, seed, identity, title
        self.augmented = augmented
        self.rows: list[dict] = []
        self.sums = {side: _nothing() for side in ("train", "validation")}
        self.rate = 0.0
        self.plateau: ReduceLROnPlateau | None = None
        self._plateau: dict | None = None
        self._before, self._since = 0.0, time.perf_counter()

    @property
    def seconds(self) -> float:
        """How long the run has taken so far, over all of its starts."""
        return self._before + time.perf_counter() - self._since

    def training_step(self, batch: Batch, number: int) -> Tensor:
        # A step draws the same numbers whether the run came here in one go or was taken up again.
        torch.manual_seed(derive(self.seed, "step", self.global_step))
        if number == 0:
            self.rate = self.optimizers().param_groups[0]["lr"]
        return self._step(batch, "train")

    def validation_step(self, batch: Batch, _: int) -> None:
        self._step(batch, "validation")

    def _step(self, batch: Batch, side: str) -> Tensor:
        images, labels, true, known = batch
        logits, pair = self.network(prepare(images))
        total, parts = self.loss(logits, pair, labels, true, known)
        sums = self.sums[side]
        if side == "train" and not math.isfinite(total.item()):
            where = f"epoch {self.current_epoch + 1}"
            raise LossError(where, "the training loss is not finite", "lower the learning rate")
        n = len(labels)
        sums["n"] += n
        sums["right"] += (logits.argmax(1) == labels).sum().item()
        sums["loss"] += n * total.item()
        sums["expression_loss"] += n * parts[0].item()
        for column, task in enumerate(TASKS[1:]):
            told = known[:, column]
            x, y = pair[told, column].detach().double(), true[told, column].double()
            sums[f"{task}_loss"] += len(x) * parts[1 + column].item()
            for name, value in moments(x, y).items():
                sums[f"{task}_{name}"] += value
        return total

    def on_validation_epoch_start(self) -> None:
        self.sums["validation"] = _nothing()

    def on_validation_epoch_end(self) -> None:
        measured = means(self.sums["validation"])
        self.log("validation_loss", measured["loss"])
        self.log("validation_accuracy", measured["accuracy"])

    def on_train_epoch_end(self) -> None:
        row: dict = {
            "epoch": self.current_epoch + 1,
            "learning_rate": self.rate,
            "augmented": self.augmented,
        }
        for side, sums in self.sums.items():
            row |= {f"{side}_{name}": value for name, value in means(sums).items()}
        weights = self.loss.weights().detach().tolist()
        row |= {f"{task}_weight": weight for task, weight in zip(TASKS, weights, strict=True)}
        self.rows.append(row)
        if self.plateau is not None:
            self.plateau.step(row["validation_accuracy"])
        self.sums["train"] = _nothing()
        shown = ", ".join(
            f"{side} loss {row[f'{side}_loss']:.4f} accuracy {row[f'{side}_accuracy']:.3f}"
            for side in self.sums
        )
        epochs = f"epoch {row['epoch']}/{self.model.epochs}"
        print(f"{self.title}: {epochs}: {shown}", file=sys.stderr, flush=True)

    def configure_optimizers(self) -> dict:
        model = self.model
        weights = [p for p in self.network.parameters() if p.requires_grad]
        groups = [{"params": weights}]
        if self.loss.learned:
            # Decay would pull the learned weights to 1.
            groups.append({"params": list(self.loss.parameters()), "weight_decay": 0.0})
        parts = {"optimizer": optimise.optimiser(groups, model.optimiser)}
        schedule = optimise.schedule(
            parts["optimizer"], model.schedule, model.epochs, len(self.batches), "validation_accuracy"
        )
        if schedule is not None and "monitor" in schedule:
            # Lightning would let it move after the epoch's checkpoint, which then misses one of its steps.
            self.plateau = schedule["scheduler"]
            if self._plateau is not None:
                self.plateau.load_state_dict(self._plateau)
        elif schedule is not None:
            parts["lr_scheduler"] = schedule
        return parts

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        checkpoint[checkpoints.RUN] = {
            "identity": self.identity,
            "rows": self.rows,
            "seconds": self.seconds,
            "at": self.batches.state(),
            "sums": dict(self.sums["train"]),
            "rate": self.rate,
            "plateau": None if self.plateau is None else self.plateau.state_dict(),
        }

    def on_load_checkpoint(self, checkpoint: dict) -> None:
        run = checkpoint[checkpoints.RUN]
        self.rows, self._before, self.rate = list(run["rows"]), run["seconds"], run["rate"]
        self.sums["train"] = dict(run["sums"])
        self._plateau = run["plateau"]
        self.batches.resume(run["at"])

    def history(self) -> pd.DataFrame:
        """The learning curve so far (schema `affect_history`)."""
        history = pd.DataFrame(self.rows)
        measured = [name for name in history if name not in ("epoch", "learning_rate", "augmented")]
        history = history.astype(dict.fromkeys(measured, float))  # a None of every epoch as no number
        return history.round(dict.fromkeys(measured, _DECIMALS))


def prepare(images: Tensor) -> Tensor:
    """Images uint8 [B,3,S,S] as a network takes them: float32, 0–1."""
    return images.to(torch.float32, memory_format=torch.channels_last).div_(255)


def moments(x: Tensor, y: Tensor) -> dict[str, float]:
    """Number and sums of two vectors, their squares and their product: what can be added up over batches."""
    return {"n": float(len(x))} | {
        name: value.sum().item()
        for name, value in {"x": x, "y": y, "xx": x * x, "yy": y * y, "xy": x * y}.items()
    }


def agreement(sums: dict[str, float]) -> tuple[float | None, float | None]:
    """Root mean squared error, and Lin's concordance with N − 1 in its variances, of `moments` added up.

    None where they cannot be told: of no values, of fewer than two, or where neither vector varies.
    """
    n, x, y, xx, yy, xy = (sums[name] for name in MOMENTS)
    if n == 0:
        return None, None
    error = math.sqrt(max(xx + yy - 2 * xy, 0) / n)
    if n < 2:
        return error, None
    spread = (xx - x * x / n + yy - y * y / n) / (n - 1) + ((x - y) / n) ** 2
    return error, 2 * (xy - x * y / n) / (n - 1) / spread if spread > 1e-12 else None


def means(sums: dict[str, float]) -> dict[str, float | None]:
    """An epoch's columns of one side of schema `affect_history`, from its sums; None where nothing is
    known."""
    n = max(sums["n"], 1)
    found: dict[str, float | None] = {
        "loss": sums["loss"] / n,
        "expression_loss": sums["expression_loss"] / n,
        "accuracy": sums["right"] / n,
    }
    for task in TASKS[1:]:
        own = {name: sums[f"{task}_{name}"] for name in MOMENTS}
        found[f"{task}_loss"] = sums[f"{task}_loss"] / own["n"] if own["n"] else None
        found[f"rmse_{task}"], found[f"ccc_{task}"] = agreement(own)
    return found


def _nothing() -> dict[str, float]:
    return dict.fromkeys(_SUMS, 0.0)
