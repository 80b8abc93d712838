"""One fold of the cross-validation, twice: with a fixed number of epochs, and stopped early.

The first run measures the recipe; its curves are averaged epoch-wise over the folds (thesis, section 3.2.3).
The second finds the epoch at which the fold is best, from which the final model's number of epochs comes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ferflow import files, tables
from ferflow.errors import SplitError
from ferflow.evaluation.predictions import table
from ferflow.seeds import derive_seed, reproducible
from ferflow.settings import Finalize, Temporal, Trained
from ferflow.settings.types import Normalise
from ferflow.training import splits as subject_splits
from ferflow.training.predictions import probabilities

if TYPE_CHECKING:
    from torch import nn
    from torch.utils.data import Dataset


def run_fold(
    head: str,
    fold: int,
    *,
    splits: str | Path,
    manifest: str | Path,
    trim: str | Path,
    features: Sequence[str | Path],
    out_folder: str | Path,
    temporal: Temporal,
    finalize: Finalize | None,
    max_frames: int,
    classes: Sequence[str],
    model: str,
    seed: int,
    normalise: Normalise = "none",
    announce: Callable[[str], None] | None = None,
    tested: bool = False,
) -> None:
    """Train `head` without fold `fold` and judge it on that fold's original clips.

    `features` are files named `<augmentation>/<subject>.h5`, off which `normalise` takes a mean
    (`data.Study.offset`); every augmentation among them is trained on, none is judged on. Writes to
    `out_folder`, after both runs have ended: `history.csv` and `predictions.csv` (of the last epoch's
    weights: no epoch is picked by what it is judged on) of the fixed run of `temporal.epochs`, at a constant
    learning rate; `early_history.csv` and `best_epoch.json` (see `best_epoch`) of the run that stops early,
    which is left out where `finalize` is None. With `tested` also `fold_test_predictions.csv`: what its
    best weights predict of the test subjects, by whom nothing is chosen. A training that will be long is
    announced before it starts (None: on stderr). Raises SplitError where a subject stands on both sides under
    `honest`.
    """
    from ferflow.models import temporal as heads
    from ferflow.training import estimate
    from ferflow.training.data import Study, refuse_leak

    split = read_split(splits, fold)
    study = Study.read(manifest, trim, features, classes, max_frames, normalise)
    ours = study.of(training_subjects(split, without=fold))
    held_out = study.of(split["folds"][fold])
    refuse_leak(ours, held_out, split["protocol"])
    training = study.features(ours, study.augmentations, temporal.memory)
    cost = estimate.head_cost(
        head,
        temporal.heads[head],
        study.width,
        max_frames,
        len(classes),
        temporal.batch,
        temporal.threads,
    )
    test = None
    if tested:
        clips = study.of(split["test"])
        refuse_leak(ours, clips, split["protocol"])
        test = clips, study.features(clips, (), temporal.memory)
    epochs = most_epochs(temporal, finalize)
    estimate.announce(f"{model}, fold {fold}", cost, len(training), epochs, announce or estimate.warn)
    train_and_judge(
        head,
        fold,
        build=lambda: heads.build(head, study.width, len(classes), temporal.heads[head]),
        training=training,
        validation=study.features(held_out, (), temporal.memory),
        held_out=held_out,
        out_folder=out_folder,
        plan=temporal,
        finalize=finalize,
        classes=classes,
        model=model,
        seed=seed,
        test=test,
    )


def most_epochs(plan: Trained, finalize: Finalize | None) -> int:
    """Epochs of both runs of a fold, at most."""
    return plan.epochs + (0 if finalize is None else finalize.max_epochs)


def read_split(splits: str | Path, fold: int) -> dict:
    """Read `splits.json`; SplitError where it has no fold `fold`."""
    split = subject_splits.read(splits)
    if not 0 <= fold < len(split["folds"]):
        raise SplitError(splits, f"has no fold {fold}", f"its folds are 0 to {len(split['folds']) - 1}")
    return split


def train_and_judge(
    name: str,
    fold: int,
    *,
    build: Callable[[], nn.Module],
    training: Dataset,
    validation: Dataset,
    held_out: pd.DataFrame,
    out_folder: str | Path,
    plan: Trained,
    finalize: Finalize | None,
    classes: Sequence[str],
    model: str,
    seed: int,
    bfloat16: bool = False,
    device: str = "cpu",
    test: tuple[pd.DataFrame, Dataset] | None = None,
) -> None:
    """The two runs of one fold of any network for clips, and their four files in `out_folder`.

    Without `finalize` it is the fixed run alone, and its two files. `test` are clips that the best weights of
    the other run are shown too.
    `name` is what the network is called in seeds, `model` in tables; `held_out` are the clips of
    `validation`, in its order. `bfloat16` is for training, `device` for what is judged. See `run_fold`.
    """
    from ferflow.training import optimise
    from ferflow.training.data import loader
    from ferflow.training.fit import fit
    from ferflow.training.module import Recipe
    from ferflow.training.task import Expression

    adam = optimise.adam(plan.learning_rate)
    fixed = Recipe(adam, plan.epochs, bfloat16=bfloat16)

    def train(recipe: Recipe, purpose: str, judged: Dataset = validation):
        # Both runs start from the same weights and see the clips in the same order.
        start = derive_seed(seed, "fold", name, fold)
        with reproducible(start, plan.threads):
            network = build()
            history = fit(
                network,
                Expression(),
                recipe,
                loader(training, plan.batch, start),
                loader(validation, plan.batch),
                f"{model}, fold {fold}, {purpose}",
                seed=start,
            )
            return history, probabilities(network, loader(judged, plan.batch), device)

    history, shares = train(fixed, "fixed run")
    if finalize is not None:
        schedule = optimise.plateau(finalize.rate_factor, finalize.rate_patience)
        stopped = Recipe(
            adam,
            finalize.max_epochs,
            schedule=schedule,
            patience=finalize.patience,
            best=True,
            bfloat16=bfloat16,
        )
        early, said = train(stopped, "stopped early", validation if test is None else test[1])
    out_folder = Path(out_folder)
    tables.write(history, out_folder / "history.csv", "history")
    predictions = table(held_out, shares, classes, model, "cv", fold, seed)
    tables.write(predictions, out_folder / "predictions.csv", "predictions")
    if finalize is None:
        return
    if test is not None:
        judged = table(test[0], said, classes, model, "test", fold, seed)
        tables.write(judged, out_folder / "fold_test_predictions.csv", "predictions")
    tables.write(early, out_folder / "early_history.csv", "history")
    files.write_text(out_folder / "best_epoch.json", json.dumps({"fold": fold, **best_epoch(early)}) + "\n")


def training_subjects(split: dict, without: int | None = None) -> list[str]:
    """The subjects of all folds but `without`."""
    return [s for i, fold in enumerate(split["folds"]) if i != without for s in fold]


def best_epoch(history: pd.DataFrame) -> dict[str, int | float]:
    """Epoch of the greatest validation accuracy, counted from 1, the first of several; and that accuracy."""
    row = history.loc[history.validation_accuracy.idxmax()]
    return {"epoch": int(row.epoch), "max_accuracy": float(row.validation_accuracy)}
