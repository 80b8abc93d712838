"""The run that trains a network: Lightning's trainer, its callbacks, and checkpoints to go on from."""

from __future__ import annotations

import contextlib
import logging
import signal
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import ferflow.models.vision  # noqa: F401  torchmetrics imports torchvision, which needs this first

# isort: split
import lightning.pytorch as lightning
import numpy as np
import pandas as pd
import torch
from lightning.pytorch.callbacks import Callback, Checkpoint, EarlyStopping, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.callbacks.weight_averaging import WeightAveraging
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.plugins.environments import LightningEnvironment
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn, update_bn
from torch.utils.data import DataLoader

from ferflow import files, short_run, tables
from ferflow.models.checkpoint import load_file
from ferflow.training import checkpoints
from ferflow.training.module import Learner, Recipe
from ferflow.training.shards import keep_freed_memory
from ferflow.training.task import Task

_CALIBRATION = 32_768
"""Training images, at most, from which the batch normalisation of a running average takes its statistics."""
_GLANCE = 2048
"""As many while training, when the average is only watched."""


class _Average(WeightAveraging):
    """The running average of the weights, after every step. While it is watched, its statistics are fresh."""

    def __init__(self, decay: float, plain: DataLoader) -> None:
        super().__init__(multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=False)
        self.plain = plain

    def on_validation_epoch_start(self, trainer: lightning.Trainer, module: Learner) -> None:
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


class _Last(Checkpoint):
    """Keeps `last.ckpt` with the curve so far, at the end of every epoch and every `steps` steps within.

    With `every` at the end of an epoch once so many seconds have passed since the last one. Told to end
    (SIGTERM), the run keeps where it stands: here with `steps`, else at the epoch's end if that is near; an
    epoch that takes longer is trained again.
    """

    def __init__(self, folder: Path, steps: int | None, every: float) -> None:
        self.folder, self.steps, self.every = folder, steps, every
        self.ending, self.kept = False, False
        self.began = self.saved = self.epoch_began = time.monotonic()
        self.took = 0.0

    def on_train_start(self, trainer: lightning.Trainer, module: Learner) -> None:
        if threading.current_thread() is threading.main_thread():
            # In place of Lightning's, which stops behind the batch; it takes back what was there before it.
            signal.signal(signal.SIGTERM, self._end)

    def _end(self, *_of_signal) -> None:
        self.ending = True

    def on_train_epoch_start(self, trainer: lightning.Trainer, module: Learner) -> None:
        self.epoch_began = time.monotonic()

    def on_train_batch_end(self, trainer: lightning.Trainer, module: Learner, *of_batch) -> None:
        done = of_batch[-1] + 1
        # The epoch's last batch is left to its end: in between stands the validation.
        within = self.steps is not None and done < module.steps
        if within and (self.ending or done % self.steps == 0):
            module.refuse_divergence()
            self._save(trainer)
        left = (time.monotonic() - self.epoch_began) / done * (module.steps - done)
        if self.ending and (within or left > checkpoints.EVERY):
            raise SIGTERMException

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: Learner) -> None:
        now = time.monotonic()
        last = trainer.should_stop or module.current_epoch + 1 == module.recipe.epochs
        if (
            self.ending
            or now - self.saved >= max(self.every, checkpoints.WRITING * self.took * bool(self.every))
            or (last and (self.kept or now - self.began >= self.every))
        ):
            tables.write(module.history(), self.folder / checkpoints.CURVE, "history")
            self._save(trainer)
        if self.ending:
            raise SIGTERMException

    def _save(self, trainer: lightning.Trainer) -> None:
        before = time.monotonic()
        with files.atomic_write(self.folder / checkpoints.LAST) as partial:
            trainer.save_checkpoint(partial)
        self.saved, self.kept = time.monotonic(), True
        self.took = self.saved - before


class _Timed(Callback):
    """Notes how long each step of a rehearsal takes, from the end of the one before it.

    On a CPU it is no longer than the processor was busy: other programs are none of the study.
    """

    def on_train_epoch_start(self, trainer: lightning.Trainer, module: Learner) -> None:
        self.since = time.perf_counter(), time.process_time()

    def on_train_batch_end(self, trainer: lightning.Trainer, module: Learner, outputs, batch, _: int) -> None:
        now = time.perf_counter(), time.process_time()
        wall, busy = (after - before for after, before in zip(now, self.since, strict=True))
        short_run.timed(len(batch[-1]), min(wall, busy) if module.device.type == "cpu" else wall)
        self.since = now


def _best(folder: Path, monitor: str, mode: str, averaged: bool) -> ModelCheckpoint:
    """Keeps the weights (`best.ckpt`) of the epoch where `monitor` was greatest or least."""
    return ModelCheckpoint(
        dirpath=folder,
        filename=Path(checkpoints.BEST).stem,
        monitor=monitor,
        mode=mode,
        save_top_k=1,
        save_weights_only=not averaged,  # an average takes the weights' place in a whole checkpoint alone
        save_on_train_epoch_end=True,
        enable_version_counter=False,
    )


def fit(
    network: nn.Module,
    task: Task,
    recipe: Recipe,
    training: Iterable,
    validation: Iterable | None,
    title: str,
    *,
    seed: int = 0,
    plain: DataLoader | None = None,
    folder: Path | None = None,
    identity: str = "",
    every: float = 0.0,
    more: Sequence[Callback] = (),
) -> pd.DataFrame:
    """Train `network` in place for `task` and return its learning curve (schema `history`).

    Takes a GPU where there is one; the network ends on the CPU. `training` and `validation` give an epoch's
    batches each time they are gone through. `title` heads the lines of the log (on a terminal there is a
    progress bar instead). `seed` is for what layers draw while training. `plain` are the training data
    without augmentation, for a running average (None: `training`). With a `folder`, every epoch ends in a
    checkpoint there (and `recipe.checkpoint_steps` in more), a later call with the same `identity` goes on
    from it to the same result, and TensorBoard finds its log there; without one, no file is written. `every`
    seconds are the least between two checkpoints (`checkpoints.EVERY`); such a run leaves no log. `more` are
    further callbacks. Raises FerflowError where the loss stops being finite.
    """
    terminal = sys.stderr.isatty()
    callbacks: list[Callback] = [*([TQDMProgressBar(leave=False)] if terminal else []), *more]
    if short_run.active():
        callbacks.append(_Timed())
    plain = training if plain is None else plain
    monitor, mode = task.best
    if recipe.average:
        callbacks.append(_Average(recipe.average, plain))
    if recipe.patience is not None:
        callbacks.append(EarlyStopping(monitor, mode=mode, patience=recipe.patience, min_delta=0.0))
    for name in ("lightning.pytorch", "lightning.fabric", "lightning.pytorch.utilities.rank_zero"):
        logging.getLogger(name).setLevel(logging.ERROR)
    keep_freed_memory()
    best = recipe.best and validation is not None
    module = Learner(network, task, recipe, len(training), seed, identity, "" if terminal else title)
    with contextlib.ExitStack() as stack:
        # Its advice on workers and logging intervals is for larger jobs.
        stack.enter_context(warnings.catch_warnings())
        warnings.filterwarnings("ignore", module="lightning")
        stack.callback(module.close)
        resumed, logger = None, False
        if folder is not None:
            resumed = checkpoints.last(folder, identity)
            folder.mkdir(parents=True, exist_ok=True)
            logger = False if every else TensorBoardLogger(folder, name="tensorboard", version="")
        kept = folder or (Path(stack.enter_context(tempfile.TemporaryDirectory())) if best else None)
        if best:
            callbacks.append(_best(kept, monitor, mode, bool(recipe.average)))
        if folder is not None:
            # After the best one: its state has to know of it.
            callbacks.append(_Last(folder, recipe.checkpoint_steps, every))
        if resumed is None or not _take_finished(module, resumed, training):
            _run(module, training, validation, callbacks, resumed, logger, terminal)
        if best:
            module.load_state_dict(load_file(kept / checkpoints.BEST)["state_dict"])
        if recipe.average:
            _calibrate(network, plain, _CALIBRATION, seed, recipe.bfloat16)
    network.cpu()
    return module.history()


def _run(
    module: Learner,
    training: Iterable,
    validation: Iterable | None,
    callbacks: list[Callback],
    resumed: Path | None,
    logger: TensorBoardLogger | Literal[False],
    terminal: bool,
) -> None:
    """Train in one process on one device, from the checkpoint `resumed` on. SystemExit where terminated."""
    trainer = lightning.Trainer(
        accelerator="auto",
        devices=1,
        precision="bf16-mixed" if module.recipe.bfloat16 else "32-true",
        max_epochs=module.recipe.epochs,
        callbacks=callbacks,
        logger=logger,
        enable_checkpointing=any(isinstance(callback, Checkpoint) for callback in callbacks),
        enable_model_summary=False,
        enable_progress_bar=terminal,
        num_sanity_val_steps=0,
        limit_train_batches=short_run.batches(),
        limit_val_batches=short_run.batches(),
        deterministic=True,
        # A job is one process, also under Slurm, whose environment Lightning would otherwise read.
        plugins=[LightningEnvironment()],
    )
    try:
        trainer.fit(module, training, validation, ckpt_path=resumed, weights_only=True)
    except SIGTERMException:
        # Lightning's own way out has the exit status of success.
        raise SystemExit(128 + signal.SIGTERM) from None


def _take_finished(module: Learner, checkpoint: Path, training: Iterable) -> bool:
    """Whether the run had all its epochs before it was interrupted; then `module` gets what it ended with.

    Lightning would not copy the running average, and would go on after an early stop. Else `training` is set
    to what comes next, where it can be.
    """
    content = load_file(checkpoint)
    run, recipe = content[checkpoints.RUN], module.recipe
    rows = run["rows"]
    waited = 0
    if recipe.patience is not None and rows:
        figures = np.array([row[module.task.best[0]] for row in rows])
        waited = len(rows) - 1 - int(figures.argmax() if module.task.best[1] == "max" else figures.argmin())
    if len(rows) < recipe.epochs and (recipe.patience is None or waited < recipe.patience):
        if run["at"] is not None:
            training.resume(run["at"])
        return False
    module.load_state_dict(content["state_dict"])
    module.on_load_checkpoint(content)
    return True
