"""FER+: the votes of ten annotators for each image of FER2013, and the label that most of them give.

Barsoum, Zhang, Canton Ferrer and Zhang, *Training deep networks for facial expression recognition with
crowd-sourced label distribution*, ICMI 2016. The votes come as a table, `fer2013new.csv`, whose rows follow
Kaggle's `fer2013.csv`. Only their order counts: the numbers in its image names drift from that of the row.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ferflow import tables
from ferflow.datasets import fer2013
from ferflow.datasets.images import ImageSet, listed_as_omitted
from ferflow.errors import InputError

VOTES_NAME = "fer2013new.csv"
CHOICES = (
    *("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt"),
    *("unknown", "NF"),
)
"""The choices of an annotator, in the order of the table; NF is *not a face*."""
EMOTIONS = ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt")
"""The classes of the first eight."""
REMEDY = f"take {VOTES_NAME} as FER+ publishes it, and the CSV of FER2013 as Kaggle gives it"


def read(root: str | Path, votes: str | Path | None = None) -> ImageSet:
    """FER2013 from its CSV, with the labels of FER+ in place of Kaggle's.

    `root` is the CSV or its folder; `votes`, the table of votes, is looked for beside the CSV where it is
    None. The table of images keeps the votes (columns `votes_*`) and Kaggle's parts. Images whose
    majority says *unknown* or *not a face*, or which have no majority, are in `omitted`. Raises InputError
    where the two tables do not fit each other row by row.
    """
    path = _csv(Path(root))
    votes = Path(votes) if votes is not None else path.parent / VOTES_NAME
    table = tables.read(votes, "ferplus")
    images = fer2013.read(path)
    if len(table) != len(images):
        raise InputError(votes, f"has {len(table)} rows, {path} has {len(images)}", REMEDY)
    differ = np.flatnonzero(table["Usage"].to_numpy() != images.table["split"].to_numpy())
    if len(differ):
        line = differ[0] + 2
        raise InputError(votes, f"line {line}: Usage is not that of {path} in this row", REMEDY)
    counts = table[list(CHOICES)].to_numpy()
    chosen = majority(counts)
    labelled = (chosen >= 0) & (chosen < len(EMOTIONS))
    whole = images.table.assign(**{f"votes_{name.lower()}": table[name].to_numpy() for name in CHOICES})
    reasons = np.array(["FER+: no majority", "FER+: unknown", "FER+: not a face"])
    omitted = whole[~labelled].assign(reason=reasons[np.maximum(chosen[~labelled] - len(EMOTIONS) + 1, 0)])
    kept = whole[labelled].assign(emotion=np.array(EMOTIONS)[chosen[labelled]]).reset_index(drop=True)
    return ImageSet("ferplus", str(root), kept, images.pixels[labelled], listed_as_omitted(omitted))


def majority(votes: np.ndarray) -> np.ndarray:
    """What most annotators say: the index in CHOICES, or −1 without a majority; int64 [N] of votes [N,10].

    The rule `majority` of FER+: a choice with a single vote counts as a slip and is taken out; what then has
    more than half of the votes that are left wins. Its authors call an image without a winner *unknown*.
    """
    counted = np.where(votes > 1, votes, 0)
    first = counted.argmax(1)
    wins = 2 * counted.max(1) > counted.sum(1)
    return np.where(wins, first, -1).astype(np.int64)


def _csv(root: Path) -> Path:
    if root.is_dir():
        for name in fer2013.CSV_NAMES:
            if (root / name).is_file():
                return root / name
        raise InputError(root, "holds no CSV of FER2013", f"put fer2013.csv and {VOTES_NAME} there")
    if root.exists() and root.suffix.lower() != ".csv":
        remedy = "FER+ follows the rows of fer2013.csv: give that file or its folder"
        raise InputError(root, "is no CSV", remedy)
    return root
