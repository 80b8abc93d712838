"""From the predictions of all models to those of their fusions: what the workflow calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ferflow import tables
from ferflow.errors import SettingError
from ferflow.evaluation import predictions as predictions_table
from ferflow.evaluation.predictions import BEST, STACKING, evaluation_protocol, fusion_name, table
from ferflow.evaluation.results import marks, results
from ferflow.fusion import rules, stacking
from ferflow.fusion.align import Scores, aligned, refuse_shared_subjects
from ferflow.fusion.rules import accuracies, asked, cross_fitted, fuse, resolve
from ferflow.schemas.shared import NOT_RUN
from ferflow.seeds import derive_seed
from ferflow.settings import Evaluation, Fusion

ALONE = "alone"
"""Rule of a single model, listed with the fusions it is part of."""
PROTOCOLS = ("cv", "test")
"""By which fusions are learnt and tested; a study that holds nobody out has the first alone."""


@dataclass(frozen=True)
class Fused:
    """One fusion: its probabilities for the out-of-fold clips and the test clips, and how it came about.

    `test` is None where nobody is held out; `about` are columns of schema `fusion`.
    """

    model: str
    cv: np.ndarray
    test: np.ndarray | None
    about: dict


def write_fusions(
    predictions_csvs: Iterable[str | Path],
    manifest_csv: str | Path,
    out_predictions: str | Path,
    out_table: str | Path,
    fusion: Fusion,
    evaluation: Evaluation,
    seed: int,
    emotions: Sequence[str],
    protocol: str = "honest",
    failed: Mapping[str, str] | None = None,
) -> None:
    """Fuse as the settings say; writes schema `predictions` (protocols cv and test) and schema `fusion`.

    The tables must hold the cv and test predictions of every model that the settings name, but for those that
    `failed`: what needs one of them is not run, and its row in schema `fusion` says so. Raises SettingError
    for a model that is not there, or for none at all, InputError where models were shown different clips.
    """
    frame = predictions_table.read(predictions_csvs, emotions, manifest_csv, protocol)
    possible, not_run = without_failed(fusion, list(dict.fromkeys(frame["model"])), list(failed or {}))
    fused, shown = fusions(frame, possible, evaluation, seed, emotions)
    predictions_table.write(fused, out_predictions)
    tables.write(shown, out_table, "fusion")
    if not_run:
        tables.add_failed(out_table, "fusion", not_run)


def without_failed(
    fusion: Fusion, models: Sequence[str], failed: Sequence[str]
) -> tuple[Fusion, list[dict[str, str]]]:
    """The fusions without the models that `failed`, and a row of schema `fusion` for each of the others."""
    rows, changes = [], {"sets": dict(fusion.sets)}
    for setting, some in asked(fusion).items() if failed else ():
        members = resolve(some, [*models, *failed], f"fusion.{setting}")
        lost = [model for model in members if model in failed]
        if not lost:
            continue
        kind, _, name = setting.partition(".")
        if kind == "sets":
            changes["sets"][name] = None
        else:
            name, changes[kind] = kind, None
        about = {"models": ", ".join(members), "n_models": str(len(members))}
        about["note"] = f"{NOT_RUN}{', '.join(lost)} failed"
        for rule in fusion.rules if kind == "sets" else [""]:
            rows.append({"model": fusion_name(name, rule), "name": name, "rule": rule, **about})
    return fusion.model_copy(update=changes), rows


def fusions(
    predictions: pd.DataFrame, fusion: Fusion, evaluation: Evaluation, seed: int, emotions: Sequence[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predictions of all fusions, as if they were read, and schema `fusion` with the single models first."""
    predictions = predictions[predictions["protocol"].isin(PROTOCOLS)]
    models = list(dict.fromkeys(predictions["model"]))
    members = {name: resolve(some, models, f"fusion.{name}") for name, some in asked(fusion).items()}
    everyone = list(dict.fromkeys(model for some in members.values() for model in some))
    if not everyone:
        raise SettingError("fusion", "names no models to fuse", "name them under sets, stacking or best")
    cv = aligned(predictions, everyone, "cv", emotions)
    test = None
    if evaluation_protocol(predictions) == "test":
        test = aligned(predictions, everyone, "test", emotions)
        refuse_shared_subjects(cv, test)

    made = []
    for name in fusion.named():
        made += _by_rules(name, cv.of(members[f"sets.{name}"]), test, fusion.rules)
    if fusion.stacking is not None:
        made.append(_stacked(cv.of(members["stacking.models"]), test, fusion, derive_seed(seed, "stacking")))
    if fusion.best is not None:
        made.append(_best(cv.of(members["best.models"]), test, fusion))

    rows = [_rows(one, cv, test, seed, emotions) for one in made]
    rows = pd.concat(rows, ignore_index=True)
    single = predictions[predictions["model"].isin(everyone)]
    every = pd.concat([single, rows])
    measured = results(every, emotions, evaluation, seed, pooled=test is None, scored=())
    alone = [
        {"model": model, "name": model, "rule": ALONE, "models": model, "n_models": 1} for model in everyone
    ]
    about = [*alone, *({"model": one.model, **one.about} for one in made)]
    return rows, _shown(about, measured, marks(every)["note"])


def _by_rules(name: str, cv: Scores, test: Scores | None, rules: Sequence[str]) -> list[Fused]:
    weights = accuracies(cv)
    return [
        Fused(
            fusion_name(name, rule),
            cross_fitted(cv, rule),
            None if test is None else fuse(test.of(cv.models).probabilities, rule, weights),
            _about(name, rule, cv.models, weights if rule == "weighted" else None),
        )
        for rule in rules
    ]


def _stacked(cv: Scores, test: Scores | None, fusion: Fusion, seed: int) -> Fused:
    about = fusion.stacking
    stack = stacking.fit(cv, about.strengths, about.folds, seed)
    print(f"stacking: C {stack.strength:g}, held-out log loss {stack.loss:.4f}")
    return Fused(
        fusion_name(STACKING),
        stacking.cross_fitted(cv, about.strengths, about.folds, seed),
        None if test is None else stack.predict(test.of(cv.models).probabilities),
        _about(STACKING, "logistic regression", cv.models, None)
        | {"strength": stack.strength, "note": "in cross-validation each fold by a stack fitted without it"},
    )


def _best(cv: Scores, test: Scores | None, fusion: Fusion) -> Fused:
    how = (fusion.rules, fusion.best.most, fusion.best.search)
    chosen = rules.choose(cv, *how)
    print(f"best of {chosen.tried}: {', '.join(chosen.models)} by {chosen.rule}, {chosen.accuracy:.4f}")
    return Fused(
        fusion_name(BEST),
        rules.cross_fitted_choice(cv, *how),
        None if test is None else chosen.predict(test),
        _about(BEST, chosen.rule, chosen.models, chosen.weights if chosen.rule == "weighted" else None)
        | {
            "tried": chosen.tried,
            "chosen_at": chosen.accuracy,
            "note": "in cross-validation each fold by the choice made without it",
        },
    )


def _about(name: str, rule: str, models: Sequence[str], weights: np.ndarray | None) -> dict:
    listed = "" if weights is None else ", ".join(f"{weight:.4f}" for weight in weights)
    return {
        "name": name,
        "rule": rule,
        "models": ", ".join(models),
        "n_models": len(models),
        "weights": listed,
    }


def _rows(one: Fused, cv: Scores, test: Scores | None, seed: int, emotions: Sequence[str]) -> pd.DataFrame:
    parts = []
    for scores, probabilities in ((cv, one.cv), (test, one.test)):
        if scores is None:
            continue
        who = (emotions, one.model, scores.protocol, None, seed)
        part = table(scores.clips, probabilities, *who, role="fusion")
        part["fold"] = scores.clips["fold"].astype("Int64")
        for column in ("synthetic", "leaky"):
            part[column] = scores.clips[column].to_numpy(bool)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _shown(about: list[dict], measured: pd.DataFrame, note: str) -> pd.DataFrame:
    whole = measured[(measured["metric"] == "accuracy") & measured["fold"].isna()]
    whole = whole.set_index(["model", "protocol"])
    rows = []
    for one in about:
        row = {"weights": "", **one}
        for protocol in PROTOCOLS:
            if (one["model"], protocol) not in whole.index:
                continue
            values = whole.loc[(one["model"], protocol)]
            row |= {protocol: values["value"], f"{protocol}_low": values["low"]}
            row |= {f"{protocol}_high": values["high"], f"{protocol}_clips": int(values["n_clips"])}
        row["synthetic"] = bool(whole.loc[one["model"], "synthetic"].any())
        row["note"] = "; ".join(part for part in (one.get("note", ""), note) if part)
        rows.append(row)
    return tables.from_rows(rows, "fusion")
