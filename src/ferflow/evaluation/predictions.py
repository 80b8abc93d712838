"""Predictions of any model, fold or annotator: the one table that evaluation starts from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ferflow import tables
from ferflow.datasets.manifest import resampling_units
from ferflow.errors import InputError

KEY = ["model", "view", "protocol"]
"""The key of the rows of one model, in one view and under one protocol."""
WHO = ["model", "role", "view", "protocol"]
"""The columns that name the model a number is of."""
HUMAN = "human"
"""Protocol of annotators' rows, and the role of people; `SIMULATED` is that of annotators who are none."""
SIMULATED = "simulated"
PEOPLE = (HUMAN, SIMULATED)
"""Roles of annotators."""
FOLDED = ("cv", "nested", "random", "film", "spi")
"""Protocols with a fold in every row; their value is the mean over folds."""
LEAKY_PROTOCOLS = ("random", "published")
"""Protocols under which a person, or a copy of an image, may be in both training and test."""


FUSION = "fusion-"
"""Begins the names of fusions: `fusion-all-maximum` is the set `all` of the settings, fused by maximum."""
BEST, STACKING = "best", "stacking"
CHOSEN_FUSIONS = (BEST, STACKING)
"""Fusions that are found from cross-validation, and have no rule in their names."""


def fusion_name(name: str, rule: str = "") -> str:
    """`all`, `maximum` as `fusion-all-maximum`; a chosen fusion has no rule in its name."""
    return f"{FUSION}{name}-{rule}" if rule else f"{FUSION}{name}"


def evaluation_protocol(table: pd.DataFrame) -> str:
    """The protocol by which models are compared: `test`, or `cv` in a study that holds nobody out.

    `table` has a column `protocol` and rows of every model.
    """
    return "test" if (table["protocol"] == "test").any() else "cv"


DECIMALS = 6
"""Decimals of a written probability: a float32 is no more precise, and a row still sums to 1 within 4e-6."""
SUM_TOLERANCE = 1e-3
"""Largest deviation of a row's sum of scores from 1; files hold rounded numbers."""


def read(
    paths: Iterable[str | Path],
    emotions: Sequence[str],
    manifest: str | Path | None = None,
    study: str = "honest",
) -> pd.DataFrame:
    """Read predictions tables, check them and put them below one another.

    `emotions` are the study's classes, K of them in its order; `study` is the study's setting `protocol`.
    Returns schema `predictions`, with a column `p_<class>` of each class alone, plus two of bool: `synthetic`
    (from the manifest; False without one) and `leaky` (of a protocol that is, or of a study of published
    protocols). `predicted` is the class with the greatest score, the first one where several tie.

    Raises InputError for a clip that is not in the manifest or has another label or subject there, a clip
    that one model predicted twice in one view under one protocol, classes in another order, scores that do
    not sum to one, and rows of cross-validation without a fold.
    """
    paths = [Path(path) for path in paths]
    if not paths:
        raise InputError("predictions", "no table was given", "name at least one predictions.csv")
    frames = [_one(path, emotions) for path in paths]
    files = np.repeat([str(path) for path in paths], [len(frame) for frame in frames])
    frame = pd.concat(frames, ignore_index=True)
    _refuse_duplicates(frame, files)
    frame["synthetic"] = False if manifest is None else _from_manifest(frame, files, Path(manifest))
    frame["leaky"] = frame["protocol"].isin(LEAKY_PROTOCOLS) | (study == "published")
    return frame


def write(frame: pd.DataFrame, path: str | Path) -> None:
    """Write rows as `read` gives them to `path` (schema `predictions`)."""
    rows = frame.drop(columns=["synthetic", "leaky"], errors="ignore")
    tables.write(rows.astype({"fold": "Int64", "seed": "Int64"}), path, "predictions")


def table(
    clips: pd.DataFrame,
    probabilities: np.ndarray,
    classes: Sequence[str],
    model: str,
    protocol: str,
    fold: int | None,
    seed: int | None,
    *,
    role: str = "model",
    view: str = "",
) -> pd.DataFrame:
    """Predictions for `clips` (columns clip_id, subject_id, emotion) from `probabilities` [N,K].

    The predicted class is the one with the greatest written probability; of several the first (thesis,
    3.2.3).
    """
    probabilities = np.round(probabilities, DECIMALS)
    rows = clips[["clip_id", "subject_id", "emotion"]].reset_index(drop=True)
    rows["predicted"] = [classes[k] for k in probabilities.argmax(axis=1)]
    for k, name in enumerate(classes):
        rows[f"p_{name}"] = probabilities[:, k]
    rows = rows.assign(model=model, role=role, view=view, protocol=protocol)
    rows["fold"], rows["seed"] = (pd.array([one] * len(rows), dtype="Int64") for one in (fold, seed))
    return rows


def groups(frame: pd.DataFrame) -> Iterator[tuple[dict[str, str], pd.DataFrame]]:
    """The rows of each model in each view under each protocol, sorted, and before them the values of WHO."""
    for (model, view, protocol), rows in frame.groupby(KEY, sort=True):
        role = rows["role"].iloc[0]
        yield {"model": model, "role": role, "view": view, "protocol": protocol}, rows


def scores(frame: pd.DataFrame, emotions: Sequence[str]) -> np.ndarray:
    """The scores of a predictions table as [N,K] in the order of `emotions`; NaN where there are none."""
    return frame[[f"p_{emotion}" for emotion in emotions]].to_numpy(float)


def codes(frame: pd.DataFrame, emotions: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """True and predicted classes as indices [N] in `emotions`."""
    index = {emotion: k for k, emotion in enumerate(emotions)}
    truth, predicted = (frame[column].map(index).to_numpy(int) for column in ("emotion", "predicted"))
    return truth, predicted


def first_largest(values: np.ndarray) -> np.ndarray:
    """Class index [N] with the greatest of the scores [N,K]; of several equal ones the first."""
    return np.argmax(values, axis=-1)


def _one(path: Path, emotions: Sequence[str]) -> pd.DataFrame:
    frame = tables.read(path, "predictions")
    if frame.empty:
        raise InputError(path, "holds no predictions", "run the step that makes it again")
    wanted = [f"p_{emotion}" for emotion in emotions]
    columns = [column for column in frame.columns if column.startswith("p_")]
    others = [column for column in columns if column not in wanted]
    lacking = [column for column in wanted if column not in columns]
    if lacking:
        raise InputError(path, f"lacks the column {', '.join(lacking)}", "give a score for every class")
    columns = [column for column in columns if column in wanted]
    if columns != wanted:
        order_there, order = ", ".join(columns), ", ".join(wanted)
        raise InputError(path, f"its classes are in the order {order_there}", f"use {order}")
    for column in ("emotion", "predicted"):
        problem = f"{column} is not among the classes {', '.join(emotions)}"
        refuse_rows(path, frame, ~frame[column].isin(emotions), problem, "correct it")
    foldless = frame["protocol"].isin(FOLDED) & frame["fold"].isna()
    refuse_rows(path, frame, foldless, "its fold is empty", "give the fold whose validation it belongs to")
    values = scores(frame, emotions)
    empty = np.isnan(values)
    refuse_rows(path, frame, empty.any(1) & ~empty.all(1), "some of its scores are empty", "give all or none")
    scored = ~empty.any(1)
    stray = (frame[others].fillna(0).to_numpy(float) > SUM_TOLERANCE).any(1)
    refuse_rows(
        path, frame, stray, "has a score for a class that is not evaluated", "leave that column empty"
    )
    off = scored & (np.abs(values.sum(1) - 1) > SUM_TOLERANCE)
    refuse_rows(path, frame, off, "its scores do not sum to 1", "write the softmax of the logits")
    largest = np.where(scored, first_largest(np.nan_to_num(values, nan=-1.0)), 0)
    _, predicted = codes(frame, emotions)
    rows = np.arange(len(frame))
    other = scored & (values[rows, predicted] < values[rows, largest] - SUM_TOLERANCE)
    refuse_rows(path, frame, other, "predicted is not the class with the greatest score", "correct it")
    frame["predicted"] = np.where(scored, np.asarray(emotions, object)[largest], frame["predicted"])
    if "role" not in frame:
        frame["role"] = np.where(frame["protocol"] == HUMAN, HUMAN, "model")
    if "view" not in frame:
        frame["view"] = ""
    return frame[tables.column_order(frame.columns.drop(others), "predictions")]


def refuse_rows(
    path: str | Path,
    frame: pd.DataFrame,
    bad: np.ndarray | pd.Series,
    problem: str | Callable[[pd.Series], str],
    remedy: str,
    name: str = "clip_id",
) -> None:
    """Raise InputError with the line and the clip (column `name`) of the first `bad` row of `frame`, if any.

    `problem` is a text, or a function that makes it from that row.
    """
    rows = np.flatnonzero(np.asarray(bad))
    if len(rows):
        row = frame.iloc[rows[0]]
        text = problem if isinstance(problem, str) else problem(row)
        raise InputError(path, f"line {rows[0] + 2}, clip {row[name]}: {text}", remedy)


def _refuse_duplicates(frame: pd.DataFrame, files: np.ndarray) -> None:
    twice = frame.duplicated([*KEY, "clip_id"])
    if twice.any():
        row = frame[twice].iloc[0]
        seen = f"{row.view}, {row.protocol}" if row.view else row.protocol
        raise InputError(
            files[twice.to_numpy()][0],
            f"clip {row.clip_id} is predicted twice by {row.model} ({seen})",
            "keep one row per model, view, protocol and clip",
        )


def _from_manifest(frame: pd.DataFrame, files: np.ndarray, path: Path) -> np.ndarray:
    """Compare with the manifest at `path`; returns whether each row's clip is synthetic, bool [N]."""
    manifest = tables.rows_of(path, "manifest", "clip_id", frame["clip_id"]).set_index("clip_id")
    manifest["subject_id"] = resampling_units(manifest)
    unknown = ~frame["clip_id"].isin(manifest.index)
    if unknown.any():
        raise InputError(
            files[unknown.to_numpy()][0],
            f"clip {frame.loc[unknown, 'clip_id'].iloc[0]} is not in {path}",
            "make the predictions again from this manifest",
        )
    listed = manifest.loc[frame["clip_id"]]
    for column in ("emotion", "subject_id"):
        differs = listed[column].to_numpy() != frame[column].to_numpy()
        if differs.any():
            row, there = frame[differs].iloc[0], listed[column].iloc[int(differs.argmax())]
            raise InputError(
                files[differs][0],
                f"clip {row.clip_id}: {column} is {row[column]}, but {there} in {path}",
                "make the predictions again from this manifest",
            )
    return listed["synthetic"].to_numpy(bool)
