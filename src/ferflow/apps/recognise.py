"""Recognise the expression in a clip while it is read: faces, action units, image network, trimming, head.

A network for single images has no head: it answers with the mean over the frames with a face, weighed by how
far each is from neutral, and nothing is trimmed. A network on frames has no answer for a single one.

Memory does not grow with the clip but by a few numbers per frame; the features, which can be 50 kB a frame,
wait in a temporary file until the clip has ended and it is known which of its frames the head sees.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Protocol

import numpy as np
import pandas as pd

from ferflow.apps.draw import annotate
from ferflow.apps.sink import DEFAULT_FPS, FrameSink
from ferflow.aus.clip import neutral_frames
from ferflow.aus.landmark import LandmarkAus
from ferflow.aus.trim import Trimmed, algorithm1, au_score
from ferflow.classes import AU_COLUMNS
from ferflow.errors import InputError, NoFaceError
from ferflow.evaluation.clip_answer import weighted_mean
from ferflow.faces.haar import HaarStream
from ferflow.faces.stream import FaceFrame, FaceStream
from ferflow.faces.video import Camera, Clip
from ferflow.settings import Aus, Faces, Trim

MEAN = "mean over frames, weighed by their distance from neutral"
NEUTRAL = "neutral"
BLOCK = 16
"""Frames that go through the image network together; a source frame of 4K is 25 MB."""


class Model(Protocol):
    """A trained model: an image network with its classes, and perhaps a head over the clip.

    `trim`, `clip`, `data_root` (the folder of the clips that it was trained on, where it is known) and `note`
    (what its user should know) exist with `has_head`, `affect` with `has_affect`. `frame_classes` are none
    where nothing answers for a single frame: a network on frames, whose features are the frames themselves.
    """

    path: Path
    name: str
    synthetic: bool
    has_head: bool
    has_affect: bool
    faces: Faces
    aus: Aus
    trim: Trim
    data_root: str | None
    note: str
    frame_classes: Sequence[str]
    clip_classes: Sequence[str]

    def frames(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features float16 [n,F] and probabilities [n,K] of the image network for crops uint8 [n,S,S,3]."""

    def affect(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities [n,K], and valence and arousal [n,2] in -1..1, for crops uint8 [n,S,S,3]."""

    def clip(self, features: KeptFrames) -> np.ndarray:
        """Probabilities [K] of the head for the features [T,F] of a clip's kept frames."""


@dataclass(frozen=True)
class KeptFrames:
    """Rows `numbers` [T] of `stored` [frames,F], read when they are asked for, as if it were their array."""

    stored: np.ndarray
    numbers: np.ndarray

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        return self.stored[self.numbers[rows]]

    def columns(self, begin: int, end: int) -> KeptFrames:
        """The same frames with their features begin:end alone."""
        return KeptFrames(self.stored[:, begin:end], self.numbers)


@dataclass(frozen=True)
class Recognised:
    """The result of a model for one clip of `T` frames.

    `probabilities` [T,K] are of `frame_classes` (NaN without a face), `clip_probabilities` [K] of
    `clip_classes`, None for a single image, which is no sequence for the head. Frames `kept.begin:kept.end`
    went to the head; if not `by_head`, all frames with a face went into the mean, each with its part of
    `weights` [T], whose sum is 1 (None with a head, or of a single image). `au_score` [T] is NaN where it was
    not computed. `affect` [T,2] holds valence and arousal in -1..1 (NaN without a face), None where the model
    has none.
    """

    source: str
    fps: float
    frame_classes: tuple[str, ...]
    clip_classes: tuple[str, ...]
    tracked: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray
    probabilities: np.ndarray
    au_score: np.ndarray
    kept: Trimmed
    clip_probabilities: np.ndarray | None
    by_head: bool
    warnings: tuple[str, ...]
    affect: np.ndarray | None = None
    weights: np.ndarray | None = None

    @property
    def predicted(self) -> tuple[str, float]:
        """The clip's class and its probability; for an image the image network's. Of equals the first."""
        if self.clip_probabilities is not None:
            best = int(np.argmax(self.clip_probabilities))
            return self.clip_classes[best], float(self.clip_probabilities[best])
        mean = np.nanmean(self.probabilities, axis=0)
        return self.frame_classes[int(np.argmax(mean))], float(mean.max())


def recognise(
    clip: Clip,
    model: Model,
    stream: FaceStream | HaarStream,
    aus: LandmarkAus | None,
    seconds: float | None = None,
    sink: FrameSink | None = None,
    progress: Callable[[], None] = lambda: None,
) -> Recognised:
    """Run `model` over `clip`, or its first `seconds`; annotated frames go to `sink` as they come.

    `aus` may be None for a model without a head, and `stream` without landmarks then: the frames of a clip
    are weighed by their probabilities alone. `progress` is called after each frame. A camera is ended with
    Ctrl-C. Raises NoFaceError where no frame shows a face, InputError where the clip cannot be read.
    """
    stream.where = clip.source
    frames: Iterable[np.ndarray] = clip
    if seconds is not None:
        fps = clip.info.fps if clip.info.fps > 0 else DEFAULT_FPS
        frames = islice(clip, math.ceil(seconds * fps))
    with tempfile.TemporaryFile(prefix="ferflow-") as features:
        course = _Course(model, aus, features, sink)
        block: list[FaceFrame] = []
        try:
            for face in stream.run(frames):
                block.append(face)
                if len(block) == BLOCK:
                    course.add(block)
                    block = []
                progress()
        except KeyboardInterrupt:
            if not isinstance(clip, Camera):
                raise
        if block:
            course.add(block)
        if not any(course.tracked):
            problem = f"has no face in its {len(course.tracked)} frames"
            if course.blank:
                problem += f", {course.blank} of them blank"
            remedy = f"give a clip with a face of at least {stream.smallest} pixels"
            raise NoFaceError(clip.source, problem, remedy)
        return course.finish(clip)


class _Course:
    """What is kept of every frame so far: some numbers here, its features in a file."""

    def __init__(self, model: Model, aus: LandmarkAus | None, features: IO, sink: FrameSink | None) -> None:
        self.model, self.aus, self.features, self.sink = model, aus, features, sink
        self.tracked: list[bool] = []
        self.blank = 0
        self.boxes: list[np.ndarray] = []
        self.scores: list[float] = []
        self.probabilities: list[np.ndarray] = []
        self.affect: list[np.ndarray] = []
        self.waiting: list[np.ndarray] = []  # landmarks whose action units are not fitted yet
        self.intensities: list[np.ndarray] = []
        if aus is not None:
            aus.forget()

    def add(self, faces: list[FaceFrame]) -> None:
        if self.aus is not None:
            # The face at rest is the clip's own, known after its first frames with a face; till then they
            # wait.
            self.waiting.extend(face.landmarks for face in faces if face.tracked)
            if self.aus.ready or len(self.waiting) >= neutral_frames(self.aus.settings):
                self._fit_waiting()
        crops = np.stack([face.crop for face in faces])
        if self.model.has_affect:
            probabilities, affect = self.model.affect(crops)
            values = np.empty((len(faces), 0), np.float16)
        else:
            values, probabilities = self.model.frames(crops)
            affect = np.full((len(faces), 2), np.nan)
        # As float16, like in the feature files.
        self.features.write(np.asarray(values, np.float16).tobytes())
        for face, frame, pair in zip(faces, probabilities, affect, strict=True):
            self.tracked.append(face.tracked)
            self.blank += face.blank
            self.boxes.append(face.box)
            self.scores.append(face.score)
            self.probabilities.append(frame if face.tracked else np.full(len(frame), np.nan))
            self.affect.append(pair if face.tracked else np.full(2, np.nan))
            if self.sink is not None:
                self.sink.add(self._drawn(face, frame, pair))

    def _fit_waiting(self) -> None:
        if not self.waiting:
            return
        landmarks = np.stack(self.waiting).astype(np.float64)
        if not self.aus.ready:
            self.aus.set_neutral(landmarks[: neutral_frames(self.aus.settings)])
        self.intensities.extend(self.aus.fit(landmarks))
        self.waiting.clear()

    def _drawn(self, face: FaceFrame, probabilities: np.ndarray, affect: np.ndarray) -> np.ndarray:
        note = "model trained on synthetic data" if self.model.synthetic else ""
        names = self.model.frame_classes
        if not face.tracked:
            return annotate(face.frame, None, None, names, None, note)
        if self.model.has_affect:
            # A hyphen, since OpenCV's letters have no minus.
            note = f"valence {affect[0]:+.2f}, arousal {affect[1]:+.2f}" + (f"; {note}" if note else "")
        landmarks = None if np.isnan(face.score) else face.landmarks
        return annotate(face.frame, face.box, landmarks, names, probabilities, note)

    def finish(self, clip: Clip) -> Recognised:
        tracked, n_frames = np.array(self.tracked), len(self.tracked)
        if n_frames == 1 and not self.model.frame_classes:
            raise InputError(
                clip.source, f"is a single image, which {self.model.name} cannot tell", "give a video"
            )
        score = self._au_score(tracked)
        weights = None
        if n_frames == 1:
            kept, clip_probabilities = Trimmed(0, 1, float(score[0]), False, "a single image"), None
        elif not self.model.has_head:
            kept = Trimmed(0, n_frames, float("nan"), False, MEAN)
            names = list(self.model.frame_classes)
            neutral = names.index(NEUTRAL) if NEUTRAL in names else None
            scored = None if np.isnan(score).all() else score
            clip_probabilities, weights = weighted_mean(np.stack(self.probabilities), neutral, scored)
        else:
            kept = self._keep(score, tracked)
            # As in training: the frames with a face of those that are kept, of which the model takes its own.
            seen = kept.begin + np.flatnonzero(tracked[kept.begin : kept.end])
            self.features.flush()
            stored = np.memmap(self.features, np.float16, "r").reshape(n_frames, -1)
            clip_probabilities = self.model.clip(KeptFrames(stored, seen))
        return Recognised(
            str(clip.source),
            clip.info.fps,
            tuple(self.model.frame_classes),
            tuple(self.model.clip_classes),
            tracked,
            np.stack(self.boxes),
            np.array(self.scores, np.float32),
            np.stack(self.probabilities),
            score,
            kept,
            clip_probabilities,
            self.model.has_head,
            tuple(clip.warnings),
            np.stack(self.affect) if self.model.has_affect else None,
            weights,
        )

    def _keep(self, score: np.ndarray, tracked: np.ndarray) -> Trimmed:
        """The frames for the head, cut as for training; from the first face on where that leaves no face."""
        kept = algorithm1(score, self.model.trim)
        if tracked[kept.begin : kept.end].any():
            return kept
        begin = int(np.argmax(tracked))
        return Trimmed(begin, len(score), kept.max_score, kept.anomaly, "no face in what trimming keeps")

    def _au_score(self, tracked: np.ndarray) -> np.ndarray:
        """The action-unit score of each frame [T]; NaN where no action units are read."""
        if self.aus is None:
            return np.full(len(tracked), np.nan)
        self._fit_waiting()
        values = np.full((len(tracked), len(AU_COLUMNS)), np.nan)
        values[tracked] = np.round(np.stack(self.intensities), 4)  # as in the tables that training read
        frame = pd.DataFrame(values, columns=list(AU_COLUMNS)).assign(success=tracked.astype(int))
        return au_score(frame)
