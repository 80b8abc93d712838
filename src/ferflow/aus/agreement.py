"""How well measured action units and the trimming agree with the truth of synthetic clips."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from ferflow import tables
from ferflow.aus.trim import au_score
from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.errors import InputError


def correlation(found: np.ndarray, true: np.ndarray) -> float:
    """Pearson's r of two AU score curves [T]; NaN where one of them is flat or unknown."""
    if len(found) != len(true):
        raise ValueError(f"curves of {len(found)} and {len(true)} frames")
    finite = np.isfinite(found).all() and np.isfinite(true).all()
    if not finite or np.ptp(found) == 0 or np.ptp(true) == 0:
        return float("nan")
    return float(np.clip(np.corrcoef(found, true)[0, 1], -1.0, 1.0))


def slope(found: np.ndarray, true: np.ndarray) -> float:
    """By how much `found` [T] rises where `true` [T] rises by 1 (least squares); NaN where that is flat."""
    if not (np.isfinite(found).all() and np.isfinite(true).all()) or np.ptp(true) == 0:
        return float("nan")
    return float(np.polyfit(true, found, 1)[0])


def compare(
    aus: pd.DataFrame, true_aus: pd.DataFrame, trims: pd.DataFrame, truth: pd.DataFrame, emotions: pd.Series
) -> pd.DataFrame:
    """A row of schema `au_agreement` for each clip of `trims`.

    `aus`, `true_aus`: schema aus; `trims`: schema trim; `truth`: schema truth; `emotions`: by clip_id.
    The correlation is that of the AU scores, the slope that of the measured on the true one. The trimming's
    truth is where the true score crosses half of its maximum, `half_begin:half_end`; anomalies and clips cut
    by a person have no error.
    """
    found = {clip_id: au_score(frames) for clip_id, frames in aus.groupby("clip_id")}
    true = {clip_id: au_score(frames) for clip_id, frames in true_aus.groupby("clip_id")}
    halves = truth.set_index("clip_id")
    rows = []
    for trim in trims.itertuples(index=False):
        cut = not (trim.anomaly or trim.overridden)
        half = halves.loc[trim.clip_id]
        rows.append(
            {
                "clip_id": trim.clip_id,
                "emotion": emotions[trim.clip_id],
                "correlation": correlation(found[trim.clip_id], true[trim.clip_id]),
                "slope": slope(found[trim.clip_id], true[trim.clip_id]),
                "begin_error": int(trim.begin - half["half_begin"]) if cut else None,
                "end_error": int(trim.end - half["half_end"]) if cut else None,
                "anomaly": bool(trim.anomaly),
            }
        )
    table = pd.DataFrame(rows)
    errors = ["begin_error", "end_error"]
    table[errors] = table[errors].astype("Int64")
    return table


def summarise(agreement: pd.DataFrame) -> pd.DataFrame:
    """Medians per emotion and over all clips, rows of schema `au_agreement_summary`."""
    groups = [(e, agreement[agreement["emotion"] == e]) for e in EMOTIONS_NEUTRAL]
    groups = [(emotion, rows) for emotion, rows in groups if len(rows)] + [("all", agreement)]
    return pd.DataFrame(
        [
            {
                "emotion": emotion,
                "clips": len(rows),
                "anomalies": int(rows["anomaly"].sum()),
                "correlation": _median(rows["correlation"]),
                "slope": _median(rows["slope"]),
                "begin_error": _median(rows["begin_error"].abs()),
                "end_error": _median(rows["end_error"].abs()),
            }
            for emotion, rows in groups
        ]
    )


def write_agreement(
    manifest: str | Path,
    aus_paths: Iterable[str | Path],
    trim: str | Path,
    truth_folder: str | Path,
    out: str | Path,
) -> None:
    """Compare the measured tables with the generator's in `truth_folder`, by clip (`au_agreement`).

    `truth_folder` holds `<subject>.csv` (schema truth) for each subject of the manifest and `<clip_id>.csv`
    (schema aus) for each clip.
    """
    clips = tables.read(manifest, "manifest")
    trims = tables.read(trim, "trim")
    clips = clips[clips["clip_id"].isin(trims["clip_id"])]
    folder = Path(truth_folder)
    truth = pd.concat([tables.read(folder / f"{s}.csv", "truth") for s in clips["subject_id"].unique()])
    true_aus = pd.concat([tables.read(folder / f"{clip}.csv", "aus") for clip in clips["clip_id"]])
    missing = set(trims["clip_id"]) - set(truth["clip_id"])
    if missing:
        raise InputError(folder, f"knows nothing of clip {min(missing)}", "make the synthetic clips again")
    aus = pd.concat([tables.read(path, "aus") for path in aus_paths])
    emotions = clips.set_index("clip_id")["emotion"]
    agreement = compare(aus, true_aus, trims, truth, emotions)
    tables.write(agreement, out, "au_agreement")


def write_summary(agreement_csv: str | Path, out: str | Path) -> None:
    """Write the medians of `write_agreement`'s table per emotion (schema `au_agreement_summary`)."""
    tables.write(summarise(tables.read(agreement_csv, "au_agreement")), out, "au_agreement_summary")


def _median(values: pd.Series) -> float:
    known = values.dropna().astype(float)
    return float(known.median()) if len(known) else float("nan")
