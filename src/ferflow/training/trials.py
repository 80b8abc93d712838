"""The trials of a search with Optuna, kept in an SQLite file so that an interrupted search can go on.

Each trial is proposed by a sampler of its own seed, from the trials that have ended before it, so that a
search which was interrupted proposes what it would have proposed: the trial that was under way is run again,
those that ended are kept, and the result is the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ferflow.errors import InputError, LossError
from ferflow.seeds import derive_seed

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial


def run(
    storage: str | Path,
    identity: object,
    n_trials: int,
    seed: int,
    sampler: Callable[[int], optuna.samplers.BaseSampler],
    attempt: Callable[[optuna.Trial, int], float],
    pruner: optuna.pruners.BasePruner | None = None,
) -> list[FrozenTrial]:
    """Run what is missing of `n_trials` trials; returns the first so many in their order.

    `storage` is the SQLite file. `identity` (JSON values) says what the trials depend on: those of another
    identity, which may lie in the same file, are none of this search. `sampler` makes one from a seed;
    `attempt` gives the value (to be maximised) of a trial with its number from 1. A trial in which it raises
    LossError or optuna.TrialPruned ends as pruned, without counting towards the best. Raises InputError where
    `storage` is no such file.
    """
    import optuna
    from optuna.trial import TrialState

    ended = (TrialState.COMPLETE, TrialState.PRUNED)
    described = json.dumps(identity, sort_keys=True)
    study = _study(storage, hashlib.sha256(described.encode()).hexdigest())
    study.pruner = pruner or optuna.pruners.NopPruner()
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)  # its process is gone
    while (done := len(study.get_trials(deepcopy=False, states=ended))) < n_trials:
        study.sampler = sampler(derive_seed(seed, "trial", done) % 2**32)
        trial = study.ask()
        try:
            value = attempt(trial, done + 1)
        except LossError as error:
            print(f"trial {done + 1} has no value: {error}")
            study.tell(trial, state=TrialState.PRUNED)
        except optuna.TrialPruned:
            study.tell(trial, state=TrialState.PRUNED)
        else:
            study.tell(trial, value)
    return study.get_trials(deepcopy=False, states=ended)[:n_trials]


def interrupted(trial: optuna.Trial) -> list[FrozenTrial]:
    """Earlier attempts at the parameters of `trial` that a killed process left unfinished, latest first."""
    from optuna.trial import TrialState

    failed = trial.study.get_trials(deepcopy=False, states=(TrialState.FAIL,))
    return [other for other in reversed(failed) if other.params == trial.params]


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
