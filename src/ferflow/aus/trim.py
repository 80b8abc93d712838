"""The AU score of a clip, and cutting neutral frames off its ends (thesis, section 3.2.1, Algorithm 1)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ferflow import tables
from ferflow.classes import AU_SCORE_COLUMNS
from ferflow.errors import InputError
from ferflow.settings import Trim


def au_score(frames: pd.DataFrame) -> np.ndarray:
    """Mean intensity 0-5 over `classes.AU_SCORE_COLUMNS` (all but the blink), float64 [T].

    `frames`: one clip's lines of schema `aus`, in the order of the frames. Frames without a face (success 0
    or no intensities) get the score on the line between their neighbours with a face, at the ends the
    nearest one's: the trimming needs a value in every frame. All NaN where no frame has a face.
    """
    score = frames[list(AU_SCORE_COLUMNS)].mean(axis=1).to_numpy(np.float64, copy=True)
    known = np.isfinite(score) & (frames["success"].to_numpy() == 1)
    if not known.any():
        return np.full(len(score), np.nan)
    index = np.arange(len(score))
    return np.interp(index, index[known], score[known])


@dataclass(frozen=True)
class Trimmed:
    """Frames `begin:end` are kept. `anomaly`: the greatest score is in the last frames, nothing is cut."""

    begin: int
    end: int
    max_score: float
    anomaly: bool
    reason: str


def algorithm1(score: np.ndarray, settings: Trim) -> Trimmed:
    """Trim a clip with the AU score `score` [T], 0-5.

    `settings.algorithm`: `thesis` is Algorithm 1 as printed, which tests once a round whether half of the
    clip is gone, and so can cut one frame more than half; `strict` tests before each cut; `none` keeps all.
    A maximum in the last `anomaly_frames` makes the clip an anomaly, left whole for a person to cut.
    The reason says what stopped the cutting.
    """
    n_frames = len(score)
    if n_frames == 0 or not np.isfinite(score).any():
        return Trimmed(0, n_frames, 0.0, False, "no face in any frame")
    max_score = float(np.max(score))
    if settings.algorithm == "none":
        return Trimmed(0, n_frames, max_score, False, "not trimmed")
    # Of several equal maxima the first one counts.
    if int(np.argmax(score)) >= n_frames - settings.anomaly_frames:
        reason = f"maximum within the last {settings.anomaly_frames} frames"
        return Trimmed(0, n_frames, max_score, True, reason)
    begin, end, reason = _cut(score, settings)
    if begin >= end:  # a clip of a few frames, shorter than what is always cut
        return Trimmed(0, n_frames, max_score, False, "too short to be cut")
    return Trimmed(begin, end, max_score, False, reason)


def _cut(score: np.ndarray, settings: Trim) -> tuple[int, int, str]:
    n_frames = len(score)
    allowed = settings.threshold * np.max(score)
    max_frames = settings.max_share * n_frames
    strict = settings.algorithm == "strict"
    begin = at_end = 0  # frames cut so far
    stopped_begin = stopped_end = False
    for i in range(n_frames):
        if not stopped_begin:
            if score[i] < allowed and not (strict and begin + at_end + 1 > max_frames):
                begin += 1
            else:
                stopped_begin = True
        if not stopped_end:
            low = score[n_frames - 1 - i] < allowed or i < settings.min_frames_end
            if low and not (strict and begin + at_end + 1 > max_frames):
                at_end += 1
            else:
                stopped_end = True
        if begin + at_end >= max_frames:
            return begin, n_frames - at_end, f"stopped at {settings.max_share:g} of the clip"
        if stopped_begin and stopped_end:
            break
    return begin, n_frames - at_end, f"both ends reach {settings.threshold:g} of the maximum"


def write_trim(
    aus_paths: Iterable[str | Path], clips_csv: str | Path, out: str | Path, settings: Trim
) -> None:
    """Trim every clip of `clips_csv` (schema manifest) and write the table `out` (schema trim).

    Their action units are in the tables `aus_paths` (schema aus).

    Clips listed in `settings.overrides` (schema trim_overrides) keep the frames that a person chose. Raises
    InputError where that table names a clip that there is none of, or frames outside of it.
    """
    wanted = set(tables.read(clips_csv, "manifest")["clip_id"])
    rows, left_out = [], set()
    for path in aus_paths:
        for clip_id, frames in tables.read(path, "aus").groupby("clip_id", sort=True):
            if clip_id not in wanted:
                left_out.add(clip_id)
                continue
            frames = frames.sort_values("frame")
            trimmed = algorithm1(au_score(frames), settings)
            if not frames["success"].iloc[trimmed.begin : trimmed.end].any():
                reason = "a face is only in frames that would be cut"
                trimmed = Trimmed(0, len(frames), trimmed.max_score, False, reason)
            rows.append({"clip_id": clip_id, "n_frames": len(frames), **vars(trimmed), "overridden": False})
    missing = wanted - {row["clip_id"] for row in rows}
    if missing:
        raise InputError(out, f"clip {min(missing)} has no action units", "run the aus step again")
    trims = pd.DataFrame(rows).sort_values("clip_id", ignore_index=True)
    repeated = trims["clip_id"][trims["clip_id"].duplicated()]
    if len(repeated):
        raise InputError(out, f"clip {repeated.iloc[0]} is in two AU tables", "give each clip one name")
    if settings.overrides is not None:
        _override(trims, settings.overrides, left_out)
    tables.write(trims, out, "trim")


def _override(trims: pd.DataFrame, path: str | Path, left_out: set[str]) -> None:
    """Put a person's choice in place of the algorithm's, line by line; those of clips left out are idle."""
    lines = trims.set_index("clip_id")["n_frames"]
    for row in tables.read(path, "trim_overrides").itertuples(index=False):
        if row.clip_id in left_out:
            continue
        if row.clip_id not in lines.index:
            raise InputError(path, f"names the clip {row.clip_id}, which is not in the data", "correct it")
        n_frames = lines[row.clip_id]
        if not row.begin < row.end <= n_frames:
            raise InputError(
                path,
                f"clip {row.clip_id}: {row.begin}:{row.end} is no range of its {n_frames} frames",
                "give begin < end, at most the number of frames",
            )
        here = trims["clip_id"] == row.clip_id
        trims.loc[here, ["begin", "end"]] = [row.begin, row.end]
        trims.loc[here, "reason"] = "chosen by a person"
        trims.loc[here, "overridden"] = True
