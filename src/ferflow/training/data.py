"""Clips for training: which ones stand on which side, and batches of their features.

A batch is (features float32 [N,T,F], mask bool [N,T], labels int64 [N]), padded with zeros to the longest
clip of the batch, at most `max_frames`. Padding changes no output of a head, so padding every batch to 100
frames, as the thesis does, would only cost time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from ferflow import short_run, tables
from ferflow.errors import InputError, SplitError
from ferflow.features import store
from ferflow.prefetch import ordered_map
from ferflow.settings.types import Normalise

ORIGINAL = "none"
"""The folder of features of clips as they are."""
MIB = 2**20


@dataclass(frozen=True)
class ClipStudy:
    """The clips of a study's `classes`, and the frames kept of each.

    `clips` has the columns of schema `manifest`; `windows` maps clip_id to (begin, end).
    """

    clips: pd.DataFrame
    windows: dict[str, tuple[int, int]]
    classes: tuple[str, ...]

    def of(self, subjects: Sequence[str]) -> pd.DataFrame:
        """The clips of these subjects, in the manifest's order. InputError for a subject without any."""
        rows = self.clips[self.clips.subject_id.isin(subjects)]
        empty = [subject for subject in subjects if subject not in set(rows.subject_id)]
        if empty:
            raise InputError("manifest.csv", f"has no clip of subject {empty[0]}", "make the split again")
        return rows.reset_index(drop=True)


@dataclass(frozen=True)
class Study(ClipStudy):
    """The same with feature files.

    `files` maps (augmentation, subject) to a feature file; `source` says what made those
    (`features.store.verify`); `normalise` is settings.Features.normalise.
    """

    files: dict[tuple[str, str], Path]
    source: dict
    max_frames: int
    normalise: Normalise = "none"

    @classmethod
    def read(
        cls,
        manifest: str | Path,
        trim: str | Path,
        features: Iterable[str | Path],
        classes: Sequence[str],
        max_frames: int,
        normalise: Normalise = "none",
    ) -> Study:
        """Read the tables; `features` are files named `<augmentation>/<subject>.h5` (`layout.FEATURES`).

        Raises InputError for a clip without kept frames, and for feature files that do not go together.
        """
        clips, windows = clips_and_windows(manifest, trim, classes)
        files = {(path.parent.name, path.stem): path for path in map(Path, features)}
        source = store.verify(files.values())
        return cls(clips, windows, tuple(classes), files, source, max_frames, normalise)

    @property
    def augmentations(self) -> list[str]:
        """The transformations that there are feature files of, in the order of the files."""
        return list(dict.fromkeys(name for name, _ in self.files if name != ORIGINAL))

    @property
    def width(self) -> int:
        """F, the number of features of a frame."""
        return self.source["n_features"]

    def features(self, clips: pd.DataFrame, augmentations: Sequence[str], memory: int) -> ClipFeatures:
        """Features of `clips`, each first as it is and then in every one of `augmentations`."""
        return ClipFeatures(self, clips, (ORIGINAL, *augmentations), memory)


def offset(
    normalise: Normalise,
    path: Path,
    clip_id: str,
    subject_id: str,
    clips: pd.DataFrame,
    windows: Mapping[str, tuple[int, int]],
    max_frames: int,
) -> np.ndarray | None:
    """What is taken off each frame's features, float32 [F], in the feature file `path`; None: nothing.

    The mean over the frames of the clip that a head is shown, or the mean of those means over all of the
    subject's `clips`, so that long clips count no more than short ones. `windows` are the frames kept of each
    clip_id (begin, end). No label is looked at.
    """
    if normalise == "none":
        return None
    names = [clip_id]
    if normalise == "subject":
        names = clips.clip_id[clips.subject_id == subject_id].tolist()
    rows = (store.read(path, name, *windows[name], max_frames) for name in names)
    return np.mean([each.mean(axis=0, dtype=np.float32) for each in rows], axis=0)


def clips_and_windows(
    manifest: str | Path, trim: str | Path, classes: Sequence[str]
) -> tuple[pd.DataFrame, dict[str, tuple[int, int]]]:
    """The clips of these classes (schema `manifest`), and (begin, end) of the frames kept of each clip_id.

    Raises InputError for a clip without kept frames.
    """
    clips = tables.read(manifest, "manifest")
    clips = clips[clips.emotion.isin(classes)].reset_index(drop=True)
    kept = tables.read(trim, "trim")
    windows = dict(zip(kept.clip_id, zip(kept.begin, kept.end, strict=True), strict=True))
    missing = clips.clip_id[~clips.clip_id.isin(windows)]
    if len(missing):
        raise InputError(trim, f"lacks the clip {missing.iloc[0]}", "run the `trim` step again")
    return clips, windows


class ClipItems(Dataset):
    """What a network is shown of clips, by number; a list of numbers gives a batch.

    Arrays stay in memory until `memory` MiB are full; what is beyond is read again each time.
    """

    items: list[tuple]

    def __init__(self, memory: int) -> None:
        self.left = memory * MIB
        self.kept: dict[int, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self.items)

    def sequence(self, number: int) -> np.ndarray:
        """The frames of item `number`, or their features, [T,...]."""
        if number in self.kept:
            return self.kept[number]
        rows = self.read(number)
        if rows.nbytes <= self.left:
            self.left -= rows.nbytes
            self.kept[number] = rows
        return rows

    def sequences(self, numbers: Sequence[int]) -> list[np.ndarray]:
        """`sequence` of each of `numbers`."""
        return [self.sequence(number) for number in numbers]

    def read(self, number: int) -> np.ndarray:
        """`sequence` from its file."""
        raise NotImplementedError


class ClipFeatures(ClipItems):
    """Features of clips, float16 [T,F] as stored: of the kept frames, at most `max_frames` of them.

    What `offset` says is taken off: of an augmented version, the mean of that version.
    """

    def __init__(self, study: Study, clips: pd.DataFrame, augmentations: Sequence[str], memory: int) -> None:
        super().__init__(memory)
        self.study = study
        self.offsets: dict[tuple[Path, str], np.ndarray | None] = {}
        self.items: list[tuple[Path, str, int, int, int]] = []
        for name in augmentations:
            for clip in clips.itertuples():
                path = study.files.get((name, clip.subject_id))
                if path is None:
                    raise InputError(
                        f"features/{name}/{clip.subject_id}.h5", "is not given", "run the `features` step"
                    )
                label = study.classes.index(clip.emotion)
                self.items.append((path, clip.clip_id, *study.windows[clip.clip_id], label))

    def read(self, number: int) -> np.ndarray:
        path, clip_id, begin, end, _ = self.items[number]
        rows = store.read(path, clip_id, begin, end, self.study.max_frames)
        if (offset := self._offset(path, clip_id)) is not None:
            rows = (rows - offset).astype(np.float16)
        return rows

    def _offset(self, path: Path, clip_id: str) -> np.ndarray | None:
        own = self.study
        whose = path, "" if own.normalise == "subject" else clip_id
        if whose not in self.offsets:
            shown = own.clips, own.windows, own.max_frames
            self.offsets[whose] = offset(own.normalise, path, clip_id, path.stem, *shown)
        return self.offsets[whose]

    def __getitem__(self, numbers: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
        return self.padded(numbers, self.sequences(numbers))

    def padded(
        self, numbers: Sequence[int], sequences: Sequence[np.ndarray]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The batch of the items `numbers`, whose `sequences` have been read."""
        lengths = np.array([len(rows) for rows in sequences])
        longest = short_run.length(int(lengths.max()), self.study.max_frames)
        features = torch.zeros(len(numbers), longest, sequences[0].shape[1])
        for target, rows in zip(features, sequences, strict=True):
            target[: len(rows)].copy_(torch.from_numpy(rows))  # three times as fast as NumPy from float16
        mask = np.arange(features.shape[1]) < lengths[:, None]
        labels = np.array([self.items[number][-1] for number in numbers])
        return features, torch.from_numpy(mask), torch.from_numpy(labels)


class Batches(Sampler[list[int]]):
    """Lists of at most `size` of `n` numbers; their sizes differ by at most one.

    With a seed every epoch is another shuffle, the same one for the same seed and epoch; without, they come
    in order. Equal sizes keep the last batch from being a single item, which batch normalisation cannot take.
    """

    def __init__(self, n: int, size: int, seed: int | None) -> None:
        self.n, self.count = n, -(-n // size)
        self.seed, self.epoch = seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch comes, from 0."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[list[int]]:
        rng = None if self.seed is None else np.random.default_rng((self.seed, self.epoch))
        order = np.arange(self.n) if rng is None else rng.permutation(self.n)
        for part in np.array_split(order, self.count):
            yield part.tolist()


class ReadAhead(DataLoader):
    """Reads the next batch in a thread while the last one is trained on; the same batches in the same order.

    Training a head leaves Python alone for most of its time, so that reading and unpacking cost hardly any of
    it. What has been read waits as it is stored, unpadded float16: less than half of a batch.
    """

    dataset: ClipFeatures

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        batches = list(self.sampler)
        ahead = ordered_map(batches, self.dataset.sequences, 1)
        for numbers in batches:
            batch = self.dataset.padded(numbers, next(ahead))
            yield batch
            del batch


def loader(items: Dataset, size: int, seed: int | None = None) -> DataLoader:
    """Batches of at most `size` items, shuffled where there is a seed; `items` takes lists of numbers.

    Features are read ahead, frames are not: their batches are few and what is made of them is large.
    """
    kind = ReadAhead if isinstance(items, ClipFeatures) else DataLoader
    return kind(
        items,
        batch_size=None,  # hands the sampler's lists to the data set as they are
        sampler=Batches(len(items), size, seed),
        num_workers=0,
        # It draws a number for each pass; from torch's own generator that would move what layers draw.
        generator=torch.Generator(),
    )


def refuse_leak(training: pd.DataFrame, other: pd.DataFrame, protocol: str) -> None:
    """Raise SplitError where a subject or an identical file (by hash) stands on both sides under `honest`."""
    if protocol == "published":
        return
    for column, what in (("subject_id", "subject"), ("sha256", "the file with hash")):
        both = sorted(set(training[column]) & set(other[column]))
        if both:
            raise SplitError(
                "splits.json",
                f"{what} {both[0]} is both trained on and judged on",
                "keep it on one side; only `protocol: published` repeats a paper's leaky split",
            )
