"""Nested cross-validation (thesis, Algorithm 2): which subjects stand where, and what comes out of it.

Every outer fold is tested on once. What is tested is chosen on inner folds of the other subjects, so that
neither the choice of a candidate nor that of its number of epochs has seen a subject that it is tested on. An
outer fold is an ordinary split, whose test set is that fold: the jobs are those of plain cross-validation.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import ValidationError

from ferflow import tables
from ferflow.datasets import manifest as clip_list
from ferflow.errors import InputError, SettingError, SplitError
from ferflow.evaluation import predictions as predictions_table
from ferflow.evaluation.results import results, study_note
from ferflow.files import read_json, read_record, write_text
from ferflow.seeds import derive_seed
from ferflow.settings import Evaluation, Settings, Temporal
from ferflow.training import checkpoints
from ferflow.training import splits as subject_splits
from ferflow.training.crossval import head_of_settings, write_fold
from ferflow.training.final import final_epochs, run_final
from ferflow.training.predictions import write_run

SCHEME = "nested"


def make(sexes: Mapping[str, str], outer: int, inner: int, seed: int) -> dict:
    """The plan of `outer` x `inner` folds over subjects, stratified by sex; JSON values.

    `sexes` maps subject to female, male or "". The plan has `scheme`, `seed`, `protocol` (honest) and
    `outer`, a list of splits as in splits.json: `test` is the outer fold, `folds` are the inner ones.
    Raises SplitError where there are too few subjects.
    """
    rng = np.random.default_rng(derive_seed(seed, SCHEME))
    plan = {"scheme": SCHEME, "seed": seed, "protocol": "honest", "outer": []}
    for test in subject_splits.stratified(sexes, outer, 0, rng)["folds"]:
        held_out = set(test)
        rest = {subject: sex for subject, sex in sexes.items() if subject not in held_out}
        folds = subject_splits.stratified(rest, inner, 0, rng)["folds"]
        made = {"scheme": "stratified", "seed": seed, "protocol": "honest"}
        plan["outer"].append(made | {"test": test, "folds": folds})
    check(plan)
    return plan


def check(plan: dict, where: str | Path = "nested splits") -> None:
    """Refuse a subject on two sides of an outer fold or not tested exactly once, and empty sides."""
    everyone = {s for one in plan["outer"] for side in (one["test"], *one["folds"]) for s in side}
    tested: dict[str, int] = {}
    for number, one in enumerate(plan["outer"]):
        subject_splits.check(one, "honest", f"{where}, outer fold {number}")
        for subject in one["test"]:
            if subject in tested:
                raise SplitError(
                    where,
                    f"subject {subject} is tested on in outer folds {tested[subject]} and {number}",
                    "test each subject once",
                )
            tested[subject] = number
        lost = everyone - set(one["test"]).union(*one["folds"])
        if lost:
            problem = f"outer fold {number} leaves out subject {min(lost)}"
            raise SplitError(where, problem, "use every subject in each of them")
    if never := everyone - set(tested):
        raise SplitError(where, f"subject {min(never)} is never tested on", "test each subject once")


def read(path: str | Path) -> dict:
    """Read a plan and check it."""
    try:
        plan = read_json(path)
        for number, one in enumerate(plan["outer"]):
            subject_splits.refuse_misshapen(one, f"outer fold {number}: ")
        check(plan, path)
    except FileNotFoundError:
        raise InputError(path, "does not exist", "run the workflow's `nested_plan` step") from None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(path, f"is not a nested plan ({error})", "delete it and run again") from None
    return plan


def write_plan(
    manifest_csv: str | Path,
    out_plan: str | Path,
    out_splits: Sequence[str | Path],
    inner: int,
    seed: int,
) -> None:
    """Write the plan, and one split for each outer fold; there are as many as `out_splits`."""
    clips = clip_list.read(manifest_csv)
    sexes = dict(zip(clips.subject_id, clips.sex.fillna(""), strict=True))
    plan = make(sexes, len(out_splits), inner, seed)
    write_text(out_plan, json.dumps(plan, indent=1) + "\n")
    for one, path in zip(plan["outer"], out_splits, strict=True):
        subject_splits.write(one, path)


def run_inner(
    head: str,
    outer: int,
    inner: int,
    candidate: str,
    *,
    splits: str | Path,
    manifest: str | Path,
    trim: str | Path,
    features: Sequence[str | Path],
    out_folder: str | Path,
    settings: Settings,
    model: str,
    run: str | Path | None = None,
) -> None:
    """Train a candidate without one inner fold of an outer one; writes what `crossval.write_fold` writes.

    `splits` is the outer fold's split, `run` as in `write_fold`. All candidates start from the same seed, so
    that they differ in their settings alone.
    """
    tried = with_candidate(settings, head, candidate)
    tried = tried.model_copy(update={"seed": derive_seed(settings.seed, SCHEME, outer)})
    training = head_of_settings(head, model, manifest, trim, features, tried)
    write_fold(training, inner, splits, out_folder, run=run)


def run_outer(
    head: str,
    outer: int,
    predictions: Sequence[str | Path],
    *,
    splits: str | Path,
    manifest: str | Path,
    trim: str | Path,
    features: Mapping[str, Sequence[str | Path]],
    out_folder: str | Path,
    settings: Settings,
    model: str,
    run: str | Path | None = None,
) -> None:
    """Choose a candidate on the inner folds, train it on all of them, and test it on the outer fold, once.

    `predictions` of every candidate on every inner fold lie in folders `<candidate>/inner-<fold>`;
    `features` are each candidate's files, `run` is as in `write_fold`. Writes `inner.csv` (schema
    `nested_inner`), `choice.json`, `history.csv` and `predictions.csv` (protocol nested, whose fold is the
    outer one).
    """
    rows = []
    for folder in (Path(path).parent for path in predictions):
        fold, candidate = int(folder.name.removeprefix("inner-")), folder.parent.name
        rows.append(inner_row(model, outer, fold, candidate, folder))
    inner = pd.DataFrame(rows)
    choice = choose(inner)
    chosen = choice["candidate"]
    tried = with_candidate(settings, head, chosen)
    training = head_of_settings(head, model, manifest, trim, features[chosen], tried)
    purpose = f"{SCHEME}/{head}/{outer}"
    split = subject_splits.read(splits)
    with checkpoints.of_job(run) as kept:
        _, history, tested = run_final(training, split, choice["epochs"], purpose, kept)
        tested = tested.assign(protocol=SCHEME, fold=pd.array([outer] * len(tested), dtype="Int64"))
        out_folder = Path(out_folder)
        tables.write(inner, out_folder / "inner.csv", "nested_inner")
        choice = {"model": model, "fold": outer, **choice}
        write_text(out_folder / "choice.json", json.dumps(choice, indent=1) + "\n")
        write_run(out_folder, history, tested)


def with_candidate(settings: Settings, head: str, candidate: str) -> Settings:
    """`settings` with those of `head` as the candidate has them. SettingError for what a head cannot have."""
    laid = settings.temporal.model_dump()
    laid["heads"][head] |= settings.nested.tried()[candidate]
    try:
        temporal = Temporal.model_validate(laid)
    except ValidationError as error:
        first = error.errors()[0]
        what = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        remedy = f"use settings of temporal.heads.{head}"
        raise SettingError(f"nested.candidates.{candidate}", what, remedy) from None
    return settings.model_copy(update={"temporal": temporal})


def inner_row(model: str, outer: int, inner: int, candidate: str, folder: str | Path) -> dict:
    """Row of schema `nested_inner` from a folder that `crossval.write_fold` wrote.

    The accuracy is that of the run with a fixed number of epochs: no epoch was picked by the clips of that
    fold. The epoch is the one at which the run that stops early was best.
    """
    predictions = tables.read(Path(folder) / "predictions.csv", "predictions")
    path = Path(folder) / "best_epoch.json"
    epoch = read_record(path, {"epoch": int}, "delete it and run the inner fold again")["epoch"]
    return {
        "model": model,
        "outer": outer,
        "inner": inner,
        "candidate": candidate,
        "accuracy": float((predictions["emotion"] == predictions["predicted"]).mean()),
        "epoch": epoch,
        "n_clips": len(predictions),
    }


def choose(inner: pd.DataFrame) -> dict:
    """What an outer fold goes on with, from its rows of schema `nested_inner` (one model, one outer fold).

    The candidate with the greatest mean accuracy over inner folds, of several the first in the table, and the
    rounded mean of its best epochs. Returns `candidate`, `epochs`, `inner_mean`, and `inner_sd` (sample
    standard deviation over inner folds). Raises InputError where candidates were not run on the same folds.
    """
    folds = {name: sorted(rows["inner"]) for name, rows in inner.groupby("candidate", sort=False)}
    first = next(iter(folds))
    for name, ran in folds.items():
        if ran != folds[first]:
            raise InputError(
                "nested_inner", f"{name} ran on inner folds {ran}, {first} on {folds[first]}", "run the rest"
            )
    means = inner.groupby("candidate", sort=False)["accuracy"].mean()
    best = means.idxmax()
    rows = inner[inner["candidate"] == best]
    return {
        "candidate": best,
        "epochs": final_epochs(rows["epoch"].tolist()),
        "inner_mean": float(means[best]),
        "inner_sd": float(rows["accuracy"].std(ddof=1)),
    }


def write_table(
    choices_json: Sequence[str | Path],
    inner_csvs: Sequence[str | Path],
    predictions_csvs: Sequence[str | Path],
    manifest_csv: str | Path,
    out_nested: str | Path,
    out_inner: str | Path,
    evaluation: Evaluation,
    seed: int,
    emotions: Sequence[str],
    protocol: str = "honest",
) -> None:
    """Write schemas `nested` and `nested_inner` from what `run_outer` has written of each outer fold."""
    inner = pd.concat([tables.read(path, "nested_inner") for path in inner_csvs], ignore_index=True)
    entries, remedy = {"candidate": str, "epochs": int}, "delete it and run again"
    choices = [read_record(path, entries, remedy) for path in choices_json]
    predictions = predictions_table.read(predictions_csvs, emotions, manifest_csv)
    measured = predictions, emotions, evaluation, seed, study_note(protocol)
    tables.write(aggregate(pd.DataFrame(choices), *measured), out_nested, "nested")
    tables.write(inner, out_inner, "nested_inner")


def aggregate(
    choices: pd.DataFrame,
    predictions: pd.DataFrame,
    emotions: Sequence[str],
    settings: Evaluation,
    seed: int,
    note: str = "",
) -> pd.DataFrame:
    """Schema `nested`: each outer fold's choice and accuracy, then the mean over outer folds with its spread.

    `choices` has columns model, fold and those of `choose`; `predictions` is a checked table (with
    `synthetic`) of protocol nested, whose folds are the outer ones. The interval of the mean draws subjects
    anew within each fold, as in `results`. Raises InputError where a fold has a choice and no predictions, or
    the other way round.
    """
    frame = predictions[predictions["protocol"] == "nested"]
    chosen, predicted = (
        set(zip(one["model"], one["fold"].astype(int), strict=True)) for one in (choices, frame)
    )
    if odd := sorted(chosen ^ predicted):
        model, fold = odd[0]
        what = "a choice, but no predictions" if odd[0] in chosen else "predictions, but no choice"
        raise InputError("nested", f"outer fold {fold} of {model} has {what}", "run its outer job")
    labels = [c for c in frame.columns if not c.startswith("p_")]  # no AUC is shown
    measured = results(frame[labels], emotions, settings, seed, note)
    measured = measured[measured["metric"] == "accuracy"]
    rows = []
    for model, of_model in measured.groupby("model", sort=True):
        folds = of_model[of_model["fold"].notna()].sort_values("fold")
        chosen = choices[choices["model"] == model].set_index("fold")
        for row in folds.itertuples():
            rows.append(_row(row) | {"fold": int(row.fold)} | chosen.loc[int(row.fold), CHOSEN].to_dict())
        mean = of_model[of_model["fold"].isna()].iloc[0]
        rows.append(
            _row(mean)
            | {
                "inner_mean": float(chosen["inner_mean"].mean()),
                "candidate": ", ".join(dict.fromkeys(chosen.sort_index()["candidate"])),
                "sd": 100 * float(folds["value"].std(ddof=1)),
                "least": float(folds["value"].min()),
                "greatest": float(folds["value"].max()),
            }
        )
    table = tables.from_rows(rows, "nested")
    return table.assign(inner_sd=100 * table["inner_sd"])


CHOSEN = ["candidate", "epochs", "inner_mean", "inner_sd"]


def _row(row) -> dict:
    kept = ("model", "low", "high", "n_clips", "n_subjects", "note")
    return {name: getattr(row, name) for name in kept} | {
        "accuracy": row.value,
        "synthetic": bool(row.synthetic),
    }
