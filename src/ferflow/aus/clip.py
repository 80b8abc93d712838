"""Action units of one clip from its landmarks, frame by frame or all at once, by the backend that is set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ferflow.aus.blendshapes import BlendshapeAus
from ferflow.aus.landmark import LandmarkAus
from ferflow.classes import AU_COLUMNS
from ferflow.errors import SettingError
from ferflow.faces.landmarks import REACH
from ferflow.settings import Aus
from ferflow.settings.decided import au_backend

FROM_LANDMARKS = ("landmark", "blendshapes")
"""Backends that need nothing but landmarks, and so work on a video as it comes."""
BLOCK = 256
"""Frames that are fitted together: memory does not grow with the length of a clip."""
SUBJECT_FRAMES = 500
"""Frames, spread over a person's clips, whose median is the face at rest with `aus.neutral: subject`."""


def reader(weights_folder: str | Path, settings: Aus, network: str) -> LandmarkAus:
    """The backend that reads action units off the landmarks of `network` (a row of `landmarks.REACH`).

    Raises WeightsError where a file is missing, SettingError where the backend cannot work on them.
    """
    backend = au_backend(settings.backend, network)
    if backend == "blendshapes":
        if network != "bundle":
            raise SettingError(
                "aus.backend",
                f"blendshapes needs the landmarks of the bundle, not of the {network}",
                "set faces.landmarks: bundle and make the faces again",
            )
        return BlendshapeAus(weights_folder, settings)
    return LandmarkAus(weights_folder, settings, REACH[network])


def neutral_frames(settings: Aus) -> int:
    """Tracked frames of a single clip that are looked at before its face at rest is known.

    With `neutral: subject` a clip whose person has no others stands for them.
    """
    return settings.neutral_frames if settings.neutral == "first" else SUBJECT_FRAMES


def intensities(
    landmarks: np.ndarray,
    tracked: np.ndarray,
    aus: LandmarkAus,
    scores: np.ndarray | None = None,
    at_rest: np.ndarray | None = None,
) -> pd.DataFrame:
    """Action units of one clip in the columns of schema `aus`, without `clip_id`, as `aus` reads them.

    `landmarks`: [T,468,3] in source pixels, an array or a dataset of a file, read in blocks; `tracked`:
    bool [T]; `scores`: the landmark network's logits [T], from which `confidence` comes (1 where tracked if
    they are not given). The neutral face is the median of the landmarks `at_rest` [N,468,3], or of those of
    the clip's own first tracked frames. Frames without a face have success 0, confidence 0 and no intensities
    (NaN).
    """
    tracked = np.asarray(tracked, bool)
    values = np.full((len(tracked), len(AU_COLUMNS)), np.nan)
    if tracked.any():
        if at_rest is None:
            first = np.flatnonzero(tracked)[: neutral_frames(aus.settings)]
            at_rest = np.stack([landmarks[int(i)] for i in first])
        aus.set_neutral(at_rest)
        for begin in range(0, len(tracked), BLOCK):
            here = slice(begin, begin + BLOCK)
            if tracked[here].any():
                values[here][tracked[here]] = aus.fit(landmarks[here][tracked[here]])
    confidence = tracked.astype(float)
    if scores is not None:  # a logit of 0 is a confidence of one half
        logits = np.clip(np.nan_to_num(scores, nan=-50.0), -50.0, 50.0)
        confidence = np.where(tracked, 1 / (1 + np.exp(-logits)), 0.0)
    return frame_table(confidence.round(4), tracked, values.round(4))


def frame_table(confidence: np.ndarray, success: np.ndarray, values: np.ndarray) -> pd.DataFrame:
    """A clip's lines in the columns of schema `aus` without `clip_id`.

    `confidence` [T], `success` bool [T], and `values` [T,17] in the order of `classes.AU_COLUMNS`.
    """
    columns = {"frame": np.arange(len(values)), "confidence": confidence, "success": success.astype(int)}
    return pd.DataFrame(columns | {column: values[:, i] for i, column in enumerate(AU_COLUMNS)})
