"""Search of a temporal head's settings over the mean of cross-validation, with Optuna's TPE sampler.

The value of a trial is the mean over folds of the best validation accuracy of each. An epoch and a trial that
were picked by what they are evaluated on look better than they are: the search chooses settings, and does
not show how good they will be. Test subjects have no part in it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import yaml

from ferflow import files, tables
from ferflow.errors import FerflowError
from ferflow.evaluation.results import study_note
from ferflow.settings import SEARCHED_BESIDE, Range, Search, Temporal
from ferflow.settings.types import Normalise
from ferflow.training import checkpoints
from ferflow.training import trials as kept
from ferflow.training.crossval import best_epoch, run_fold
from ferflow.training.splits import read as read_split

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

DIGITS = 3
"""Significant digits of a number that is drawn from a range without steps."""
WHOLE, STOPPED, DIVERGED = "all folds", "stopped", "diverged"
"""How a trial ended: on all folds, below the median of earlier ones, or with a loss that is not finite."""

Proposal = dict[str, int | float | str | bool]


class FoldScore(NamedTuple):
    """A fold at the epoch of its greatest validation accuracy (the first of several, from 1)."""

    validation_accuracy: float
    train_accuracy: float
    epoch: int


def search(
    storage: str | Path,
    identity: Mapping[str, object],
    settings: Search,
    head: str,
    n_folds: int,
    seed: int,
    evaluate: Callable[[Proposal, int], FoldScore],
) -> pd.DataFrame:
    """Run what is missing of the trials; returns all of them (schema `head_trials`, without marks).

    `storage` is the SQLite file in which they are kept. `identity` (JSON values) is what they depend on
    besides `settings`, `head`, `n_folds` and `seed`; more trials of the same go on with those that are there.
    `evaluate` trains without a fold; the folds that an interrupted trial has ended are not trained again. A
    trial in which it raises LossError counts for nothing. Raises FerflowError where no trial ran on all
    folds.
    """
    import optuna

    def attempt(trial: optuna.Trial, number: int) -> float:
        proposal = propose(trial, settings.tried(head))
        trial.set_user_attr("proposal", proposal)
        before = [old.user_attrs.get("folds", []) for old in kept.interrupted(trial)]
        scores = [FoldScore(*score) for score in max(before, key=len, default=[])]
        print(f"trial {number} of {settings.trials}: {words(proposal)}")
        for fold in range(n_folds):
            if fold >= len(scores):
                scores.append(evaluate(proposal, fold))
            trial.set_user_attr("folds", [list(score) for score in scores[: fold + 1]])
            mean = _mean(scores[: fold + 1])
            trial.report(mean, fold)
            if fold + 1 < n_folds and trial.should_prune():
                trial.set_user_attr("stopped", True)
                print(f"trial {number} is stopped after fold {fold}: {mean:.3f} is below the median")
                raise optuna.TrialPruned
        print(f"trial {number}: {mean:.3f}")
        return mean

    after = settings.pruned_after
    sampling = settings.model_dump(mode="json", include={"startup", "pruned_after"})
    space = {name: _plain(values) for name, values in settings.tried(head).items()}
    trials = kept.run(
        storage,
        [dict(identity), sampling, space, head, n_folds, seed],
        settings.trials,
        seed,
        lambda drawn: optuna.samplers.TPESampler(seed=drawn, n_startup_trials=settings.startup),
        attempt,
        None if after is None else optuna.pruners.MedianPruner(n_startup_trials=after),
    )
    table = tabulate(trials, n_folds)
    if table["validation_accuracy"].isna().all():
        raise FerflowError(storage, "no trial ran on all folds", "search smaller learning rates")
    return table


def search_head(
    head: str,
    *,
    splits: str | Path,
    manifest: str | Path,
    trim: str | Path,
    features: Mapping[int, Sequence[str | Path]],
    out_trials: str | Path,
    out_best: str | Path,
    storage: str | Path,
    settings: Search,
    temporal: Temporal,
    max_frames: int,
    classes: Sequence[str],
    model: str,
    seed: int,
    synthetic: bool,
    protocol: str = "honest",
    normalise: Normalise = "none",
    announce: Callable[[str], None] | None = None,
) -> None:
    """Search the settings of `head` on the folds of `splits`.

    `features` are the files to train on for each number of augmentations. Writes the trials (schema
    `head_trials`) to `out_trials`, and what the best one changes, as settings to lay over the study's, to
    `out_best` (YAML). A training that will be long is announced before the first. Trials are kept in the file
    `storage`, the fold that is trained beside it, so that an interrupted search goes on within its epochs.
    """
    announced: list[str] = []

    def once(line: str) -> None:
        if announce is not None and not announced:
            announce(f"{line} (the first of a search)")
        announced.append(line)

    def evaluate(proposal: Proposal, fold: int) -> FoldScore:
        tried = temporal.changed(head, proposal)
        run = None if running is None else running / f"fold-{fold}"
        # The one before is kept until its score is: a kill in between trains no fold again.
        for other in [] if run is None else list(running.glob("fold-*")):
            if other != run:
                shutil.rmtree(other)
        with tempfile.TemporaryDirectory() as folder:
            run_fold(
                head,
                fold,
                splits=splits,
                manifest=manifest,
                trim=trim,
                features=features[tried.heads[head].augmentations],
                out_folder=folder,
                temporal=tried,
                finalize=None,
                max_frames=max_frames,
                normalise=normalise,
                classes=classes,
                model=model,
                seed=seed,
                announce=once,
                run=run,
                keep_run=True,
            )
            history = tables.read(Path(folder) / "history.csv", "history")
        top = best_epoch(history)
        train = history.set_index("epoch")["train_accuracy"][top["epoch"]]
        return FoldScore(top["max_accuracy"], float(train), top["epoch"])

    everything = dict.fromkeys(path for paths in features.values() for path in paths)
    identity = {
        "temporal": temporal.model_dump(mode="json", include={"learning_rate", "batch", "epochs", "threads"}),
        "head": temporal.heads[head].model_dump(mode="json"),
        "max_frames": max_frames,
        "normalise": normalise,
        "classes": list(classes),
        "files": {Path(path).name: files.sha256(path) for path in (splits, manifest, trim)},
        "features": [[Path(path).parent.name, Path(path).stem, files.sha256(path)] for path in everything],
        "protocol": protocol,
    }
    n_folds = len(read_split(splits)["folds"])
    with checkpoints.of_job(Path(storage).parent / "running") as running:
        table = search(storage, identity, settings, head, n_folds, seed, evaluate)
        chosen = best(table, list(settings.tried(head)))
        table = table.assign(synthetic=synthetic, note=study_note(protocol))
        tables.write(table, out_trials, "head_trials")
        files.write_text(out_best, overlay(head, chosen))


def propose(trial: optuna.Trial, space: Mapping[str, list | Range]) -> Proposal:
    """A value of each setting of `space`."""
    proposal: Proposal = {}
    for name, values in space.items():
        if not isinstance(values, Range):
            proposal[name] = trial.suggest_categorical(name, values)
        elif values.whole:
            step = 1 if values.step is None else int(values.step)
            proposal[name] = trial.suggest_int(name, values.low, values.high, step=step, log=values.log)
        else:
            drawn = trial.suggest_float(name, values.low, values.high, step=values.step, log=values.log)
            # What is trained is what a reader of the table can repeat.
            short = float(f"{drawn:.{DIGITS}g}") if values.step is None else round(drawn, 9)
            proposal[name] = min(max(short, float(values.low)), float(values.high))
    return proposal


def tabulate(trials: Sequence[FrozenTrial], n_folds: int) -> pd.DataFrame:
    """Schema `head_trials` (without marks) of ended trials. Only those on all folds have an accuracy."""
    rows = []
    for number, trial in enumerate(trials, 1):
        scores = [FoldScore(*score) for score in trial.user_attrs.get("folds", [])]
        ran = len(scores) == n_folds
        row = {
            "trial": number,
            "n_folds": len(scores),
            "ended": WHOLE if ran else STOPPED if trial.user_attrs.get("stopped") else DIVERGED,
        }
        for name, value in trial.user_attrs["proposal"].items():
            row[name] = {True: "yes", False: "no"}[value] if isinstance(value, bool) else value
        if scores:
            values = np.array([score.validation_accuracy for score in scores])
            training = float(np.mean([score.train_accuracy for score in scores]))
            row |= {"mean_so_far": _mean(scores), "epoch": float(np.mean([score.epoch for score in scores]))}
            row |= {"train_accuracy": training, "gap": training - _mean(scores)}
            if ran:
                row |= {"validation_accuracy": _mean(scores), "least": values.min(), "greatest": values.max()}
                row["spread"] = float(values.std(ddof=1)) if n_folds > 1 else None
        rows.append(row)
    declared = tables.schema("head_trials")
    columns = [name for name in declared.names if name not in ("synthetic", "note")]
    table = pd.DataFrame(rows).reindex(columns=columns)
    table["best_so_far"] = table["validation_accuracy"].astype(float).cummax().ffill()
    whole = declared.of_type("integer")
    texts = [name for name in declared.of_type("string") if name != "note"]
    table[texts] = table[texts].fillna("")
    return table.astype(dict.fromkeys(whole, "Int64"))


def best(table: pd.DataFrame, names: Sequence[str]) -> Proposal:
    """The settings `names` of the trial with the greatest mean, of several the first."""
    row = table.loc[table["validation_accuracy"].astype(float).idxmax()]
    chosen: Proposal = {}
    for name in names:
        value = row[name].item() if hasattr(row[name], "item") else row[name]
        chosen[name] = {"yes": True, "no": False}.get(value, value)
    return chosen


def overlay(head: str, chosen: Proposal) -> str:
    """YAML of `chosen`, to be laid over a study's settings."""
    of_head = {name: value for name, value in chosen.items() if name not in SEARCHED_BESIDE}
    of_training = {name: value for name, value in chosen.items() if name in SEARCHED_BESIDE}
    settings = {"temporal": {"heads": {head: of_head}} | of_training if of_head else of_training}
    return f"# The best settings that the search found for {head}\n" + yaml.safe_dump(settings)


def words(proposal: Proposal) -> str:
    """Settings for a log: `units 64, dropout 0.3`."""
    return ", ".join(f"{name} {value}" for name, value in proposal.items())


def _mean(scores: Sequence[FoldScore]) -> float:
    return float(np.mean([score.validation_accuracy for score in scores]))


def _plain(values: list | Range) -> object:
    return values.model_dump(mode="json") if isinstance(values, Range) else list(values)
