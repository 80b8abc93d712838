"""The run that trains a network: Lightning's trainer, its callbacks, and checkpoints to go on from."""

from __future__ import annotations

import contextlib
import logging
import signal
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

import ferflow.models.vision  # noqa: F401  torchmetrics imports torchvision, which needs this first

# isort: split
import lightning.pytorch as lightning
import numpy as np
import pandas as pd
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.callbacks.weight_averaging import WeightAveraging
from lightning.pytorch.plugins.environments import LightningEnvironment
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn, update_bn
from torch.utils.data import DataLoader

from ferflow import tables
from ferflow.models.checkpoint import load_file
from ferflow.training import checkpoints
from ferflow.training.module import Classifier, Recipe
from ferflow.training.shards import keep_freed_memory

_CALIBRATION = 32_768
"""Training images, at most, from which the batch normalisation of a running average takes its statistics."""
_GLANCE = 2048
"""As many while training, when the average is only watched."""


class _Average(WeightAveraging):
    """The running average of the weights, after every step. While it is watched, its statistics are fresh."""

    def __init__(self, decay: float, plain: DataLoader) -> None:
        super().__init__(multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=False)
        self.plain = plain

    def on_validation_epoch_start(self, trainer: lightning.Trainer, module: Classifier) -> None:
        super().on_validation_epoch_start(trainer, module)
        _calibrate(module.network, self.plain, _GLANCE, module.seed, module.recipe.bfloat16)


def _calibrate(network: nn.Module, plain: DataLoader, most: int, seed: int, bfloat16: bool) -> None:
    """Give the batch normalisation of averaged weights statistics of its own: of the images in `plain`.

    The average of the statistics of many networks is not that of their average. Nor are those of augmented
    images right for images as they are: with them, a network for FER2013 is a percent less often right.
    """
    numbers = np.random.default_rng(seed).permutation(len(plain.dataset))[:most]
    size = -(-len(plain.dataset) // len(plain))
    parts = np.array_split(numbers, max(1, len(numbers) // size))
    device = next(network.parameters()).device
    with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
        update_bn((plain.dataset[part] for part in parts), network, device)


class _Curve(Callback):
    """The learning curve so far, in a file that is whole at any moment."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_epoch_start(self, trainer: lightning.Trainer, module: Classifier) -> None:
        if module.rows:
            tables.write(module.history(), self.path, "history")

    def on_train_end(self, trainer: lightning.Trainer, module: Classifier) -> None:
        self.on_train_epoch_start(trainer, module)


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


def quiet_trainer(
    epochs: int,
    callbacks: Sequence[Callback],
    *,
    bfloat16: bool,
    checkpoints: bool,
    logger=False,
    progress: bool = False,
) -> lightning.Trainer:
    """Lightning's trainer of one process on one device that says nothing of its own."""
    return lightning.Trainer(
        accelerator="auto",
        devices=1,
        precision="bf16-mixed" if bfloat16 else "32-true",
        max_epochs=epochs,
        callbacks=list(callbacks),
        logger=logger,
        enable_checkpointing=checkpoints,
        enable_model_summary=False,
        enable_progress_bar=progress,
        num_sanity_val_steps=0,
        deterministic=True,
        # A job is one process, also under Slurm, whose environment Lightning would otherwise read.
        plugins=[LightningEnvironment()],
    )


def run_trainer(
    trainer: lightning.Trainer,
    module: lightning.LightningModule,
    training,
    validation,
    resumed: Path | None,
) -> None:
    """Train, from the checkpoint `resumed` on where there is one. Raises SystemExit where terminated."""
    try:
        trainer.fit(module, training, validation, ckpt_path=resumed, weights_only=True)
    except SIGTERMException:
        # Lightning's own way out has the exit status of success.
        raise SystemExit(128 + signal.SIGTERM) from None


def fit(
    network: nn.Module,
    n_classes: int,
    recipe: Recipe,
    training: DataLoader,
    validation: DataLoader | None,
    title: str,
    *,
    seed: int = 0,
    plain: DataLoader | None = None,
    folder: Path | None = None,
    identity: str = "",
    more: Sequence[Callback] = (),
) -> pd.DataFrame:
    """Train `network` in place and return its learning curve (schema `history`).

    Takes a GPU where there is one; the network ends on the CPU. `title` heads the lines of the log (on a
    terminal there is a progress bar instead). `seed` is for what layers draw while training. `plain` are the
    training data without augmentation, for a running average (None: `training`). With a `folder`, every epoch
    ends in a checkpoint there, a later call with the same `identity` goes on from it to the same result, and
    TensorBoard finds its log there; without one, no file is written. `more` are further callbacks. Raises
    FerflowError where the loss stops being finite.
    """
    terminal = sys.stderr.isatty()
    callbacks: list[Callback] = [TQDMProgressBar(leave=False) if terminal else _Lines(title), *more]
    plain = training if plain is None else plain
    if recipe.average:
        callbacks.append(_Average(recipe.average, plain))
    if recipe.patience is not None:
        callbacks.append(
            EarlyStopping("validation_accuracy", mode="max", patience=recipe.patience, min_delta=0.0)
        )
    for name in ("lightning.pytorch", "lightning.fabric", "lightning.pytorch.utilities.rank_zero"):
        logging.getLogger(name).setLevel(logging.ERROR)
    keep_freed_memory()
    best = recipe.best and validation is not None
    with contextlib.ExitStack() as stack:
        # Its advice on workers and logging intervals is for larger jobs than ours.
        stack.enter_context(warnings.catch_warnings())
        warnings.filterwarnings("ignore", module="lightning")
        resumed, logger = None, False
        if folder is not None:
            resumed = checkpoints.last(folder, identity)
            folder.mkdir(parents=True, exist_ok=True)
            callbacks.append(_Curve(folder / checkpoints.CURVE))
            logger = _tensorboard(folder)
        elif best:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if best:
            callbacks.append(_saver(checkpoints.BEST, folder, "validation_accuracy"))
        if folder is not None:
            # After the best one: its state has to know of it.
            callbacks.append(_saver(checkpoints.LAST, folder, None))
        trainer = quiet_trainer(
            recipe.epochs,
            callbacks,
            bfloat16=recipe.bfloat16,
            checkpoints=folder is not None,
            logger=logger,
            progress=terminal,
        )
        module = Classifier(network, n_classes, recipe, seed, identity)
        stack.callback(module.close)
        done = resumed is not None and _take_finished(module, resumed)
        if not done:
            run_trainer(trainer, module, training, validation, resumed)
        if best:
            kept = load_file(folder / checkpoints.BEST)
            module.load_state_dict(kept["state_dict"])
        if recipe.average:
            _calibrate(network, plain, _CALIBRATION, seed, recipe.bfloat16)
    network.cpu()
    return module.history()


def _take_finished(module: Classifier, checkpoint: Path) -> bool:
    """Whether the run had all its epochs before it was interrupted; then `module` gets what it ended with.

    Lightning would not copy the running average, and would go on after an early stop.
    """
    content = load_file(checkpoint)
    rows, recipe = content[checkpoints.RUN]["rows"], module.recipe
    waited = 0
    if recipe.patience is not None:
        accuracies = [row["validation_accuracy"] for row in rows]
        waited = len(rows) - 1 - int(np.argmax(accuracies))
    if len(rows) < recipe.epochs and (recipe.patience is None or waited < recipe.patience):
        return False
    module.load_state_dict(content["state_dict"])
    module.rows = list(rows)
    return True


def _saver(file: str, folder: Path, monitor: str | None) -> ModelCheckpoint:
    """Keeps `file` in `folder`: of the last epoch, or of the one where `monitor` was greatest."""
    return ModelCheckpoint(
        dirpath=folder,
        filename=Path(file).stem,
        monitor=monitor,
        mode="max",
        save_top_k=1,
        save_on_train_epoch_end=True,
        enable_version_counter=False,
    )


def _tensorboard(folder: Path):
    from lightning.pytorch.loggers import TensorBoardLogger

    return TensorBoardLogger(folder, name="tensorboard", version="")
