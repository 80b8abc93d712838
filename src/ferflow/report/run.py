"""Figures from tables: each function reads its tables and writes one SVG."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from ferflow import tables
from ferflow.aus.trim import au_score
from ferflow.errors import InputError
from ferflow.evaluation.predictions import PEOPLE, evaluation_protocol
from ferflow.evaluation.results import study_note
from ferflow.files import read_record
from ferflow.report import accuracy as accuracy_figures
from ferflow.report import confusion as confusion_figures
from ferflow.report import curves, style, trimming
from ferflow.report.names import marks, marks_of, model_label, model_order
from ferflow.settings import Trim
from ferflow.shards import BySubject


def au_curve(
    clip_id: str,
    aus_csv: str | Path,
    trim_csv: str | Path,
    manifest_csv: str | Path,
    output: str | Path,
    settings: Trim,
    truth_csv: str | Path | None = None,
    true_aus_csv: str | Path | None = None,
) -> None:
    """AU score curve of one clip; `truth_csv` and `true_aus_csv` (schemas truth, aus) add its truth."""
    clips = clips_of(trim_csv, manifest_csv)
    clip = _row(clips, clip_id, trim_csv)
    score = scores_of([aus_csv], [clip_id])[clip_id]
    truth = None if truth_csv is None else _row(tables.read(truth_csv, "truth"), clip_id, truth_csv)
    true_score = None if true_aus_csv is None else scores_of([true_aus_csv], [clip_id])[clip_id]
    with style.style():
        drawn = trimming.au_curve(clip, score, settings, marks(clip["synthetic"]), truth, true_score)
        style.save(drawn, output, f"AU score of clip {clip_id}")


def anomalies(
    aus_csvs: Iterable[str | Path],
    trim_csv: str | Path,
    manifest_csv: str | Path,
    output: str | Path,
    settings: Trim,
) -> None:
    """Sheet of the AU curves of all anomalies."""
    clips = clips_of(trim_csv, manifest_csv)
    chosen = clips[clips["anomaly"]].sort_values("clip_id")
    # The tables of subjects without an anomaly need not be read.
    files = BySubject(aus_csvs)
    needed = [path for path in map(files.get, sorted(set(chosen["subject_id"]))) if path is not None]
    scores = scores_of(dict.fromkeys(needed) or list(aus_csvs), chosen["clip_id"]) if len(chosen) else {}
    with style.style():
        drawn = trimming.anomalies(chosen, scores, settings, marks(clips["synthetic"].any()))
        style.save(drawn, output, "AU scores of the anomalies")


def lengths(trim_csv: str | Path, manifest_csv: str | Path, output: str | Path, max_frames: int) -> None:
    """Clip lengths before and after trimming; `max_frames` is `settings.features.max_frames`."""
    clips = clips_of(trim_csv, manifest_csv)
    with style.style():
        drawn = trimming.lengths(clips, max_frames, marks(clips["synthetic"].any()))
        style.save(drawn, output, "Clip lengths before and after trimming")


def agreement(agreement_csv: str | Path, output: str | Path) -> None:
    """Measured against true action units per emotion. Only generated clips have a truth."""
    with style.style():
        drawn = trimming.agreement(tables.read(agreement_csv, "au_agreement"), marks(True))
        style.save(drawn, output, "Measured against true action units")


def backends(table_csv: str | Path, output: str | Path, synthetic: bool) -> None:
    """Agreement of backends for action units on the same clips (schema `au_backends`)."""
    with style.style():
        drawn = trimming.backends(tables.read(table_csv, "au_backends"), marks(synthetic))
        style.save(drawn, output, "Backends for action units on the same clips")


def learning_curves(
    history_csvs: Iterable[str | Path],
    output: str | Path,
    model: str,
    n_classes: int,
    synthetic: bool,
    protocol: str = "honest",
    loss: str = curves.CROSS_ENTROPY,
) -> None:
    """Learning curves of a model, one history per fold (or a single one, e.g. the spatial model's)."""
    histories = [tables.read(path, "history") for path in history_csvs]
    name = model_label(model)
    with style.style():
        mark = marks(synthetic, study_note(protocol))
        drawn = curves.learning_curves(histories, name, 1 / n_classes, mark, loss)
        style.save(drawn, output, f"Learning curves of {name}")


def confusion(confusion_csv: str | Path, output: str | Path, model: str, things: str = "clips") -> None:
    """Confusion matrix of one model: counts (of `things`) and normalised."""
    table = _confusion_rows(confusion_csv)
    table = table[table["model"] == model]
    if table.empty:
        raise InputError(confusion_csv, f"has no rows of {model}", "evaluate that model first")
    with style.style():
        drawn = confusion_figures.counts_and_shares(table, marks_of(table), things)
        style.save(drawn, output, f"Confusion matrix of {model_label(model)}")


def confusions(confusion_csv: str | Path, output: str | Path, annotators: bool = False) -> None:
    """Normalised confusion matrices of all models, controls last; with `annotators` their majority behind."""
    table = tables.read(confusion_csv, "confusion") if annotators else _confusion_rows(confusion_csv)
    human = set(table.loc[table["role"].isin(PEOPLE), "model"])
    models = sorted(model_order(table), key=human.__contains__)
    title = "Confusion matrices" + " of the models and of the annotators" * annotators
    with style.style():
        style.save(confusion_figures.sheet(table, models, marks_of(table)), output, title)


def accuracy(results_csv: str | Path, metrics_json: str | Path, output: str | Path) -> None:
    """Accuracy of all models and controls with intervals and chance."""
    results = tables.read(results_csv, "results")
    confidence = read_record(metrics_json, {"confidence": float}, "delete it and run again")["confidence"]
    with style.style():
        drawn = accuracy_figures.accuracies(results, confidence, marks_of(results))
        style.save(drawn, output, "Accuracy of the models")


def splits(splits_json: str | Path, manifest_csv: str | Path, output: str | Path) -> None:
    """Subjects and sexes in the folds and the test set."""
    content = read_record(splits_json, {"test": list, "folds": list}, "delete it and run again")
    manifest = tables.read(manifest_csv, "manifest")
    sex_of = dict(zip(manifest["subject_id"], manifest["sex"].fillna(""), strict=True))
    with style.style():
        mark = marks(manifest["synthetic"].any(), study_note(content.get("protocol", "")))
        drawn = accuracy_figures.splits(content, sex_of, mark)
        style.save(drawn, output, "Subjects in the folds")


def clips_of(trim_csv: str | Path, manifest_csv: str | Path) -> pd.DataFrame:
    """Schema `trim` with subject, emotion, fps and `synthetic` from the manifest."""
    manifest = tables.read(manifest_csv, "manifest")[["clip_id", "subject_id", "emotion", "fps", "synthetic"]]
    trim = tables.read(trim_csv, "trim")
    unknown = ~trim["clip_id"].isin(manifest["clip_id"])
    if unknown.any():
        clip = trim.loc[unknown, "clip_id"].iloc[0]
        raise InputError(
            trim_csv, f"clip {clip} is not in {manifest_csv}", "trim this manifest's clips again"
        )
    return trim.merge(manifest, on="clip_id", validate="one_to_one")


def _row(table: pd.DataFrame, clip_id: str, path: str | Path) -> pd.Series:
    rows = table[table["clip_id"] == clip_id]
    if rows.empty:
        raise InputError(path, f"has no row of clip {clip_id}", "choose a clip that is in it")
    return rows.iloc[0]


def scores_of(aus_csvs: Iterable[str | Path], clip_ids: Iterable[str]) -> dict[str, np.ndarray]:
    """AU score [T] of each of `clip_ids`, from the tables that hold them."""
    wanted = set(clip_ids)
    scores: dict[str, np.ndarray] = {}
    paths = list(aus_csvs)
    for path in paths:
        table = tables.read(path, "aus")
        for clip_id, frames in table[table["clip_id"].isin(wanted)].groupby("clip_id"):
            scores[clip_id] = au_score(frames.sort_values("frame"))
    if wanted - set(scores):
        missing = min(wanted - set(scores))
        raise InputError(paths[0] if paths else "aus", f"has no clip {missing}", "give the AU table it is in")
    return scores


def _confusion_rows(path: str | Path) -> pd.DataFrame:
    """The rows of the test subjects' clips, or of cross-validation where nobody is held out."""
    table = tables.read(path, "confusion")
    rows = table[table["protocol"] == evaluation_protocol(table)]
    if rows.empty:
        raise InputError(path, "has no rows of models", "evaluate predictions first")
    return rows
