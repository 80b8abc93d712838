"""Images from files in batches, decoded and augmented by threads ahead of the network.

For sets that are too large for the memory, as AffectNet is. Neither decoding nor warping holds Python's lock,
so that threads of one process are enough, and no image is sent from process to process. In memory are the
list of images (some 35 bytes an image) and a few batches.

The augmentation is that of the paper's Table 4 (Akhtar 2022), drawn as Keras's ImageDataGenerator draws it,
which the paper used (section 4.1): an angle, a zoom of each axis, a factor of brightness. Resizing, turning
and zooming are one affine step, so that an augmented image costs hardly more than a plain one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

import cv2
import numpy as np
import pandas as pd
import torch
from torch import Tensor

from ferflow import tables
from ferflow.datasets.affectnet import CLASSES, PARTS
from ferflow.errors import InputError, SettingError
from ferflow.evaluation.regression import DIMENSIONS
from ferflow.faces.quiet import opencv
from ferflow.faces.video import is_cut
from ferflow.prefetch import ordered_map
from ferflow.settings.affect import AffectAugment
from ferflow.tables import SLICE

ORDER, AUGMENT = 0, 1
"""Last parts of the seeds of the order of an epoch and of what is drawn for a batch's images."""
CENTRED = np.array((0.0, 1.0, 1.0, 1.0))
"""The four draws that change nothing."""


@dataclass(frozen=True)
class ImageList:
    """The images of a manifest of AffectNet, in its order, without a table.

    `parts` uint8 [N] are places in `affectnet.PARTS`, `labels` uint8 [N] AffectNet's codes 0–7
    (`affectnet.CLASSES`), `valence_arousal` float32 [N,2] in −1–1, NaN where it was not given. Image n is the
    file `names[n]` in `folders[folder[n]]`; `clip_ids`, `names` and `subjects` (empty: not known) are UTF-8,
    bytes [N].
    """

    manifest: Path
    folders: tuple[str, ...]
    parts: np.ndarray
    labels: np.ndarray
    valence_arousal: np.ndarray
    clip_ids: np.ndarray
    folder: np.ndarray
    names: np.ndarray
    subjects: np.ndarray

    @classmethod
    def read(cls, manifest_csv: str | Path) -> Self:
        """The images of the manifest at `manifest_csv`, which is read in slices.

        Raises InputError for a damaged table, an empty one, and a class or part that is not AffectNet's.
        """
        folders: dict[str, int] = {}
        slices = []
        for rows in tables.slices(manifest_csv, "manifest", SLICE):
            if lacking := [name for name in DIMENSIONS if name not in rows]:
                raise InputError(manifest_csv, f"lacks the column {lacking[0]}", "make it again")
            places = [source.rpartition("/") for source in rows["source"]]
            slices.append(
                (
                    _places(manifest_csv, rows["split"], list(PARTS)),
                    _places(manifest_csv, rows["emotion"], CLASSES),
                    rows[list(DIMENSIONS)].to_numpy(np.float32),
                    np.array([clip_id.encode() for clip_id in rows["clip_id"]], "S"),
                    np.array([folders.setdefault(folder, len(folders)) for folder, _, _ in places], np.int32),
                    np.array([name.encode() for _, _, name in places], "S"),
                    np.array([subject.encode() for subject in rows["subject_id"].fillna("")], "S"),
                )
            )
        columns = map(np.concatenate, zip(*slices, strict=True))
        listed = cls(Path(manifest_csv), tuple(folders), *columns)
        if not len(listed):
            raise InputError(manifest_csv, "lists no image", "make it again")
        return listed

    def __len__(self) -> int:
        return len(self.labels)

    def clip_id(self, number: int) -> str:
        """The name of image `number`."""
        return self.clip_ids[number].decode()

    def subject(self, number: int) -> str:
        """Who is shown in image `number`; empty where that is not known."""
        return self.subjects[number].decode()

    def source(self, number: int) -> Path:
        """Where image `number` lies."""
        return Path(self.folders[self.folder[number]], self.names[number].decode())

    def rows(self, part: str) -> np.ndarray:
        """The numbers of the images of `part` ("train" or "validation"), int32, in the manifest's order."""
        return np.flatnonzero(self.parts == list(PARTS).index(part)).astype(np.int32)

    def counts(self, part: str) -> np.ndarray:
        """Images of each class in `part`, int64 [8]."""
        return np.bincount(self.labels[self.rows(part)], minlength=len(CLASSES))


def _places(path: str | Path, cells: pd.Series, names: Sequence[str]) -> np.ndarray:
    """The place uint8 [N] in `names` of each of `cells`; InputError for another."""
    places = pd.Index(names).get_indexer(cells)
    if (places < 0).any():
        number = cells.index[places < 0][0]
        problem = f"column {cells.name}, line {number + tables.FIRST_LINE}: {cells[number]!r} is not one of"
        raise InputError(path, f"{problem} {', '.join(names)}", "correct the table")
    return places.astype(np.uint8)


class Batch(NamedTuple):
    """`images` uint8 [B,3,S,S] RGB; `labels` int64 [B], AffectNet's codes 0–7 (`affectnet.CLASSES`);
    `valence_arousal` float32 [B,2] in −1–1, 0 where it was not given; `known` bool [B,2], whether it was."""

    images: Tensor
    labels: Tensor
    valence_arousal: Tensor
    known: Tensor


class Batches:
    """The images of `part` in `listed`, an epoch for each time it is gone through.

    The order is drawn from `seed` and the epoch, what `augment` does from these and the batch: both are the
    same for any number of `workers` (threads). The last batch may be smaller. `state()` says what comes next;
    a `resume(state)`, also of another process, goes on there, and gives the same.

    Raises SettingError for a part that has no image; InputError, naming it, for an image that cannot be read,
    when its batch is due.
    """

    def __init__(
        self,
        listed: ImageList,
        part: str,
        size: int,
        batch: int,
        augment: AffectAugment | None,
        seed: int,
        workers: int,
        shuffle: bool = True,
    ) -> None:
        self.listed, self.size, self.batch, self.augment = listed, size, batch, augment
        self.seed, self.workers, self.shuffle = seed, workers, shuffle
        self.rows = listed.rows(part)
        if not len(self.rows):
            raise SettingError(part, f"has no image in {listed.manifest}", "make the manifest again")
        self._epoch, self._next = 0, 0

    def __len__(self) -> int:
        """Batches of an epoch."""
        return -(-len(self.rows) // self.batch)

    def __iter__(self) -> Iterator[Batch]:
        """From the next batch on to the epoch's end; then the next epoch is next."""
        opencv()
        epoch = self._epoch
        places = np.arange(len(self.rows), dtype=np.int32)
        if self.shuffle:
            places = np.random.default_rng([self.seed, epoch, ORDER]).permutation(places)

        def make(number: int) -> Batch:
            rows = self.rows[places[number * self.batch : (number + 1) * self.batch]]
            return self._make(rows, epoch, number)

        for made in ordered_map(range(self._next, len(self)), make, self.workers):
            self._next += 1
            if self._next == len(self):
                self._epoch, self._next = epoch + 1, 0
            yield made

    def state(self) -> dict[str, int]:
        """What comes next, as JSON values: `epoch` and `batch`, with what they count."""
        return {
            "epoch": self._epoch,
            "batch": self._next,
            "images": len(self.rows),
            "batch_size": self.batch,
            "seed": self.seed,
        }

    def resume(self, state: dict[str, int]) -> None:
        """Go on where `state` was taken. Raises SettingError where it is of other images, batches or seed."""
        now = self.state()
        for name in ("images", "batch_size", "seed"):
            if state.get(name, now[name]) != now[name]:
                problem = f"is {now[name]} now and was {state[name]} when the training was interrupted"
                raise SettingError(name, problem, "set it back, or train anew")
        if not (state["epoch"] >= 0 and 0 <= state["batch"] < len(self)):
            problem = f"are {state['epoch']} and {state['batch']}, of {len(self)} batches"
            raise SettingError("epoch and batch", problem, "train anew")
        self._epoch, self._next = state["epoch"], state["batch"]

    # Lightning keeps these of a loader in its checkpoints.
    state_dict, load_state_dict = state, resume

    def _make(self, rows: np.ndarray, epoch: int, number: int) -> Batch:
        # Whichever thread makes it.
        rng = np.random.default_rng([self.seed, epoch, AUGMENT, number])
        drawn = draw(self.augment, len(rows), rng)
        images = np.empty((len(rows), self.size, self.size, 3), np.uint8)
        for row, one, out in zip(rows, drawn, images, strict=True):
            place(read_image(self.listed.source(row)), self.size, one, out)
        true = self.listed.valence_arousal[rows]
        known = ~np.isnan(true)
        return Batch(
            torch.from_numpy(images).permute(0, 3, 1, 2),
            torch.from_numpy(self.listed.labels[rows].astype(np.int64)),
            torch.from_numpy(np.where(known, true, np.float32(0))),
            torch.from_numpy(known),
        )


def draw(augment: AffectAugment | None, n: int, rng: np.random.Generator) -> np.ndarray:
    """Angle (degrees), zoom of x and of y, factor of brightness for `n` images, float64 [n,4].

    A zoom over 1 shows more than the image has: its border goes on.
    """
    if augment is None:
        return np.tile(CENTRED, (n, 1))
    turn, zoom, (low, high) = augment.rotation, augment.zoom, augment.brightness
    least, most = (-turn, 1 - zoom, 1 - zoom, low), (turn, 1 + zoom, 1 + zoom, high)
    return rng.uniform(least, most, (n, 4))


def read_image(path: str | Path) -> np.ndarray:
    """The image file at `path`, BGR uint8 [H,W,3]. Raises InputError, naming it, where it is none or cut off.

    Unlike `faces.video.read_image` it may be called by several threads at once: nothing is muted.
    """
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise InputError(path, f"cannot be opened ({error.strerror})", "make the manifest again") from None
    remedy = "copy it again, or take it away and make the manifest again"
    if is_cut(data):
        raise InputError(path, "is an image cut in the middle", remedy)
    try:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except cv2.error:
        image = None
    if image is None:
        raise InputError(path, "is not an image that can be read", remedy)
    return image


def place(image: np.ndarray, size: int, drawn: np.ndarray, out: np.ndarray) -> None:
    """Write `image` (BGR uint8 [H,W,3]) to `out`, RGB uint8 [size,size,3], changed as `drawn` [4] says."""
    while min(image.shape[:2]) >= 2 * size:  # so that no pixel is passed over
        image = cv2.resize(image, (image.shape[1] // 2, image.shape[0] // 2), interpolation=cv2.INTER_AREA)
    if (drawn[:3] == CENTRED[:3]).all():
        shrinks = min(image.shape[:2]) > size
        moved = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    else:
        moved = cv2.warpAffine(
            image,
            _affine(image.shape[1], image.shape[0], size, drawn),
            (size, size),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
    if drawn[3] != 1:
        moved = cv2.convertScaleAbs(moved, alpha=drawn[3])
    cv2.cvtColor(moved, cv2.COLOR_BGR2RGB, dst=out)


def _affine(width: int, height: int, size: int, drawn: np.ndarray) -> np.ndarray:
    """From pixels of the result to pixels of the image, float64 [2,3], both about their middles."""
    angle = np.deg2rad(drawn[0])
    turn = np.array(((np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))))
    scale = np.array((width, height)) / size
    matrix = scale[:, None] * turn * drawn[1:3]
    middle = (np.array((width, height)) - 1) / 2
    return np.column_stack([matrix, middle - matrix @ np.full(2, (size - 1) / 2)])
