"""From annotations or vote counts to tables: what the workflow calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
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


def from_annotations(
    annotations_csv: str | Path,
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
    """Evaluate annotations of the test clips; returns a line on every annotator who has not answered all.

    Writes `annotators.csv` and `majority.csv` (schema predictions, protocol human) in the folder `out`, and
    `TABLES` and `human_accuracy` (.csv) in `out_tables`. `annotations.read` says which are refused; answers
    about clips that `all_clips_csv` has beside the manifest's are passed over.
    """
    clips = annotation_clips(manifest_csv, splits_json, emotions)
    answers = annotations.read(annotations_csv, manifest.read(all_clips_csv or manifest_csv), emotions)
    answers = annotations.only(answers, clips, annotations_csv)
    drawn = _are_simulated(answers["annotator"], annotations_csv)
    missing = annotations.incomplete(answers, len(clips))
    counted = annotations.to_votes(answers, emotions)
    found = per_annotator(answers, emotions, len(clips), missing, settings, seed)
    marks = _Marks(bool(clips["synthetic"].any()), drawn)
    rows = annotations.to_predictions(answers, emotions, seed if drawn else None)
    tables.write(rows, Path(out) / "annotators.csv", "predictions")
    tables.write(marks.on(found), Path(out_tables) / f"{ANNOTATORS_TABLE}.csv", ANNOTATORS_TABLE)
    _write(counted, found, marks, out, out_tables, mistaken, settings, seed)
    return annotations.warnings(missing, len(clips), annotations_csv)


def from_votes(
    votes_csv: str | Path,
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
    """The same from vote counts per clip, without what needs to know who said what; there are no lines."""
    clips = annotation_clips(manifest_csv, splits_json, emotions)
    counted = votes.read(votes_csv, manifest.read(all_clips_csv or manifest_csv), emotions)
    counted = counted.about(counted.clips["clip_id"].isin(clips["clip_id"]).to_numpy())
    if not len(counted.clips):
        raise InputError(votes_csv, "holds no votes about a test clip", "count votes about the test clips")
    marks = _Marks(bool(clips["synthetic"].any()), False)
    _write(counted, None, marks, out, out_tables, mistaken, settings, seed)
    return []


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
    """`from_votes` or, of another `source`, `from_annotations`; what they warn of is announced."""
    evaluate = from_votes if source == "votes" else from_annotations
    folders = Path(out_majority).parent, Path(out_human_clips).parent
    own = mistaken, evaluation, emotions, seed
    for line in evaluate(answers, manifest_csv, splits_json, *folders, *own, all_clips_csv):
        announce(f"warning: {line}")


@dataclass(frozen=True)
class _Marks:
    """What must stand on every table."""

    synthetic: bool
    simulated: bool

    def on(self, table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(synthetic=self.synthetic, simulated=self.simulated)


def _are_simulated(names: pd.Series, where: str | Path) -> bool:
    found = {annotators.is_simulated(name) for name in names}
    if len(found) > 1:
        raise InputError(where, "mixes simulated annotators with people", "keep them in two files")
    return found.pop()


def _write(
    counted: votes.Votes,
    accuracies: pd.DataFrame | None,
    marks: _Marks,
    out: str | Path,
    out_tables: str | Path,
    mistaken: float,
    settings: Evaluation,
    seed: int,
) -> None:
    folder = Path(out_tables)
    said = results.majority_predictions(counted, marks.simulated, seed if marks.simulated else None)
    tables.write(said, Path(out) / "majority.csv", "predictions")
    clips = per_clip(counted, mistaken, settings)
    tables.write(marks.on(clips), folder / "human_clips.csv", "human_clips")
    taken = mistaken_for(counted, mistaken, settings, seed)
    tables.write(marks.on(taken), folder / "human_mistaken.csv", "human_mistaken")
    pooled = results.confusion(counted, marks.simulated)
    tables.write(pooled, folder / "human_confusion.csv", "confusion")
    summary = summarise(counted, accuracies, mistaken, settings, seed)
    tables.write(marks.on(summary), folder / "human_summary.csv", "human_summary")
