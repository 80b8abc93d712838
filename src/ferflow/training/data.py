"""Clips for training: which ones stand on which side, and batches of their features.

A batch is (features float16 [N,T,F], mask bool [N,T], labels int64 [N]), padded with zeros to the longest
clip of the batch, at most `max_frames`. Padding changes no output of a head, so padding every batch to 100
frames, as the thesis does, would only cost time. The features stay as they are stored: a head makes them
float32 on its own device, to which only half as much has to be copied.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from ferflow import readers, short_run, tables
from ferflow.errors import InputError, SplitError
from ferflow.features import staging, store
from ferflow.features.store import Reading
from ferflow.models import precision
from ferflow.settings.types import Normalise
from ferflow.shards import BySubject

ORIGINAL = "none"
"""The folder of features of clips as they are."""
MIB = 2**20
AHEAD = 2
"""Batches that are read while one is trained on."""
LARGE = 64 * MIB
"""Bytes that an epoch reads from files, from which on it is worth starting processes or staging for it."""
MOST_READERS = 16
COPYING = 4
"""Threads, at most, that copy staged features; memory is not faster for more."""


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
        there = set(rows.subject_id)
        empty = [subject for subject in subjects if subject not in there]
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
        """Read the tables; `features` are files `<augmentation>/<shard>.h5` (`layout.FEATURES`).

        Raises InputError for a clip without kept frames, and for feature files that do not go together.
        """
        clips, windows = clips_and_windows(manifest, trim, classes)
        versions: dict[str, list[Path]] = {}
        for path in map(Path, features):
            versions.setdefault(path.parent.name, []).append(path)
        source = store.verify(chain.from_iterable(versions.values()))
        files = {
            (name, subject): path
            for name, found in ((name, BySubject(paths)) for name, paths in versions.items())
            for subject in clips.subject_id.unique()
            if (path := found.get(subject)) is not None
        }
        return cls(clips, windows, tuple(classes), files, source, max_frames, normalise)

    @property
    def augmentations(self) -> list[str]:
        """The transformations that there are feature files of, in the order of the files."""
        return list(dict.fromkeys(name for name, _ in self.files if name != ORIGINAL))

    @property
    def width(self) -> int:
        """F, the number of features of a frame."""
        return self.source["n_features"]

    def of_clip(self, path: Path, clip_id: str, subject_id: str) -> Reading:
        """What is read of a clip in the feature file `path`."""
        less = _less(self.normalise, clip_id, subject_id, self.clips, self.windows)
        return Reading(path, clip_id, *self.windows[clip_id], self.max_frames, less)

    def readings(self) -> dict[Path, list[Reading]]:
        """What is read of each feature file that there are clips in."""
        clips = self.clips.groupby("subject_id", sort=False).clip_id.agg(list)
        found: dict[Path, list[Reading]] = {}
        for (_, subject), path in self.files.items():
            found.setdefault(path, []).extend(self.of_clip(path, name, subject) for name in clips[subject])
        return found

    def nbytes(self) -> int:
        """Of all features that are read, at most."""
        frames = [
            min(end - begin, self.max_frames) for begin, end in map(self.windows.get, self.clips.clip_id)
        ]
        return 2 * self.width * sum(frames) * (1 + len(self.augmentations))

    def features(
        self,
        clips: pd.DataFrame,
        augmentations: Sequence[str],
        memory: int,
        n_readers: int | None = None,
        staging: str | None = None,
    ) -> ClipFeatures:
        """Features of `clips`, each first as it is and then in every one of `augmentations`.

        `memory`, `n_readers` and `staging` as in settings.Temporal.
        """
        return ClipFeatures(self, clips, (ORIGINAL, *augmentations), memory, n_readers, staging)


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
    less = _less(normalise, clip_id, subject_id, clips, windows)
    return store.mean(path, less, max_frames) if less else None


def _less(
    normalise: Normalise,
    clip_id: str,
    subject_id: str,
    clips: pd.DataFrame,
    windows: Mapping[str, tuple[int, int]],
) -> tuple[tuple[str, int, int], ...]:
    """The clips (id, begin, end) whose mean is taken off a clip's features."""
    names = {"none": [], "clip": [clip_id]}.get(normalise)
    if names is None:
        names = clips.clip_id[clips.subject_id == subject_id].tolist()
    return tuple((name, *windows[name]) for name in names)


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

    Arrays stay in memory until `memory` MiB are full; what is beyond is read again each time, by `n_readers`
    processes (settings.Trained.readers).
    """

    items: list[tuple]
    dtype: type[np.generic]
    """Of `sequence`."""
    most_readers = MOST_READERS
    """Processes that are taken, at most, where nobody says how many."""

    def __init__(self, memory: int, n_readers: int | None = None) -> None:
        self.n_readers = n_readers
        self.memory = self.left = memory * MIB
        self.kept: dict[int, np.ndarray] = {}
        self._keeping = threading.Lock()

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, numbers: Sequence[int]) -> tuple[Tensor, ...]:
        with ThreadPoolExecutor(1) as pool:
            return self.made(numbers, pool, self.read_into, pinned=False)

    def most(self, number: int) -> tuple[int, ...]:
        """The shape of `sequence` at its longest."""
        raise NotImplementedError

    def call(self, number: int) -> tuple[Callable[..., np.ndarray], tuple]:
        """A function of a module and its arguments, which read item `number` from its file."""
        raise NotImplementedError

    def batch(self, numbers: Sequence[int], padded: Tensor, lengths: np.ndarray) -> tuple[Tensor, ...]:
        """The batch of the items `numbers`, whose sequences stand in `padded` [N,T,...] before zeros."""
        raise NotImplementedError

    def read(self, number: int) -> np.ndarray:
        """`sequence` from its file."""
        function, arguments = self.call(number)
        return function(*arguments)

    def sequence(self, number: int) -> np.ndarray:
        """The frames of item `number`, or their features, [T,...]."""
        if number in self.kept:
            return self.kept[number]
        rows = self.read(number)
        self._keep(number, rows, lambda: rows)
        return rows

    def _keep(self, number: int, rows: np.ndarray, kept: Callable[[], np.ndarray]) -> None:
        with self._keeping:
            if number in self.kept or rows.nbytes > self.left:
                return
            self.left -= rows.nbytes
        self.kept[number] = kept()

    def read_into(self, number: int, out: np.ndarray) -> int:
        """Read item `number` into the front of `out` [T,...]; its length."""
        rows = self.read(number)
        out[: len(rows)] = rows
        return len(rows)

    def _fill(self, number: int, out: np.ndarray, read_into: Callable[[int, np.ndarray], int]) -> int:
        if (rows := self.kept.get(number)) is not None:
            n = len(rows)
            out[:n] = rows
        else:
            n = read_into(number, out)
            self._keep(number, out[:n], out[:n].copy)
        out[n:] = 0
        return n

    def made(
        self,
        numbers: Sequence[int],
        pool: ThreadPoolExecutor,
        read_into: Callable[[int, np.ndarray], int],
        pinned: bool,
    ) -> tuple[Tensor, ...]:
        """The batch of the items `numbers`, which the threads of `pool` read.

        `read_into` is the method of this name, or does the same in another way. `pinned`: in memory from
        which a GPU copies while it computes.
        """
        shapes = [self.most(number) for number in numbers]
        shape = len(numbers), max(shape[0] for shape in shapes), *shapes[0][1:]
        # NumPy's own memory comes in huge pages, which are four times as fast to fill for the first time.
        padded = torch.from_numpy(np.empty(shape, self.dtype))
        if pinned:  # torch keeps such memory for the next batch
            padded = torch.empty_like(padded, pin_memory=True)
        filled: list[Future[int]] = [
            pool.submit(self._fill, number, out, read_into)
            for number, out in zip(numbers, padded.numpy(), strict=True)
        ]
        return self.batch(numbers, padded, np.array([one.result() for one in filled]))

    def beyond_memory(self) -> int:
        """Bytes, at most, that an epoch reads from files when as much is kept as may be."""
        numbers = range(len(self))
        size = np.dtype(self.dtype).itemsize
        return size * sum(int(np.prod(self.most(number))) for number in numbers) - self.memory

    @cached_property
    def reading(self) -> tuple[Callable[[int, np.ndarray], int], int]:
        """How an epoch reads: what `made` takes as `read_into`, and for how many threads."""
        processes = self.processes()
        if processes is None:
            return self.read_into, 1

        def read_into(number: int, out: np.ndarray) -> int:
            function, arguments = self.call(number)
            return processes.fill(out, function, *arguments)

        return read_into, processes.n

    def processes(self) -> readers.Readers | None:
        """The processes that read, where an epoch reads so much that they pay."""
        n = self.n_readers
        if n is None:  # a CPU takes longer for a step than for reading, and has nothing to spare for it
            n = min(self.most_readers, max(1, readers.cores() - 1)) if _on_gpu() else 0
        return readers.shared(n) if n and self.beyond_memory() >= LARGE else None


class ClipFeatures(ClipItems):
    """Features of clips, float16 [T,F] as stored: of the kept frames, at most `max_frames` of them.

    What `offset` says is taken off: of an augmented version, the mean of that version.
    """

    dtype = np.float16

    def __init__(
        self,
        study: Study,
        clips: pd.DataFrame,
        augmentations: Sequence[str],
        memory: int,
        n_readers: int | None = None,
        staging: str | None = None,
    ) -> None:
        super().__init__(memory, n_readers)
        self.study, self.staging = study, staging
        self.subject_of = dict(zip(clips.clip_id, clips.subject_id, strict=True))
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

    def most(self, number: int) -> tuple[int, ...]:
        _, _, begin, end, _ = self.items[number]
        most = self.study.max_frames
        return short_run.length(min(end - begin, most), most), self.study.width

    def call(self, number: int) -> tuple[Callable[..., np.ndarray], tuple]:
        path, clip_id, *_ = self.items[number]
        return store.read_less, (self.study.of_clip(path, clip_id, self.subject_of[clip_id]),)

    def batch(self, numbers: Sequence[int], padded: Tensor, lengths: np.ndarray) -> tuple[Tensor, ...]:
        padded = padded[:, : short_run.length(int(lengths.max()), padded.shape[1])]
        if not padded.is_contiguous():  # none of them had a face in all of its frames
            padded = padded.contiguous()
        mask = np.arange(padded.shape[1]) < lengths[:, None]
        labels = np.array([self.items[number][-1] for number in numbers])
        return padded, torch.from_numpy(mask), torch.from_numpy(labels)

    @cached_property
    def reading(self) -> tuple[Callable[[int, np.ndarray], int], int]:
        """From staged files, where the study stages and an epoch reads much; else as other items."""
        study = self.study
        if self.beyond_memory() < LARGE or (self.staging == "auto" and not _on_gpu()):
            return super().reading
        if (place := staging.folder(self.staging, study.nbytes())) is None:
            return super().reading
        own, files = {path for path, *_ in self.items}, study.readings()
        staged = staging.staged(place, files)
        staged.add({path: files[path] for path in own}, study.width, self.processes())
        return (lambda number, out: staged.fill(out, *self.items[number][:2])), min(COPYING, readers.cores())


def _on_gpu() -> bool:
    return precision.device().type == "cuda"


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
    """Reads the next batches while one is trained on; the same ones in the same order.

    Memory holds no more than `AHEAD` of them beside the one that is trained on, whatever there is to read.
    """

    dataset: ClipItems

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        read_into, n_threads = self.dataset.reading
        pinned, waiting = _on_gpu(), deque()
        reading, making = ThreadPoolExecutor(n_threads), ThreadPoolExecutor(AHEAD)

        def make(numbers: Sequence[int]) -> tuple[Tensor, ...]:
            return self.dataset.made(numbers, reading, read_into, pinned)

        try:
            left = iter(self.sampler)
            waiting.extend(making.submit(make, numbers) for numbers in islice(left, AHEAD))
            while waiting:
                ready = [waiting.popleft().result()]
                waiting.extend(making.submit(make, numbers) for numbers in islice(left, 1))
                yield ready.pop()  # nothing here holds it while it is trained on
        finally:
            for pool in (reading, making):
                pool.shutdown(cancel_futures=True)


def loader(items: Dataset, size: int, seed: int | None = None) -> DataLoader:
    """Batches of at most `size` items, shuffled where there is a seed; `items` takes lists of numbers.

    What stands in files is read ahead.
    """
    kind = ReadAhead if isinstance(items, ClipItems) else DataLoader
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
