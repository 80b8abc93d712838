"""The jobs of nested cross-validation: a candidate on an inner fold, the chosen one on an outer fold."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from pydantic import ValidationError

from ferflow import files, tables
from ferflow.datasets import manifest as clip_list
from ferflow.errors import SettingError
from ferflow.evaluation import predictions as predictions_table
from ferflow.evaluation.results import study_note
from ferflow.seeds import derive_seed
from ferflow.settings import Evaluation, Settings, Temporal
from ferflow.training import nested
from ferflow.training import splits as subject_splits
from ferflow.training.crossval import run_fold
from ferflow.training.final import fit_and_judge


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
    plan = nested.make(sexes, len(out_splits), inner, seed)
    nested.write(plan, out_plan, out_splits)


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
) -> None:
    """Train a candidate without one inner fold of an outer one; writes what `crossval.run_fold` writes.

    `splits` is the outer fold's split. All candidates start from the same seed, so that they differ in their
    settings alone.
    """
    own = with_candidate(settings, head, candidate)
    run_fold(
        head,
        inner,
        splits=splits,
        manifest=manifest,
        trim=trim,
        features=features,
        out_folder=out_folder,
        temporal=own.temporal,
        finalize=own.finalize,
        max_frames=own.features.max_frames,
        normalise=own.features.normalise,
        classes=own.emotions,
        model=model,
        seed=derive_seed(own.seed, nested.SCHEME, outer),
    )


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
) -> None:
    """Choose a candidate on the inner folds, train it on all of them, and judge it on the outer fold, once.

    `predictions` of every candidate on every inner fold lie in folders `<candidate>/inner-<fold>`;
    `features` are each candidate's files. Writes `inner.csv` (schema `nested_inner`), `choice.json`,
    `history.csv` and `predictions.csv` (protocol nested, whose fold is the outer one).
    """
    from ferflow.training.data import Study

    rows = [_inner_row(model, outer, Path(path).parent) for path in predictions]
    inner = pd.DataFrame(rows)
    choice = nested.choose(inner)
    own = with_candidate(settings, head, choice["candidate"])
    study = Study.of_settings(manifest, trim, features[choice["candidate"]], own)
    split = subject_splits.read(splits)
    purpose = f"{nested.SCHEME}/{head}/{outer}"
    _, history, said = fit_and_judge(head, study, split, choice["epochs"], own, model, purpose)
    said["protocol"] = "nested"
    said["fold"] = pd.array([outer] * len(said), dtype="Int64")
    out_folder = Path(out_folder)
    about = {"model": model, "fold": outer, **choice}
    tables.write(inner, out_folder / "inner.csv", "nested_inner")
    files.write_text(out_folder / "choice.json", json.dumps(about, indent=1) + "\n")
    tables.write(history, out_folder / "history.csv", "history")
    tables.write(said, out_folder / "predictions.csv", "predictions")


def _inner_row(model: str, outer: int, folder: Path) -> dict:
    return nested.inner_row(model, outer, int(folder.name.removeprefix("inner-")), folder.parent.name, folder)


def write_table(
    outer_folders: Sequence[str | Path],
    manifest_csv: str | Path,
    out_table: str | Path,
    out_inner: str | Path,
    evaluation: Evaluation,
    seed: int,
    emotions: Sequence[str],
    protocol: str = "honest",
) -> None:
    """Write schemas `nested` and `nested_inner` from the folders of `run_outer`."""
    folders = [Path(folder) for folder in outer_folders]
    inner = pd.concat([tables.read(f / "inner.csv", "nested_inner") for f in folders], ignore_index=True)
    entries, remedy = {"candidate": str, "epochs": int}, "delete it and run again"
    choices = [files.read_record(f / "choice.json", entries, remedy) for f in folders]
    said = predictions_table.read([f / "predictions.csv" for f in folders], emotions, manifest_csv)
    note = study_note(protocol)
    table = nested.aggregate(pd.DataFrame(choices), said, emotions, evaluation, seed, note)
    tables.write(table, out_table, "nested")
    tables.write(inner, out_inner, "nested_inner")


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
