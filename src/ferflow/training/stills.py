"""The stills of a study, in the parts that are trained on, watched while training, and tested on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.datasets import duplicates, fer2013, kdef
from ferflow.datasets.crops import Crops
from ferflow.datasets.image_sets import read_images, read_stills
from ferflow.datasets.images import ImageSet, write_pixels
from ferflow.errors import InputError
from ferflow.faces.quiet import opencv
from ferflow.seeds import derive_seed
from ferflow.settings import Faces, Sequences, SubjectParts
from ferflow.settings import Stills as StillsSettings
from ferflow.settings.types import ImageSetName
from ferflow.training import splits

if TYPE_CHECKING:
    from ferflow.training.images import Labelled

SIDES = ("Training", "PublicTest", "PrivateTest")
"""FER2013's names of what is trained on, watched while training, and tested on once; kept for other sets."""
TRAINED, WATCHED, TESTED = SIDES


class Stills(NamedTuple):
    """`parts`: the labelled images of each of SIDES; `listed`: their clip_id, subject_id, emotion.

    `further`: how many images of which further set are the last of part Training; `rendered`: whether any
    of those are synthetic. `near_copies`: in how many bits hashes of near copies differ at most, and how many
    images of each part were left out for that alone; None: none was.
    """

    parts: dict[str, Labelled]
    listed: dict[str, pd.DataFrame]
    further: dict[str, int]
    rendered: bool
    near_copies: dict | None = None

    def described(self) -> dict:
        """What a model's file says of the images: their hash, and how many each part and further set has."""
        sizes = {side: len(part.labels) for side, part in self.parts.items()}
        sizes[TRAINED] -= sum(self.further.values())
        described = {"images_sha256": digest(*self.parts.values()), "images": sizes}
        if self.further:
            described["further"] = self.further
        return described if self.near_copies is None else described | {"near_copies": self.near_copies}


def read(
    path: str | Path, protocol: str, further: Sequence[str | Path] = (), near_copies: int | None = None
) -> Stills:
    """Read FER2013 (a CSV, a folder or a tar file) at `path`, or what `write_by_subject` made of another set.

    Under `honest`, images that appear again in a later part are left out of the earlier ones, and near copies
    where `near_copies` says in how many bits those differ at most (settings.Stills); `published` takes the
    official parts as they are. The images of `further` (`write_further`) join part Training under either,
    less those whose very pixels another part has: their people are on no other side. Raises InputError as
    `read_stills`, and for a part without images.
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
    labelled = {side: Labelled(images.pixels[rows], images.labels[rows]) for side, rows in parts.items()}
    columns = images.table[["clip_id", "subject_id", "emotion"]]
    listed = {side: columns.iloc[rows].reset_index(drop=True) for side, rows in parts.items()}
    counts, rendered = {}, False
    for more in map(read_stills, further):
        judged = np.concatenate([labelled[side].images for side in (WATCHED, TESTED)])
        rows = without_copies(
            np.concatenate([more.pixels, judged]),
            {TRAINED: np.arange(len(more)), TESTED: len(more) + np.arange(len(judged))},
        )[TRAINED]
        joined = labelled[TRAINED], Labelled(more.pixels[rows], more.labels[rows])
        labelled[TRAINED] = Labelled(*(np.concatenate(pair) for pair in zip(*joined, strict=True)))
        added = more.table.iloc[rows][list(columns)]
        listed[TRAINED] = pd.concat([listed[TRAINED], added], ignore_index=True)
        counts[more.name] = len(rows)
        rendered = rendered or more.synthetic
    return Stills(labelled, listed, counts, rendered, near)


def honest_accuracy(right: np.ndarray, images: np.ndarray, learnt: np.ndarray) -> float | None:
    """The share of `right` answers, bool [N], for those `images` whose very pixels are not in `learnt`.

    None where all of them are.
    """
    known = {image.tobytes() for image in learnt}
    unseen = np.array([image.tobytes() not in known for image in images], bool)
    return float(right[unseen].mean()) if unseen.any() else None


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


def write_further(
    name: ImageSetName,
    root: str | Path,
    faces: Faces,
    sequences: Sequences,
    weights_folder: str | Path,
    out_images: str | Path,
    out_manifest: str | Path,
) -> None:
    """Write the faces in the set `name` at `root` in FER2013's form: grey, 48×48, of its seven classes.

    All are of part Training. Images of other classes and without a face are left out. Raises InputError as
    `read_images`.
    """
    crops = Crops(weights_folder, faces)
    images = read_images(name, root, sequences=sequences, crops=crops).only(EMOTIONS_NEUTRAL)
    for reason, n in images.omitted["reason"].value_counts(sort=False).items():
        print(f"{n} images left out: {reason}")
    pixels = np.stack([reduced(image) for image in images.pixels])
    table = images.table.assign(split=TRAINED)
    images = ImageSet(images.name, images.root, table, pixels, images.omitted)
    images.write_manifest(out_manifest)
    write_pixels(images, out_images)


def reduced(image: np.ndarray) -> np.ndarray:
    """An image uint8 [H,W] or [H,W,3] (RGB) as FER2013's are: grey, uint8 [48,48]."""
    cv2 = opencv()
    grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    if grey.shape == (fer2013.SIZE, fer2013.SIZE):
        return grey
    return cv2.resize(grey, (fer2013.SIZE, fer2013.SIZE), interpolation=cv2.INTER_AREA)


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
