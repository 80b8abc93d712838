"""Nested cross-validation (thesis, Algorithm 2): which subjects stand where, and what comes out of it.

Every outer fold is tested on once. What is tested is chosen on inner folds of the other subjects, so that
neither the choice of a candidate nor that of its number of epochs has seen a subject it is judged on. An
outer fold is an ordinary split, whose test set is that fold: the jobs are those of plain cross-validation.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ferflow import tables
from ferflow.errors import InputError, SplitError
from ferflow.evaluation.results import results
from ferflow.files import read_json, read_record, write_text
from ferflow.seeds import derive_seed
from ferflow.settings import Evaluation
from ferflow.training import splits
from ferflow.training.final import final_epochs

SCHEME = "nested"


def make(sexes: Mapping[str, str], outer: int, inner: int, seed: int) -> dict:
    """The plan of `outer` x `inner` folds over subjects, stratified by sex; JSON values.

    `sexes` maps subject to female, male or "". The plan has `scheme`, `seed`, `protocol` (honest) and
    `outer`, a list of splits as in splits.json: `test` is the outer fold, `folds` are the inner ones.
    Raises SplitError where there are too few subjects.
    """
    rng = np.random.default_rng(derive_seed(seed, SCHEME))
    folds = splits.deal(sexes, outer, rng)
    plan = {"scheme": SCHEME, "seed": seed, "protocol": "honest", "outer": []}
    for test in folds:
        rest = {subject: sex for subject, sex in sexes.items() if subject not in test}
        own = {"scheme": "stratified", "seed": seed, "protocol": "honest"}
        plan["outer"].append(own | {"test": test, "folds": splits.deal(rest, inner, rng)})
    check(plan)
    return plan


def check(plan: dict, where: str | Path = "nested splits") -> None:
    """Refuse a subject on two sides of an outer fold or not tested exactly once, and empty sides."""
    everyone = {s for one in plan["outer"] for side in (one["test"], *one["folds"]) for s in side}
    tested: dict[str, int] = {}
    for number, one in enumerate(plan["outer"]):
        splits.check(one, "honest", f"{where}, outer fold {number}")
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


def write(plan: dict, path: str | Path, split_paths: Sequence[str | Path]) -> None:
    """Write the plan to `path`, and each outer fold's split (splits.json) to one of `split_paths`."""
    write_text(path, json.dumps(plan, indent=1) + "\n")
    for one, own in zip(plan["outer"], split_paths, strict=True):
        splits.write(one, own)


def read(path: str | Path) -> dict:
    """Read a plan and check it."""
    try:
        plan = read_json(path)
        for number, one in enumerate(plan["outer"]):
            splits.refuse_misshapen(one, f"outer fold {number}: ")
        check(plan, path)
    except FileNotFoundError:
        raise InputError(path, "does not exist", "run the workflow's `nested_plan` step") from None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(path, f"is not a nested plan ({error})", "delete it and run again") from None
    return plan


def inner_row(model: str, outer: int, inner: int, candidate: str, folder: str | Path) -> dict:
    """Row of schema `nested_inner` from a folder that `crossval.run_fold` wrote.

    The accuracy is that of the run with a fixed number of epochs: no epoch was picked by what it is judged
    on. The epoch is the one at which the run that stops early was best.
    """
    said = tables.read(Path(folder) / "predictions.csv", "predictions")
    path = Path(folder) / "best_epoch.json"
    epoch = read_record(path, {"epoch": int}, "delete it and run the inner fold again")["epoch"]
    return {
        "model": model,
        "outer": outer,
        "inner": inner,
        "candidate": candidate,
        "accuracy": float((said["emotion"] == said["predicted"]).mean()),
        "epoch": epoch,
        "n_clips": len(said),
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
    asked = set(map(tuple, choices[["model", "fold"]].astype({"fold": int}).to_numpy().tolist()))
    there = set(map(tuple, frame[["model", "fold"]].astype({"fold": int}).to_numpy().tolist()))
    if odd := sorted(asked ^ there):
        model, fold = odd[0]
        what = "a choice, but no predictions" if odd[0] in asked else "predictions, but no choice"
        raise InputError("nested", f"outer fold {fold} of {model} has {what}", "run its outer job")
    labels = [c for c in frame.columns if not c.startswith("p_")]  # no AUC is shown
    measured = results(frame[labels], emotions, settings, seed, note)
    measured = measured[measured["metric"] == "accuracy"]
    rows = []
    for model, own in measured.groupby("model", sort=True):
        folds = own[own["fold"].notna()].sort_values("fold")
        chosen = choices[choices["model"] == model].set_index("fold")
        for row in folds.itertuples():
            rows.append(_row(row) | {"fold": int(row.fold)} | chosen.loc[int(row.fold), CHOSEN].to_dict())
        mean = own[own["fold"].isna()].iloc[0]
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
    frame = pd.DataFrame(rows).reindex(columns=tables.schema("nested").names)
    frame["inner_sd"] = 100 * frame["inner_sd"].astype(float)
    numbers = ["inner_mean", "low", "high", "sd", "least", "greatest"]
    return frame.astype({"fold": "Int64", "epochs": "Int64"} | dict.fromkeys(numbers, float))


CHOSEN = ["candidate", "epochs", "inner_mean", "inner_sd"]


def _row(row) -> dict:
    return {
        "model": row.model,
        "accuracy": row.value,
        "low": row.low,
        "high": row.high,
        "n_clips": row.n_clips,
        "n_subjects": row.n_subjects,
        "synthetic": bool(row.synthetic),
        "note": row.note,
    }
