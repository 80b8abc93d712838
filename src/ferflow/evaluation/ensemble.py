"""Several networks as one: the mean of their probabilities, and which of them to take.

The choice is made on validation images alone; the test images take no part in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from ferflow.errors import InputError, SplitError
from ferflow.evaluation import predictions

JUDGED = "PrivateTest"
"""FER2013's part for the final test, never for choosing."""


def average(probabilities: Sequence[np.ndarray]) -> np.ndarray:
    """Mean float64 [N,K] of the probabilities [N,K] of several networks for the same images.

    Raises ValueError for none, or arrays of different shapes.
    """
    if not probabilities:
        raise ValueError("an average needs at least one network")
    shapes = {np.shape(part) for part in probabilities}
    if len(shapes) > 1:
        raise ValueError(f"probabilities of different shapes: {', '.join(map(str, sorted(shapes)))}")
    return np.mean(np.stack([np.asarray(part, np.float64) for part in probabilities]), axis=0)


def average_tables(paths: Sequence[str | Path], emotions: Sequence[str], name: str) -> pd.DataFrame:
    """The ensemble `name` of the models in the predictions tables at `paths`, one model each.

    Its rows are as in `predictions.read`, in the first table's order: the mean of the probabilities, in every
    view under every protocol. Raises InputError where a table holds several models, no probabilities, or
    other images, views, protocols or labels than the first.
    """
    tables = [_scored(Path(path), emotions) for path in paths]
    first = tables[0]
    for path, table in zip(paths[1:], tables[1:], strict=True):
        _refuse_other_images(Path(path), table, Path(paths[0]), first)
    ordered = [table.loc[first.index] for table in tables]
    mean = average([predictions.scores(table, emotions) for table in ordered])
    probabilities = np.round(mean, predictions.DECIMALS)
    rows = first.reset_index()
    rows[[f"p_{emotion}" for emotion in emotions]] = probabilities
    rows["predicted"] = np.asarray(emotions, object)[predictions.first_largest(probabilities)]
    # The column is for the seed of a training: an average has none.
    return rows.assign(model=name, role="ensemble", seed=pd.array([None] * len(rows), dtype="Int64"))


def _scored(path: Path, emotions: Sequence[str]) -> pd.DataFrame:
    table = predictions.read([path], emotions)
    models = table["model"].unique()
    if len(models) > 1:
        raise InputError(path, f"holds {len(models)} models ({', '.join(models)})", "give one a file")
    if np.isnan(predictions.scores(table, emotions)).any():
        raise InputError(path, "has rows without probabilities", "give a model's own predictions")
    return table.set_index(["view", "protocol", "clip_id"])


def _refuse_other_images(path: Path, table: pd.DataFrame, first_path: Path, first: pd.DataFrame) -> None:
    remedy = "give predictions of the same images"
    odd = sorted(set(table.index) ^ set(first.index))
    if odd:
        *seen, clip = odd[0]
        what = f"image {clip} ({', '.join(filter(None, seen))})"
        problem = f"has {what}, which is not in" if odd[0] in table.index else f"lacks {what} of"
        raise InputError(path, f"{problem} {first_path}", remedy)
    differs = table["emotion"] != first.loc[table.index, "emotion"]
    if differs.any():
        row = differs.index[differs.to_numpy()][0]
        label, wanted = table.loc[row, "emotion"], first.loc[row, "emotion"]
        problem = f"image {row[-1]}: emotion is {label}, but {wanted} in {first_path}"
        raise InputError(path, problem, remedy)


@dataclass(frozen=True)
class Candidate:
    """A network that an average may take: its probabilities [N,K] for the validation images, and its size."""

    name: str
    probabilities: np.ndarray
    parameters: int


@dataclass(frozen=True)
class Choice:
    """The best set: names in the candidates' order, parameters in all, accuracy on the validation images."""

    names: tuple[str, ...]
    parameters: int
    accuracy: float
    tried: int


def choose(
    candidates: Sequence[Candidate], labels: np.ndarray, splits: Sequence[str], most: int, budget: int
) -> Choice:
    """The set of at most `most` networks with fewer than `budget` parameters in all that does best.

    Every set is tried: its average's accuracy against the class indices `labels` [N] of validation images,
    whose official `splits` [N] show that no test image is among them. Of equally
    good sets the one with fewer parameters is taken, then the first. Raises SplitError for an image of part
    PrivateTest, ValueError where no network is within the budget.
    """
    if JUDGED in set(splits):
        raise SplitError(JUDGED, "is for judging an ensemble, not for choosing it", "choose on PublicTest")
    labels = np.asarray(labels)
    # float32 halves the time; what it rounds is far below the difference of two probabilities that matters.
    probabilities = [np.asarray(candidate.probabilities, np.float32) for candidate in candidates]
    best, tried = None, 0
    for size in range(1, min(most, len(candidates)) + 1):
        for chosen in combinations(range(len(candidates)), size):
            parameters = sum(candidates[i].parameters for i in chosen)
            if parameters >= budget:
                continue
            tried += 1
            total = sum(probabilities[i] for i in chosen)
            accuracy = float((predictions.first_largest(total) == labels).mean())
            rank = (accuracy, -parameters)
            if best is None or rank > best[0]:
                best = rank, chosen, parameters
    if best is None:
        raise ValueError(f"no network has fewer than {budget} parameters")
    (accuracy, _), chosen, parameters = best
    return Choice(tuple(candidates[i].name for i in chosen), parameters, accuracy, tried)
