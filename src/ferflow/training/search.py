"""Search of the classifier on a frozen base (thesis, section 3.2.4, phase 1), by Bayesian optimisation.

Optuna keeps the trials in an SQLite file. Each trial is proposed by a sampler of its own seed, from the
trials that have ended before it, so that a search which was interrupted proposes what it would have proposed:
the trial that was under way is run again, those that ended are kept, and the result is the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from ferflow import tables
from ferflow.errors import FerflowError, InputError
from ferflow.settings import ClassifierSearch
from ferflow.training.reproducible import derive

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
    which `evaluate` raises FerflowError (the loss stops being finite) ends without a value. Raises InputError
    where `storage` is no such file, FerflowError where no trial has a value.
    """
    from optuna.trial import TrialState

    asked = json.dumps([identity, settings.model_dump(mode="json"), seed], sort_keys=True)
    ended = (TrialState.COMPLETE, TrialState.PRUNED)
    study = _study(storage, hashlib.sha256(asked.encode()).hexdigest())
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)  # its process is gone
    while (done := len(study.get_trials(deepcopy=False, states=ended))) < settings.trials:
        study.sampler = _sampler(settings, derive(seed, "trial", done) % 2**32)
        trial = study.ask()
        shape = _propose(trial, settings)
        print(f"trial {done + 1} of {settings.trials}: dense {shape.dense}, dropout {shape.dropout:g}")
        try:
            outcome = evaluate(shape)
        except FerflowError as error:
            print(f"trial {done + 1} has no value: {error}")
            study.tell(trial, state=TrialState.PRUNED)
            continue
        for name in ("train_accuracy", "epoch", "epochs"):
            trial.set_user_attr(name, getattr(outcome, name))
        study.tell(trial, outcome.validation_accuracy)
    table = _table(study.get_trials(deepcopy=False, states=ended))
    if table.validation_accuracy.isna().all():
        raise FerflowError(storage, "no trial has a finite loss", "lower finetune.classifier.learning_rate")
    return table


def best(trials: pd.DataFrame) -> Shape:
    """The classifier with the greatest validation accuracy, of several the first."""
    row = trials.loc[trials.validation_accuracy.idxmax()]
    dense = [row.neurons_1] if row.layers == 1 else [row.neurons_1, row.neurons_2]
    return Shape(tuple(int(n) for n in dense), float(row.dropout))


def _study(storage: str | Path, name: str) -> optuna.Study:
    import optuna
    from sqlalchemy.engine import URL
    from sqlalchemy.exc import DatabaseError

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    Path(storage).parent.mkdir(parents=True, exist_ok=True)
    url = URL.create("sqlite", database=str(storage)).render_as_string()
    try:
        return optuna.create_study(storage=url, study_name=name, direction="maximize", load_if_exists=True)
    except (DatabaseError, RuntimeError) as error:
        reason = str(error).split("\n")[0]
        raise InputError(storage, f"is no store of trials ({reason})", "delete it and run again") from None


def _sampler(settings: ClassifierSearch, seed: int) -> optuna.samplers.BaseSampler:
    import optuna

    kind = optuna.samplers.GPSampler if settings.sampler == "gp" else optuna.samplers.TPESampler
    return kind(seed=seed, n_startup_trials=settings.startup)


def _propose(trial: optuna.Trial, settings: ClassifierSearch) -> Shape:
    layers = trial.suggest_int("layers", *settings.layers)
    # Both are asked for always: the Gaussian process needs one space for all trials.
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
    columns = [c for c in tables.schema("trials")["properties"] if c not in ("synthetic", "note")]
    table = pd.DataFrame(rows).reindex(columns=columns)
    table["best_so_far"] = table.validation_accuracy.astype(float).cummax().ffill()
    return table.astype(dict.fromkeys(("neurons_2", "epoch", "epochs"), "Int64"))
