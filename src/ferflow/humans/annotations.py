"""Answers of annotators: read, checked against the clips they are about, counted, and as predictions.

In memory an answer is a row of `annotator, clip_id, subject_id, emotion, predicted, synthetic`: `emotion` is
the clip's label and `predicted` the annotator's answer, as in every table of predictions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ferflow import tables
from ferflow.classes import match
from ferflow.datasets import manifest
from ferflow.errors import InputError
from ferflow.evaluation.predictions import HUMAN, SIMULATED, refuse_rows
from ferflow.files import read_record
from ferflow.humans import annotators
from ferflow.humans.votes import Votes

COLUMNS = ("annotator", "clip_id", "subject_id", "emotion", "predicted", "synthetic")


def read(path: str | Path, manifest: pd.DataFrame, emotions: Sequence[str]) -> pd.DataFrame:
    """Read annotations (schema `annotations`: annotator, clip_id, emotion) and check them.

    `manifest` lists the clips that there are (clip_id, subject_id, emotion, synthetic). A table of
    predictions (schema `predictions`), as `ferflow annotate --export` writes it, is read too.

    Raises InputError, with the line, for a missing column, a clip that is not in the manifest, an emotion
    that is not among `emotions`, and an annotator who has two rows for one clip.
    """
    path = Path(path)
    if _holds_predictions(path):
        frame = tables.read(path, "predictions")
        refuse_rows(path, frame, frame["protocol"] != HUMAN, "its protocol is not human", "leave models out")
        frame = frame[["model", "clip_id", "predicted"]]
        frame = frame.rename(columns={"model": "annotator", "predicted": "emotion"})
    else:
        frame = tables.read(path, "annotations")
    return check(frame, manifest, emotions, path)


def check(
    frame: pd.DataFrame, manifest: pd.DataFrame, emotions: Sequence[str], where: str | Path
) -> pd.DataFrame:
    """Rows `annotator, clip_id, emotion` as answers; `read` says what is refused."""
    if frame.empty:
        raise InputError(where, "holds no annotations", "annotate some clips first")
    frame = frame.reset_index(drop=True)
    frame["annotator"] = [_tidied(where, line, name) for line, name in enumerate(frame["annotator"], 2)]
    predicted = frame["emotion"].map({name: match(name, emotions) for name in frame["emotion"].unique()})

    def no_class(row: pd.Series) -> str:
        return f"emotion {row['emotion']!r} is not among the classes"

    def answered(row: pd.Series) -> str:
        return f"annotator {row['annotator']} has answered it before"

    refuse_rows(where, frame, predicted.isna(), no_class, f"use {', '.join(emotions)}")
    unknown, remedy = ~frame["clip_id"].isin(manifest["clip_id"]), "leave it out, or name the clips' manifest"
    refuse_rows(where, frame, unknown, "it is not in the manifest", remedy)
    people = frame["annotator"].map(annotators.key)
    twice = pd.DataFrame({"who": people, "clip": frame["clip_id"]}).duplicated()
    refuse_rows(where, frame, twice, answered, "keep one row")
    # One spelling a person: the first.
    frame["annotator"] = frame.groupby(people)["annotator"].transform("first")
    listed = manifest.set_index("clip_id").loc[frame["clip_id"]]
    columns = {name: listed[name].to_numpy() for name in ("subject_id", "emotion", "synthetic")}
    return frame[["annotator", "clip_id"]].assign(**columns, predicted=predicted)[list(COLUMNS)]


def only(answers: pd.DataFrame, clips: pd.DataFrame, where: str | Path) -> pd.DataFrame:
    """The answers about `clips` (the test subjects', say). Raises InputError where there are none."""
    kept = answers[answers["clip_id"].isin(clips["clip_id"])]
    if kept.empty:
        raise InputError(where, "holds no annotation of a test clip", "annotate the test subjects' clips")
    return kept.reset_index(drop=True)


def incomplete(answers: pd.DataFrame, n_clips: int) -> dict[str, int]:
    """The number of answers of each annotator who has not answered all `n_clips` clips."""
    done = answers.groupby("annotator", sort=True)["clip_id"].nunique()
    return {str(name): int(count) for name, count in done.items() if count < n_clips}


def warnings(missing: Mapping[str, int], n_clips: int, where: str | Path) -> list[str]:
    """A line for every annotator of `incomplete`."""
    return [
        f"{where}: annotator {name} has answered {count} of {n_clips} clips; shares are of the answered ones"
        for name, count in missing.items()
    ]


def to_votes(answers: pd.DataFrame, emotions: Sequence[str]) -> Votes:
    """The number of annotators for each emotion of each clip; clips in order of their names."""
    clips = answers.drop_duplicates("clip_id").sort_values("clip_id")
    counted = pd.crosstab(answers["clip_id"], answers["predicted"])
    counts = counted.reindex(index=clips["clip_id"], columns=list(emotions), fill_value=0)
    about = clips[["clip_id", "subject_id", "emotion", "synthetic"]].reset_index(drop=True)
    return Votes(about, counts.to_numpy(np.int64), tuple(emotions))


def to_predictions(answers: pd.DataFrame, emotions: Sequence[str], seed: int | None = None) -> pd.DataFrame:
    """Schema `predictions`, protocol `human`: each annotator is a model, whose scores are one-hot.

    `seed` is that of simulated annotators.
    """
    roles = [SIMULATED if annotators.is_simulated(name) else HUMAN for name in answers["annotator"]]
    scores = {f"p_{emotion}": (answers["predicted"] == emotion).astype(float) for emotion in emotions}
    columns = ["clip_id", "subject_id", "emotion", "predicted"]
    named = answers[columns].assign(**scores, model=answers["annotator"], role=roles)
    rows = human_rows(named, seed)
    return rows.sort_values(["model", "clip_id"], ignore_index=True)


def human_rows(frame: pd.DataFrame, seed: int | None) -> pd.DataFrame:
    """`frame` with the columns of schema `predictions` that all human rows share."""
    frame = frame.assign(view="", protocol=HUMAN, fold=None, seed=seed)
    frame[["fold", "seed"]] = frame[["fold", "seed"]].astype("Int64")
    return frame


def _holds_predictions(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8") as file:
            header = file.readline()
    except (OSError, UnicodeDecodeError):
        return False  # the reader of annotations says what is wrong
    return {"model", "protocol"} <= {name.strip() for name in header.split(",")}


def _tidied(where: str | Path, line: int, name: str) -> str:
    try:
        return annotators.tidy(name)
    except ValueError as error:
        raise InputError(where, f"line {line}: {error}", "correct the annotator's name") from None


def annotation_clips(
    manifest_csv: str | Path, splits_json: str | Path | None, emotions: Sequence[str]
) -> pd.DataFrame:
    """Rows of schema `manifest`, sorted by clip: the test subjects' clips, or all where nobody is held out.

    Clips of a class that is not among `emotions` are left out, since nobody can choose it. Raises InputError
    for files that are missing or broken, and where no clip is left.
    """
    clips = manifest.read(manifest_csv)
    clips = clips[clips["emotion"].isin(emotions)]
    where: str | Path = manifest_csv
    if splits_json is not None:
        remedy = "run the workflow up to the split of the subjects"
        test = read_record(splits_json, {"test": list}, remedy)["test"]
        clips = clips[clips["subject_id"].isin(test)] if test else clips
        where = splits_json
    if clips.empty:
        raise InputError(where, "leaves no clip to be annotated", "name a manifest and the split made of it")
    return clips.sort_values("clip_id").reset_index(drop=True)
