"""MedianFlow, KCF and CSRT side by side on a few clips, as the thesis's author did on 24 (section 3.2.1)."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd

from ferflow import tables
from ferflow.errors import NoFaceError
from ferflow.faces.boxes import overlap
from ferflow.faces.stream import FaceStream, placed, relative_to_anchors
from ferflow.faces.track import TRACKERS, FaceTracker
from ferflow.faces.video import open_clip
from ferflow.settings import Faces


def compare_trackers(
    clips: dict[str, Path], weights_folder: str | Path, settings: Faces, trackers: tuple[str, ...] = TRACKERS
) -> pd.DataFrame:
    """Each of `trackers` on each of `clips` (source by clip_id), rows of schema `trackers`.

    All start from the same box in the first frame with a face and are then left alone. What they should
    have followed is the box that sits on each frame's landmarks as the first one sat on its own: `drift` is
    1 - intersection over union with it, over all frames with a face and in the last ten of them. Frames
    with a face in which a tracker gives up are its `failures`, with a drift of 1; it goes on in the next one.
    `false_successes` are frames without a face in which it reports one. The times are those of one thread's
    work, without decoding.
    """
    rows = []
    for clip_id, source in clips.items():
        stream = FaceStream(weights_folder, settings, source)
        runs: dict[str, _Run] = {}
        place, n_frames = None, 0
        for face in stream.run(open_clip(source, settings.missing_frames)):
            n_frames += 1
            if place is None:
                if face.tracked:
                    place = relative_to_anchors(face.box, face.landmarks)
                    runs = {name: _Run(name, face.frame, face.box) for name in trackers}
                continue
            expected = placed(place, face.landmarks) if face.tracked else None
            for run in runs.values():
                run.step(face.frame, expected)
        if place is None:
            raise NoFaceError(source, "has no face to follow", "leave the clip out")
        rows += [run.row(clip_id, n_frames) for run in runs.values()]
    return pd.DataFrame(rows)


def write_trackers(
    manifest_csv: str | Path, weights_folder: str | Path, faces: Faces, out_clips: str | Path
) -> None:
    """Compare the trackers on `faces.compared_clips` clips, spread over the manifest (schema `trackers`)."""
    clips = tables.read(manifest_csv, "manifest")
    chosen = clips.iloc[:: max(1, len(clips) // faces.compared_clips)][: faces.compared_clips]
    sources = {clip.clip_id: Path(clip.source) for clip in chosen.itertuples()}
    tables.write(compare_trackers(sources, weights_folder, faces), out_clips, "trackers")


class _Run:
    """One tracker on one clip."""

    LAST = 10  # frames with a face over which the drift at the end is averaged

    def __init__(self, name: str, frame: np.ndarray, box: np.ndarray) -> None:
        self.name = name
        self._tracker = FaceTracker(name)
        self._tracker.start(frame, box)
        self._drifts: list[float] = []
        self._failures = self._false = 0
        self._seconds: list[float] = []

    def step(self, frame: np.ndarray, expected: np.ndarray | None) -> None:
        begin = time.thread_time()
        box = self._tracker.follow(frame)
        self._seconds.append(time.thread_time() - begin)
        if expected is None:
            self._false += box is not None
            return
        self._failures += box is None
        self._drifts.append(1.0 - overlap(box, expected) if box is not None else 1.0)

    def row(self, clip_id: str, n_frames: int) -> dict:
        known = bool(self._drifts)
        return {
            "tracker": self.name,
            "clip_id": clip_id,
            "n_frames": n_frames,
            "failures": self._failures,
            "false_successes": self._false,
            "drift_mean": round(float(np.mean(self._drifts)), 4) if known else float("nan"),
            "drift_end": round(float(np.mean(self._drifts[-self.LAST :])), 4) if known else float("nan"),
            "ms_per_frame": round(1000 * float(np.mean(self._seconds)), 3) if self._seconds else 0.0,
        }
