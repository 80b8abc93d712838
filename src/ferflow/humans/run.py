"""From annotations or vote counts to tables: what the workflow calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pandas as pd

from ferflow import tables
from ferflow.datasets import manifest
from ferflow.errors import InputError
from ferflow.humans import annotations, annotators, results, simulated, votes
from ferflow.humans.annotations import annotation_clips
from ferflow.humans.results import mistaken_for, per_annotator, per_clip, summarise
from ferflow.settings import Evaluation, SimulatedAnnotators

TABLES = ("human_summary", "human_clips", "human_mistaken", "human_confusion")
ANNOTATORS_TABLE = "human_accuracy"
"""Needs to know who said what, so vote counts do not give it."""


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
    drawn = simulated.draw(clips, strengths, settings, emotions, seed)
    tables.write(drawn, out, "annotations")


def from_answers(
    source: str,
    answers_csv: str | Path,
    manifest_csv: str | Path,
    splits_json: str | Path | None,
    out: str | Path,
    out_tables: str | Path,
    mistaken: float,
    settings: Evaluation,
    emotions: Sequence[str],
    seed: int,
    all_clips_csv: str | Path | None = None,
) -> list[str]:
    """Evaluate answers about the test clips: annotations, or of `source` `votes` their counts per clip.

    Writes `majority.csv` (schema predictions, protocol human) to the folder `out` and `TABLES` (.csv) to
    `out_tables`; from annotations, which say whose answer each is, `annotators.csv` and `human_accuracy` too.
    Returns a line on every annotator who has not answered all. `annotations.read` and `votes.read` say what
    is refused; answers about clips that `all_clips_csv` has and the manifest has not are passed over.
    """
    clips = annotation_clips(manifest_csv, splits_json, emotions)
    known, folder = manifest.read(all_clips_csv or manifest_csv), Path(out_tables)
    marks = {"synthetic": bool(clips["synthetic"].any()), "simulated": False}
    accuracies, lines = None, []
    if source == "votes":
        counted = votes.read(answers_csv, known, emotions)
        counted = counted.about(counted.clips["clip_id"].isin(clips["clip_id"]).to_numpy())
        if not len(counted.clips):
            problem = "holds no votes about a test clip"
            raise InputError(answers_csv, problem, "count votes about the test clips")
    else:
        answers = annotations.only(annotations.read(answers_csv, known, emotions), clips, answers_csv)
        marks["simulated"] = _are_simulated(answers["annotator"], answers_csv)
        missing = annotations.incomplete(answers, len(clips))
        lines = annotations.warnings(missing, len(clips), answers_csv)
        counted = annotations.to_votes(answers, emotions)
        accuracies = per_annotator(answers, emotions, len(clips), missing, settings, seed)
        rows = annotations.to_predictions(answers, emotions, seed if marks["simulated"] else None)
        tables.write(rows, Path(out) / "annotators.csv", "predictions")
        tables.write(accuracies.assign(**marks), folder / f"{ANNOTATORS_TABLE}.csv", ANNOTATORS_TABLE)
    simulated = marks["simulated"]
    majority = results.majority_predictions(counted, simulated, seed if simulated else None)
    tables.write(majority, Path(out) / "majority.csv", "predictions")
    pooled = results.confusion(counted, simulated)
    tables.write(pooled, folder / "human_confusion.csv", "confusion")
    made = {
        "human_clips": per_clip(counted, mistaken, settings),
        "human_mistaken": mistaken_for(counted, mistaken, settings, seed),
        "human_summary": summarise(counted, accuracies, mistaken, settings, seed),
    }
    for name, table in made.items():
        tables.write(table.assign(**marks), folder / f"{name}.csv", name)
    return lines


def write(
    source: str,
    answers: str | Path,
    all_clips_csv: str | Path,
    manifest_csv: str | Path,
    splits_json: str | Path,
    out_majority: str | Path,
    out_human_clips: str | Path,
    mistaken: float,
    evaluation: Evaluation,
    emotions: Sequence[str],
    seed: int,
    announce: Callable[[str], None],
) -> None:
    """`from_answers`; what it warns of is announced."""
    folders = Path(out_majority).parent, Path(out_human_clips).parent
    settings = mistaken, evaluation, emotions, seed
    for line in from_answers(source, answers, manifest_csv, splits_json, *folders, *settings, all_clips_csv):
        announce(f"warning: {line}")


def _are_simulated(names: pd.Series, where: str | Path) -> bool:
    kinds = {annotators.is_simulated(name) for name in names}
    if len(kinds) > 1:
        raise InputError(where, "mixes simulated annotators with people", "keep them in two files")
    return kinds.pop()
