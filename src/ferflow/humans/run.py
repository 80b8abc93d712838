"""From annotations or vote counts to tables: what the workflow calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pandas as pd

from ferflow import tables
from ferflow.datasets import manifest
from ferflow.errors import InputError
from ferflow.humans import annotations, annotators, results, votes
from ferflow.humans.annotations import annotation_clips
from ferflow.humans.results import mistaken_for, per_annotator, per_clip, summarise
from ferflow.settings import Evaluation, SimulatedAnnotators

TABLES = ("human_summary", "human_clips", "human_mistaken", "human_confusion")
ANNOTATORS_TABLE = "human_accuracy"
"""Needs each annotator's answers, which vote counts do not have."""


def write_simulated(
    manifest_csv: str | Path,
    splits_json: str | Path | None,
    truth_csvs: Iterable[str | Path],
    out: str | Path,
    settings: SimulatedAnnotators,
    emotions: Sequence[str],
    seed: int,
) -> None:
    """Draw simulated annotators for the test clips and write schema `annotations` to `out`.

    `truth_csvs` (schema `truth`) hold the strength of every clip.
    """
    clips = annotation_clips(manifest_csv, splits_json, emotions)
    truth = pd.concat([tables.read(path, "truth") for path in truth_csvs])
    strengths = dict(zip(truth["clip_id"], truth["strength"], strict=True))
    unknown = [clip for clip in clips["clip_id"] if clip not in strengths]
    if unknown:
        raise InputError(
            manifest_csv,
            f"clip {unknown[0]} has no known strength, so no annotator of it can be simulated",
            "name real annotations (humans.annotations), or make the synthetic clips again",
        )
    drawn = annotators.simulate(clips, strengths, settings, emotions, seed)
    tables.write(drawn, out, "annotations")


def write(
    source: str,
    answers: str | Path,
    manifest_csv: str | Path,
    splits_json: str | Path | None,
    out_majority: str | Path,
    out_human_clips: str | Path,
    mistaken: float,
    evaluation: Evaluation,
    emotions: Sequence[str],
    seed: int,
    all_clips_csv: str | Path | None = None,
    announce: Callable[[str], None] = print,
) -> None:
    """Evaluate answers about the test clips: annotations, or of `source` `votes` their counts per clip.

    Writes `out_majority` (schema predictions, protocol human) and `TABLES` (.csv) to the folder of
    `out_human_clips`; from annotations, which say whose answer each is, `human_accuracy` too, and
    `annotators.csv` beside `out_majority`. Announces every annotator who has not answered all.
    `annotations.read` and `votes.read` say what is refused; answers about clips that `all_clips_csv` has and
    the manifest has not are passed over.
    """
    clips = annotation_clips(manifest_csv, splits_json, emotions)
    known, folder = manifest.read(all_clips_csv or manifest_csv), Path(out_human_clips).parent
    marks = {"synthetic": bool(clips["synthetic"].any()), "simulated": False}
    accuracies = None
    if source == "votes":
        counted = votes.read(answers, known, emotions)
        counted = counted.about(counted.clips["clip_id"].isin(clips["clip_id"]).to_numpy())
        if not len(counted.clips):
            problem = "holds no votes about a test clip"
            raise InputError(answers, problem, "count votes about the test clips")
    else:
        named = annotations.only(annotations.read(answers, known, emotions), clips, answers)
        marks["simulated"] = _are_simulated(named["annotator"], answers)
        missing = annotations.incomplete(named, len(clips))
        for line in annotations.warnings(missing, len(clips), answers):
            announce(f"warning: {line}")
        counted = annotations.to_votes(named, emotions)
        accuracies = per_annotator(named, emotions, len(clips), missing, evaluation, seed)
        rows = annotations.to_predictions(named, emotions, seed if marks["simulated"] else None)
        tables.write(rows, Path(out_majority).with_name("annotators.csv"), "predictions")
        tables.write(accuracies.assign(**marks), folder / f"{ANNOTATORS_TABLE}.csv", ANNOTATORS_TABLE)
    simulated = marks["simulated"]
    majority = results.majority_predictions(counted, simulated, seed if simulated else None)
    tables.write(majority, out_majority, "predictions")
    pooled = results.confusion(counted, simulated)
    tables.write(pooled, folder / "human_confusion.csv", "confusion")
    made = {
        "human_clips": per_clip(counted, mistaken, evaluation),
        "human_mistaken": mistaken_for(counted, mistaken, evaluation, seed),
        "human_summary": summarise(counted, accuracies, mistaken, evaluation, seed),
    }
    for name, table in made.items():
        tables.write(table.assign(**marks), folder / f"{name}.csv", name)


def _are_simulated(names: pd.Series, where: str | Path) -> bool:
    kinds = {annotators.is_simulated(name) for name in names}
    if len(kinds) > 1:
        raise InputError(where, "mixes simulated annotators with people", "keep them in two files")
    return kinds.pop()
