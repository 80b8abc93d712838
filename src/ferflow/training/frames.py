"""Clips of frames for training: batches by number, read from the faces files as they are needed.

A batch is (clips uint8 [N,T,S,S,3], mask bool [N,T], labels int64 [N]): T and S are the network's, what a
clip lacks in length is zeros behind it. Memory does not grow with the number of clips.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from torch import Tensor

from ferflow.augment import offline, online
from ferflow.errors import InputError
from ferflow.faces import store
from ferflow.settings import Augment, ClipNetworkSettings, Online
from ferflow.shards import BySubject
from ferflow.training.data import ORIGINAL, ClipItems, ClipStudy, clips_and_windows


@dataclass(frozen=True)
class FrameStudy(ClipStudy):
    """What networks on frames are trained on: clips with their files of faces.

    `files` finds a subject's faces file (`layout.FACES`); `augment` and `seed` say how clips are
    transformed offline: as features are.
    """

    files: BySubject
    augment: Augment
    seed: int

    @classmethod
    def read(
        cls,
        manifest: str | Path,
        trim: str | Path,
        faces: Iterable[str | Path],
        classes: Sequence[str],
        augment: Augment,
        seed: int,
    ) -> FrameStudy:
        """Read the tables; `faces` are files of `layout.FACES`. InputError for a clip without a window."""
        clips, windows = clips_and_windows(manifest, trim, classes)
        return cls(clips, windows, tuple(classes), BySubject(faces), augment, seed)

    def frames(
        self,
        clips: pd.DataFrame,
        settings: ClipNetworkSettings,
        memory: int,
        n_readers: int | None = None,
        *,
        training: bool,
    ) -> ClipFrames:
        """Frames of `clips`; in `training` also of their augmented versions, and augmented online.

        `memory` and `n_readers` as in settings.EndToEndPlan.
        """
        names = self.augment.transformations[: settings.augmentations] if training else []
        drawn = settings.online if training else None
        return ClipFrames(self, clips, (ORIGINAL, *names), settings, drawn, memory, n_readers)


class ClipFrames(ClipItems):
    """Frames of clips, uint8 [t,S,S,3] with t at most T, resized.

    With `drawn` every clip of a batch is augmented, all of its frames alike; what is drawn hangs on the
    study's seed and on the clips in the batch, so that a shuffled set is augmented anew in every epoch.
    """

    def __init__(
        self,
        study: FrameStudy,
        clips: pd.DataFrame,
        augmentations: Sequence[str],
        settings: ClipNetworkSettings,
        drawn: Online | None,
        memory: int,
        n_readers: int | None = None,
    ) -> None:
        super().__init__(memory, n_readers)
        self.study, self.settings, self.drawn = study, settings, drawn
        self.items: list[tuple[str, Path, str, int]] = []
        for name in augmentations:
            for clip in clips.itertuples():
                path = study.files.get(clip.subject_id)
                if path is None:
                    raise InputError(f"faces/{clip.subject_id}.h5", "is not given", "run the `faces` step")
                self.items.append((name, path, clip.clip_id, study.classes.index(clip.emotion)))

    dtype = np.uint8
    most_readers = 4  # each has torch; a step is long

    def most(self, number: int) -> tuple[int, ...]:
        size = self.settings.size
        return self.settings.frames, size, size, 3

    def call(self, number: int) -> tuple[Callable[..., np.ndarray], tuple]:
        name, path, clip_id, _ = self.items[number]
        of_study = self.study.seed, self.study.augment.listing
        return read_clip, (path, clip_id, self.study.windows[clip_id], self.settings, name, *of_study)

    def batch(self, numbers: Sequence[int], padded: Tensor, lengths: np.ndarray) -> tuple[Tensor, ...]:
        mask = np.arange(self.settings.frames) < lengths[:, None]
        labels = np.array([self.items[number][-1] for number in numbers])
        if self.drawn is not None:
            state = hashlib.sha256(np.asarray([self.study.seed, *numbers], np.int64).tobytes()).digest()
            generator = torch.Generator().manual_seed(int.from_bytes(state[:7], "big"))
            for clip, length in zip(padded, lengths, strict=True):
                clip[:length] = augmented(clip[:length], self.drawn, generator)
        return padded, torch.from_numpy(mask), torch.from_numpy(labels)


def augmented(clip: Tensor, settings: Online, generator: torch.Generator) -> Tensor:
    """One clip uint8 [T,S,S,3], all of its frames changed alike (`augment.online`); same shape and type."""
    n, height, width, channels = clip.shape
    # As one image with the channels of all frames, it is moved and brightened in one draw.
    flat = clip.permute(0, 3, 1, 2).reshape(1, n * channels, height, width).to(torch.float32).div_(255)
    flat = online.apply(flat, settings, generator).mul_(255).round_().to(torch.uint8)
    return flat.view(n, channels, height, width).permute(0, 2, 3, 1)


def chosen(tracked: np.ndarray, window: tuple[int, int], settings: ClipNetworkSettings) -> np.ndarray:
    """Numbers of the frames of a clip that a network sees: tracked ones within the window, at most T.

    Of more than T the first T (`sampling: first`, the thesis), or T that are spread evenly from the first to
    the last (`even`).
    """
    begin, end = window
    real = begin + np.flatnonzero(tracked[begin:end])
    if len(real) <= settings.frames:
        return real
    if settings.sampling == "first":
        return real[: settings.frames]
    return real[np.linspace(0, len(real) - 1, settings.frames).round().astype(int)]


def read_clip(
    path: str | Path,
    clip_id: str,
    window: tuple[int, int],
    settings: ClipNetworkSettings,
    transformation: str,
    seed: int,
    listing: bool,
) -> np.ndarray:
    """The `chosen` frames of a clip, uint8 [t,S,S,3], transformed as stored and then resized.

    `seed` is the study's, `listing` as in `augment.offline.apply`.
    Raises InputError for a missing or damaged file, and for a window without any tracked frame.
    """
    with store.open_frames(path, clip_id) as (stored, tracked):
        if not 0 <= window[0] < window[1] <= len(tracked):
            problem = f"clip {clip_id} has {len(tracked)} frames, not {window[0]}:{window[1]}"
            raise InputError(path, problem, "run the trim and faces steps again")
        numbers = chosen(tracked, window, settings)
        if not len(numbers):
            problem = f"clip {clip_id} has no tracked frame in {window[0]}:{window[1]}"
            raise InputError(path, problem, "leave the clip out")
        out = np.empty((len(numbers), settings.size, settings.size, 3), np.uint8)
        clip_seed = offline.clip_seed(seed, clip_id)
        done = 0
        for run in np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1):
            begin = int(run[0])
            frames = stored[begin : begin + len(run)]
            if transformation != ORIGINAL:
                frames = offline.apply(transformation, frames, clip_seed, listing, begin)
            resize(frames, out[done : done + len(run)])
            done += len(run)
    return out


def resize(frames: np.ndarray, out: np.ndarray) -> None:
    """Bring frames to the size of `out`: shrinking averages, growing is bilinear, as in `spatial.prepare`."""
    size = out.shape[2], out.shape[1]
    how = cv2.INTER_AREA if size[0] < frames.shape[2] else cv2.INTER_LINEAR
    for frame, target in zip(frames, out, strict=True):
        if frame.shape[:2] == size:
            target[...] = frame
        else:
            cv2.resize(frame, size, dst=target, interpolation=how)
