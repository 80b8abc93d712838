"""The Lightning module of expression, valence and arousal: losses, sums of an epoch, and what a checkpoint keeps.

A batch is what `affect.loader.Batches` gives: images uint8 [B,3,S,S], labels int64 [B], valence and
arousal float32 [B,2], and which of these are known, bool [B,2]. Importing this module imports Lightning,
which takes seconds: do it late.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator

import ferflow.models.vision  # noqa: F401  torchmetrics imports torchvision, which needs this first

# isort: split
import lightning.pytorch as lightning
import pandas as pd
import torch
from torch import Tensor

from ferflow.affect.losses import TASKS, AffectLoss
from ferflow.affect.network import AffectNetwork
from ferflow.errors import LossError
from ferflow.settings.affect import AffectModel
from ferflow.training import checkpoints, optimise
from ferflow.training.reproducible import derive

Batch = tuple[Tensor, Tensor, Tensor, Tensor]
MONITOR = "validation_loss"
_DECIMALS = 6
_SUMS = ("n", "right", "loss", *TASKS, "valence_n", "arousal_n", "valence_error", "arousal_error")


class Stream:
    """Batches of an epoch, from where the run stands; `at` is the epoch and the batch that comes next.

    `batches` has a length (batches of an epoch), and `resume(epoch, batch)` after which iterating gives the rest
    of that epoch in the order that its seed draws (`affect.loader.Batches`).
    """

    def __init__(self, batches) -> None:
        self.batches, self.at = batches, (0, 0)

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        epoch, first = self.at
        self.batches.resume(epoch, first)
        for number, batch in enumerate(self.batches, first):
            # Before the batch is handed out: Lightning, which knows the length, does not ask for one more.
            last = number + 1 == len(self)
            self.at = (epoch + 1, 0) if last else (epoch, number + 1)
            yield batch


class AffectModule(lightning.LightningModule):
    """A network that learns expression, valence and arousal.

    `rows` holds the learning curve, a dictionary per epoch in the columns of schema `affect_history`. Training
    figures are means over the epoch's batches as they were trained on, with dropout and augmentation.
    `identity` says what the run is: a checkpoint of another one is not taken up.
    """

    def __init__(
        self,
        network: AffectNetwork,
        loss: AffectLoss,
        model: AffectModel,
        stream: Stream,
        seed: int,
        identity: str,
        title: str,
    ) -> None:
        super().__init__()
        self.network, self.loss, self.model = network, loss, model
        self.stream, self.seed, self.identity, self.title = stream, seed, identity, title
        self.rows: list[dict] = []
        self.sums = {side: _nothing() for side in ("train", "validation")}
        self.rate = 0.0
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
        sums["expression"] += n * parts[0].item()
        for column, task in enumerate(TASKS[1:]):
            told = known[:, column]
            error = (pair[told, column].detach() - true[told, column]) ** 2
            sums[f"{task}_n"] += told.sum().item()
            sums[f"{task}_error"] += error.sum().item()
            sums[task] += told.sum().item() * parts[1 + column].item()
        return total

    def on_validation_epoch_start(self) -> None:
        self.sums["validation"] = _nothing()

    def on_validation_epoch_end(self) -> None:
        measured = means(self.sums["validation"])
        self.log("validation_loss", measured["loss"])
        self.log("validation_accuracy", measured["accuracy"])

    def on_train_epoch_end(self) -> None:
        row: dict = {"epoch": self.current_epoch + 1, "learning_rate": self.rate}
        for side, sums in self.sums.items():
            row |= {f"{side}_{name}": value for name, value in means(sums).items()}
        weights = self.loss.weights().detach().tolist()
        row |= {f"{task}_weight": weight for task, weight in zip(TASKS, weights, strict=True)}
        self.rows.append(row)
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
            parts["optimizer"], model.schedule, model.epochs, len(self.stream), "validation_accuracy"
        )
        return parts if schedule is None else parts | {"lr_scheduler": schedule}

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        checkpoint[checkpoints.RUN] = {
            "identity": self.identity,
            "rows": self.rows,
            "seconds": self.seconds,
            "at": list(self.stream.at),
            "sums": dict(self.sums["train"]),
            "rate": self.rate,
        }

    def on_load_checkpoint(self, checkpoint: dict) -> None:
        run = checkpoint[checkpoints.RUN]
        self.rows, self._before, self.rate = list(run["rows"]), run["seconds"], run["rate"]
        self.sums["train"] = dict(run["sums"])
        self.stream.at = tuple(run["at"])

    def history(self) -> pd.DataFrame:
        """The learning curve so far (schema `affect_history`)."""
        history = pd.DataFrame(self.rows)
        measured = [name for name in history if name not in ("epoch", "learning_rate")]
        return history.round(dict.fromkeys(measured, _DECIMALS))


def prepare(images: Tensor) -> Tensor:
    """Images uint8 [B,3,S,S] as a network takes them: float32, 0–1."""
    return images.to(torch.float32, memory_format=torch.channels_last).div_(255)


def means(sums: dict[str, float]) -> dict[str, float | None]:
    """`loss`, the three losses, `accuracy`, and the root mean squared errors, of an epoch's sums.

    None where no valence or arousal is known.
    """
    n = max(sums["n"], 1)
    found: dict[str, float | None] = {
        "loss": sums["loss"] / n,
        "expression_loss": sums["expression"] / n,
        "accuracy": sums["right"] / n,
    }
    for task in TASKS[1:]:
        known = sums[f"{task}_n"]
        found[f"{task}_loss"] = sums[task] / known if known else None
        found[f"{task}_rmse"] = math.sqrt(sums[f"{task}_error"] / known) if known else None
    return found


def _nothing() -> dict[str, float]:
    return dict.fromkeys(_SUMS, 0.0)
