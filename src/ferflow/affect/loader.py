"""Images of AffectNet in batches, decoded and augmented by threads ahead of the network.

Neither decoding nor warping holds Python's lock, so that threads of one process are enough, and no image is
sent from process to process. In memory are the index (some 60 bytes an image) and a few batches.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ferflow.affect import decode, order
from ferflow.ahead import in_order
from ferflow.datasets.affect_index import Index
from ferflow.errors import SettingError
from ferflow.faces.quiet import opencv
from ferflow.settings.affect import AffectAugment


class Batch(NamedTuple):
    """`images` uint8 [B,3,S,S] RGB; `labels` int64 [B], AffectNet's codes 0–7 (`affectnet.CLASSES`);
    `valence_arousal` float32 [B,2] in −1–1, 0 where it was not given; `known` bool [B,2], whether it was."""

    images: Tensor
    labels: Tensor
    valence_arousal: Tensor
    known: Tensor


class Batches:
    """The images of `part` in `index`, an epoch for each time it is gone through.

    The order is drawn from `seed` and the epoch, what `augment` does from these and the batch: both are the
    same for any number of `workers` (threads). The last batch may be smaller. `state()` says what comes next;
    a `resume(state)`, also of another process, goes on there, and gives the same.

    Raises SettingError for a part that has no image; InputError, naming it, for an image that cannot be read,
    when its batch is due.
    """

    def __init__(
        self,
        index: Index,
        part: str,
        size: int,
        batch: int,
        augment: AffectAugment | None,
        seed: int,
        workers: int,
        shuffle: bool = True,
    ) -> None:
        self.index, self.size, self.batch, self.augment = index, size, batch, augment
        self.seed, self.workers, self.shuffle = seed, workers, shuffle
        self.rows = index.rows(part)
        if not len(self.rows):
            raise SettingError(part, f"has no image in {index.root}", "make the index again")
        self._epoch, self._next = 0, 0

    def __len__(self) -> int:
        """Batches of an epoch."""
        return order.n_batches(len(self.rows), self.batch)

    def __iter__(self) -> Iterator[Batch]:
        """From the next batch on to the epoch's end; then the next epoch is next."""
        opencv()
        epoch = self._epoch
        places = order.order(len(self.rows), self.seed, epoch, self.shuffle)

        def make(number: int) -> Batch:
            return self._make(self.rows[order.of_batch(places, self.batch, number)], epoch, number)

        for made in in_order(range(self._next, len(self)), make, self.workers):
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
        mine = self.state()
        for name in ("images", "batch_size", "seed"):
            if state.get(name, mine[name]) != mine[name]:
                problem = f"is {mine[name]} now and was {state[name]} when the training was interrupted"
                raise SettingError(name, problem, "set it back, or train anew")
        if not (state["epoch"] >= 0 and 0 <= state["batch"] < len(self)):
            problem = f"are {state['epoch']} and {state['batch']}, of {len(self)} batches"
            raise SettingError("epoch and batch", problem, "train anew")
        self._epoch, self._next = state["epoch"], state["batch"]

    # Lightning keeps these of a loader in its checkpoints.
    state_dict, load_state_dict = state, resume

    def _make(self, rows: np.ndarray, epoch: int, number: int) -> Batch:
        drawn = decode.draw(self.augment, len(rows), order.draws(self.seed, epoch, number))
        images = np.empty((len(rows), self.size, self.size, 3), np.uint8)
        for row, one, out in zip(rows, drawn, images, strict=True):
            decode.place(decode.read(self.index.image(row)), self.size, one, out)
        said = self.index.valence_arousal[rows]
        known = ~np.isnan(said)
        return Batch(
            torch.from_numpy(images).permute(0, 3, 1, 2),
            torch.from_numpy(self.index.labels[rows].astype(np.int64)),
            torch.from_numpy(np.where(known, said, np.float32(0))),
            torch.from_numpy(known),
        )
