"""Search of the classifier on a frozen base (thesis, section 3.2.4, phase 1), by Bayesian optimisation.

The trials are kept as `training.trials` says, so that an interrupted search goes on to the same result.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from ferflow import tables
from ferflow.errors import FerflowError
from ferflow.settings import ClassifierSearch
from ferflow.training import trials as kept

if TYPE_CHECKING:
    import optuna

STEP = 0.1
"""Between the drop rates that are tried."""


class Shape(NamedTuple):
    """A classifier: neurons of its dense layers, and the share that is dropped after each."""

    dense: tuple[int, ...]
    dropout: float


class Outcome(NamedTuple):
    """A trial at its best epoch, and how many epochs it ran."""

    validation_accuracy: float
    train_accuracy: float
    epoch: int
    epochs: int


def search(
    storage: str | Path,
    identity: dict,
    settings: ClassifierSearch,
    seed: int,
    evaluate: Callable[[Shape], Outcome],
) -> pd.DataFrame:
    """Run what is missing of `settings.trials` trials; returns all of them (schema `trials`, without marks).

    `storage` is the SQLite file. `identity` (JSON values) says what the trials depend on beside `settings`
    and `seed`: those of another identity, which may lie in the same file, are none of this search. A trial in
    which `evaluate` raises LossError ends without a value. Raises InputError where `storage` is no such file,
    FerflowError where no trial has a value.
    """

    def attempt(trial: optuna.Trial, number: int) -> float:
        shape = _propose(trial, settings)
        print(f"trial {number} of {settings.trials}: dense {shape.dense}, dropout {shape.dropout:g}")
        outcome = evaluate(shape)
        for name in ("train_accuracy", "epoch", "epochs"):
            trial.set_user_attr(name, getattr(outcome, name))
        return outcome.validation_accuracy

    whole = [identity, settings.model_dump(mode="json"), seed]
    table = _table(
        kept.run(storage, whole, settings.trials, seed, lambda own: _sampler(settings, own), attempt)
    )
    if table.validation_accuracy.isna().all():
        raise FerflowError(storage, "no trial has a finite loss", "lower finetune.classifier.learning_rate")
    return table


def best(trials: pd.DataFrame) -> Shape:
    """The classifier with the greatest validation accuracy, of several the first."""
    row = trials.loc[trials.validation_accuracy.idxmax()]
    dense = [row.neurons_1] if row.layers == 1 else [row.neurons_1, row.neurons_2]
    return Shape(tuple(int(n) for n in dense), float(row.dropout))


def _sampler(settings: ClassifierSearch, seed: int) -> optuna.samplers.BaseSampler:
    import optuna

    kind = optuna.samplers.GPSampler if settings.sampler == "gp" else optuna.samplers.TPESampler
    return kind(seed=seed, n_startup_trials=settings.startup)


def _propose(trial: optuna.Trial, settings: ClassifierSearch) -> Shape:
    layers = trial.suggest_int("layers", *settings.layers)
    # Both are suggested always: the Gaussian process needs one space for all trials.
    neurons = [trial.suggest_categorical(f"neurons_{n}", settings.neurons) for n in (1, 2)]
    dropout = trial.suggest_float("dropout", *settings.dropout, step=STEP)
    return Shape(tuple(neurons[:layers]), round(dropout, 6))


def _table(trials: list[optuna.trial.FrozenTrial]) -> pd.DataFrame:
    rows = [
        {
            "trial": number,
            "layers": trial.params["layers"],
            "neurons_1": trial.params["neurons_1"],
            "neurons_2": trial.params["neurons_2"] if trial.params["layers"] == 2 else None,
            "dropout": round(trial.params["dropout"], 6),
            "validation_accuracy": trial.value,
            **trial.user_attrs,
        }
        for number, trial in enumerate(trials, 1)
    ]
    columns = [c for c in tables.schema("trials").names if c not in ("synthetic", "note")]
    table = pd.DataFrame(rows).reindex(columns=columns)
    table["best_so_far"] = table.validation_accuracy.astype(float).cummax().ffill()
    return table.astype(dict.fromkeys(("neurons_2", "epoch", "epochs"), "Int64"))
