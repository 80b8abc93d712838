"""The stills of a study, in the parts that are trained on, watched while training, and tested on."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.datasets import duplicates, kdef
from ferflow.datasets.crops import Crops
from ferflow.datasets.image_sets import read_images, read_stills
from ferflow.datasets.images import ImageSet, write_pixels
from ferflow.errors import InputError
from ferflow.seeds import derive_seed
from ferflow.settings import Faces, Sequences, SubjectParts
from ferflow.settings import Stills as StillsSettings
from ferflow.training import splits

if TYPE_CHECKING:
    from ferflow.training.images import Labelled

SIDES = ("Training", "PublicTest", "PrivateTest")
"""FER2013's names of what is trained on, watched while training, and tested on once; kept for other sets."""
TRAINED, WATCHED, TESTED = SIDES


class Stills(NamedTuple):
    """`parts`: the labelled images of each of SIDES; `listed`: their clip_id, subject_id, emotion.

    `near_copies`: in how many bits hashes of near copies differ at most, and how many images of each part
    were left out for that alone; None: none was.
    """

    parts: dict[str, Labelled]
    listed: dict[str, pd.DataFrame]
    near_copies: dict | None = None

    def described(self) -> dict:
        """What a model's file says of the images: their hash, and how many each part has."""
        sizes = {side: len(part.labels) for side, part in self.parts.items()}
        near = {} if self.near_copies is None else {"near_copies": self.near_copies}
        return {"images_sha256": digest(*self.parts.values()), "images": sizes, **near}


def read(path: str | Path, protocol: str, near_copies: int | None = None) -> Stills:
    """Read FER2013 (a CSV, a folder or a tar file) at `path`, or what `write_by_subject` made of another set.

    Under `honest`, images that appear again in a later part are left out of the earlier ones, and near copies
    where `near_copies` says in how many bits those differ at most (settings.Stills); `published` takes the
    official parts as they are. Raises InputError as `read_stills`, and for a part without images.
    """
    from ferflow.training.images import Labelled

    images = read_stills(path)
    split = images.table["split"].to_numpy()
    parts = {side: np.flatnonzero(split == side) for side in SIDES}
    near = None
    if protocol != "published":
        exact = parts = without_copies(images.pixels, parts)
        if near_copies is not None:
            parts = duplicates.without_near(images.pixels, exact, near_copies)
            left_out = {side: len(exact[side]) - len(parts[side]) for side in SIDES[:-1]}
            near = {"bits": near_copies, "left_out": left_out}
    for side, rows in parts.items():
        if not len(rows):
            raise InputError(path, f"has no image of part {side}", "give a copy with all three parts")
    columns = images.table[["clip_id", "subject_id", "emotion"]]
    return Stills(
        {side: Labelled(images.pixels[rows], images.labels[rows]) for side, rows in parts.items()},
        {side: columns.iloc[rows].reset_index(drop=True) for side, rows in parts.items()},
        near,
    )


def digest(*parts: Labelled) -> str:
    """SHA-256 over images and labels."""
    whole = hashlib.sha256()
    for part in parts:
        for values in part:
            whole.update(values.tobytes())
    return whole.hexdigest()


def without_copies(images: np.ndarray, parts: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Leave rows out of each part whose very pixels appear in a later part, whatever their label."""
    kept, later = {}, set()
    for side in reversed(parts):
        pixels = [images[row].tobytes() for row in parts[side]]
        kept[side] = parts[side][[image not in later for image in pixels]]
        later.update(pixels)
    return {side: kept[side] for side in parts}


def write_by_subject(
    root: str | Path,
    settings: StillsSettings,
    faces: Faces,
    sequences: Sequences,
    seed: int,
    weights_folder: str | Path,
    out_images: str | Path,
    out_manifest: str | Path,
) -> None:
    """Write the faces in the set `settings.source` at `root` (`write_pixels`), and whose side each is on.

    Images of other classes than the seven, and without a face, are left out. Raises InputError as
    `read_images` and `by_subject`.
    """
    crops = Crops(weights_folder, faces)
    images = read_images(settings.source, root, sequences=sequences, crops=crops).only(EMOTIONS_NEUTRAL)
    images = by_subject(images, settings.parts, seed)
    for reason, n in images.omitted["reason"].value_counts(sort=False).items():
        print(f"{n} images left out: {reason}")
    images.write_manifest(out_manifest)
    write_pixels(images, out_images)


def by_subject(images: ImageSet, parts: SubjectParts, seed: int) -> ImageSet:
    """`images` in the parts SIDES, nobody in two, women and men in each as in all (column `split`).

    Averages of people are left out: everybody is in them. Raises InputError where it is not known who is
    shown, where there are too few people, and for a class that nobody of Training shows.
    """
    averages = images.table["subject_id"].str.startswith(kdef.AVERAGE).to_numpy()
    left_out = images.table.loc[averages, ["clip_id", "source", "emotion"]]
    left_out = left_out.assign(reason="an average of people who are on every side")
    omitted = pd.concat([images.omitted, left_out], ignore_index=True)
    images = images.rows(~averages)
    subjects = images.table["subject_id"]
    if (subjects == "").any():
        problem = "does not say who is shown, so that its images cannot be parted by subject"
        raise InputError(images.root, problem, "take a copy whose files have their published names")
    sexes = dict(zip(subjects, images.table["sex"], strict=True))
    test, rest = _drawn(sexes, parts.judged, derive_seed(seed, "stills", TESTED))
    watched, _ = _drawn(rest, parts.watched / (1 - parts.judged), derive_seed(seed, "stills", WATCHED))
    side = (
        {subject: TRAINED for subject in sexes}
        | dict.fromkeys(watched, WATCHED)
        | dict.fromkeys(test, TESTED)
    )
    table = images.table.assign(split=subjects.map(side))
    shown = set(table.loc[table["split"] == TRAINED, "emotion"])
    if lacking := [emotion for emotion in EMOTIONS_NEUTRAL if emotion not in shown]:
        problem = f"has no image of the class {lacking[0]} among the {len(sexes)} subjects for training"
        remedy = "take the whole data set, lower stills.parts, or for CK+ set images.sequences.neutral: true"
        raise InputError(images.root, problem, remedy)
    return ImageSet(images.name, images.root, table, images.pixels, omitted)


def _drawn(sexes: dict[str, str], share: float, seed: int) -> tuple[list[str], dict[str, str]]:
    """A `share` of the subjects, one of each sex at least, and who is left with their sex."""
    drawn = splits.stratified(sexes, 1, share, seed)
    return drawn["test"], {subject: sexes[subject] for subject in drawn["folds"][0]}
