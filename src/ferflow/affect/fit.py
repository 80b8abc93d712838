"""The run that trains a network for expression, valence and arousal, and goes on where it was interrupted.

As `training.fit`, with checkpoints in the middle of an epoch too: one of AffectNet's lasts three quarters of
an hour (Akhtar 2022, Table 3), and the paper's own runs were broken off by its provider.
"""

from __future__ import annotations

import contextlib
import logging
import tempfile
import warnings
from pathlib import Path

import ferflow.models.vision  # noqa: F401  torchmetrics imports torchvision, which needs this first

# isort: split
import lightning.pytorch as lightning
import pandas as pd
import torch
from lightning.pytorch.callbacks import Checkpoint, ModelCheckpoint

from ferflow import files, tables
from ferflow.affect.losses import AffectLoss
from ferflow.affect.module import MONITOR, AffectModule, Batches
from ferflow.models.affect import AffectNetwork
from ferflow.models.checkpoint import load_file
from ferflow.models.precision import device, resolve
from ferflow.settings.affect import AffectModel
from ferflow.training import checkpoints
from ferflow.training.fit import quiet_trainer, run_trainer
from ferflow.training.shards import keep_freed_memory


class _Saver(Checkpoint):
    """Keeps `last.ckpt`: every `steps` steps within an epoch, and at its end, with the curve so far."""

    def __init__(self, folder: Path, steps: int) -> None:
        self.folder, self.steps = folder, steps

    def on_train_batch_end(self, trainer: lightning.Trainer, module: AffectModule, *of_batch) -> None:
        *_, number = of_batch
        # The epoch's last batch is left to its end: in between stands the validation.
        if (number + 1) % self.steps == 0 and number + 1 < len(module.batches):
            self._save(trainer)

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: AffectModule) -> None:
        tables.write(module.history(), self.folder / checkpoints.CURVE, "affect_history")
        self._save(trainer)

    def _save(self, trainer: lightning.Trainer) -> None:
        with files.whole(self.folder / checkpoints.LAST) as partial:
            trainer.save_checkpoint(partial)


def fit(
    network: AffectNetwork,
    loss: AffectLoss,
    model: AffectModel,
    training: Batches,
    validation: Batches,
    title: str,
    *,
    seed: int,
    folder: Path | None = None,
    identity: str = "",
    augmented: bool = False,
) -> tuple[pd.DataFrame, float]:
    """Train `network` in place; its learning curve (schema `affect_history`) and the run's seconds.

    Takes a GPU where there is one; the network ends on the CPU. With a `folder`, the run is kept there every
    `model.checkpoint_steps` steps and after each epoch, and a later call with the same `identity` goes on
    from it, in the middle of an epoch too, to the same weights. Raises LossError where the loss stops being
    finite.
    """
    for name in ("lightning.pytorch", "lightning.fabric", "lightning.pytorch.utilities.rank_zero"):
        logging.getLogger(name).setLevel(logging.ERROR)
    keep_freed_memory()
    bfloat16 = resolve(model.precision, device()) == torch.bfloat16
    callbacks: list[Checkpoint] = []
    with contextlib.ExitStack() as stack:
        # Its advice on workers and logging intervals is for larger jobs than ours.
        stack.enter_context(warnings.catch_warnings())
        warnings.filterwarnings("ignore", module="lightning")
        resumed, best = None, model.keep == "best"
        if folder is not None:
            resumed = checkpoints.last(folder, identity)
            folder.mkdir(parents=True, exist_ok=True)
        kept = folder or (Path(stack.enter_context(tempfile.TemporaryDirectory())) if best else None)
        if best:
            callbacks.append(_best(kept))
        if folder is not None:
            # After the best one: its state has to know of it.
            callbacks.append(_Saver(folder, model.checkpoint_steps))
        trainer = quiet_trainer(model.epochs, callbacks, bfloat16=bfloat16, checkpoints=bool(callbacks))
        module = AffectModule(network, loss, model, training, seed, identity, title, augmented)
        done = resumed is not None and _take_finished(module, resumed)
        if not done:
            run_trainer(trainer, module, training, validation, resumed)
        if best:
            module.load_state_dict(load_file(kept / checkpoints.BEST)["state_dict"])
    network.cpu()
    return module.history(), module.seconds


def _take_finished(module: AffectModule, checkpoint: Path) -> bool:
    """Whether the run had all its epochs before it was interrupted; then `module` gets what it ended with."""
    content = load_file(checkpoint)
    run = content[checkpoints.RUN]
    if len(run["rows"]) < module.model.epochs:
        return False
    module.load_state_dict(content["state_dict"])
    module.on_load_checkpoint(content)
    return True


def _best(folder: Path) -> ModelCheckpoint:
    """Keeps the epoch with the least validation loss."""
    return ModelCheckpoint(
        dirpath=folder,
        filename=Path(checkpoints.BEST).stem,
        monitor=MONITOR,
        mode="min",
        save_top_k=1,
        save_on_train_epoch_end=True,
        enable_version_counter=False,
    )
