"""How far action units agree: with the truth of synthetic clips, and backends with one another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from ferflow import tables
from ferflow.aus.trim import au_score
from ferflow.classes import AU_COLUMNS, EMOTIONS_NEUTRAL
from ferflow.errors import InputError

SCORE = "score"
"""The row of the AU score, beside those of the single action units."""
TRUTH = "truth"
"""What the generator of rendered clips knows, as one more backend."""
LEAST = 0.5
"""A clip shows an action unit if both backends have it at this intensity (of 5) in some frame."""


def correlation(measured: np.ndarray, true: np.ndarray) -> float:
    """Pearson's r of two AU score curves [T]; NaN where one of them is flat or unknown."""
    if len(measured) != len(true):
        raise ValueError(f"curves of {len(measured)} and {len(true)} frames")
    finite = np.isfinite(measured).all() and np.isfinite(true).all()
    if not finite or np.ptp(measured) == 0 or np.ptp(true) == 0:
        return float("nan")
    return float(np.clip(np.corrcoef(measured, true)[0, 1], -1.0, 1.0))


def slope(measured: np.ndarray, true: np.ndarray) -> float:
    """How far `measured` [T] rises where `true` [T] rises by 1 (least squares); NaN where that is flat."""
    if not (np.isfinite(measured).all() and np.isfinite(true).all()) or np.ptp(true) == 0:
        return float("nan")
    return float(np.polyfit(true, measured, 1)[0])


def compare(
    aus: pd.DataFrame, true_aus: pd.DataFrame, trims: pd.DataFrame, truth: pd.DataFrame, emotions: pd.Series
) -> pd.DataFrame:
    """A row of schema `au_agreement` for each clip of `trims`.

    `aus`, `true_aus`: schema aus; `trims`: schema trim; `truth`: schema truth; `emotions`: by clip_id.
    The correlation is that of the AU scores, the slope that of the measured on the true one. The trimming's
    truth is where the true score crosses half of its maximum, `half_begin:half_end`; anomalies and clips cut
    by a person have no error.
    """
    measured = {clip_id: au_score(frames) for clip_id, frames in aus.groupby("clip_id")}
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
                "correlation": correlation(measured[trim.clip_id], true[trim.clip_id]),
                "slope": slope(measured[trim.clip_id], true[trim.clip_id]),
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
                "begin_error": _median(rows["begin_error"].abs().dropna()),
                "end_error": _median(rows["end_error"].abs().dropna()),
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


def onset(curve: np.ndarray) -> int:
    """The first frame in which `curve` [T] is at half of its maximum or above."""
    return int(np.argmax(curve >= curve.max() / 2))


def compare_backends(aus: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Rows of schema `au_backends`: each two of the backends `aus` (schema aus, the same clips) together.

    Per action unit, over the clips in which both backends see it: median correlation, and medians of the
    distances between their onsets and their apexes (of equal maxima the first), frames.
    """
    curves = {backend: _curves(table) for backend, table in aus.items()}
    rows = []
    for first, second in combinations(curves, 2):
        for unit in (SCORE, *AU_COLUMNS):
            pairs = [(curves[first][clip][unit], curves[second][clip][unit]) for clip in curves[first]]
            shown = [pair for pair in pairs if min(np.max(curve, initial=0.0) for curve in pair) >= LEAST]
            rows.append(
                {
                    "first": first,
                    "second": second,
                    "unit": unit.removesuffix("_r"),
                    "clips": len(shown),
                    "correlation": _median(correlation(a, b) for a, b in shown),
                    "onset": _median(abs(onset(a) - onset(b)) for a, b in shown),
                    "apex": _median(abs(int(np.argmax(a)) - int(np.argmax(b))) for a, b in shown),
                }
            )
    return pd.DataFrame(rows)


def write_backends(manifest: str | Path, paths: Mapping[str, Iterable[str | Path]], out: str | Path) -> None:
    """Compare the tables `paths` (by backend, schema aus) on the clips of `manifest`; write `out`."""
    clips = tables.read(manifest, "manifest")["clip_id"]
    aus = {}
    for backend, files in paths.items():
        table = pd.concat([tables.read(path, "aus") for path in files])
        missing = set(clips) - set(table["clip_id"])
        if missing:
            problem = f"lists {min(missing)}, which {backend} lacks"
            raise InputError(manifest, problem, "run the workflow again")
        aus[backend] = table[table["clip_id"].isin(clips)]
    tables.write(compare_backends(aus), out, "au_backends")


def _curves(table: pd.DataFrame) -> dict[str, dict[str, np.ndarray]]:
    """By clip and action unit the intensities [T] of the frames with a face, and the AU score [T]."""
    curves = {}
    for clip_id, frames in table.sort_values(["clip_id", "frame"]).groupby("clip_id"):
        # Where there is no face the last one counts, so that the frames of all backends stay side by side.
        seen = frames[list(AU_COLUMNS)].ffill().bfill().fillna(0.0)
        score = np.nan_to_num(au_score(frames))
        curves[clip_id] = {unit: seen[unit].to_numpy(float) for unit in AU_COLUMNS} | {SCORE: score}
    return curves


def _median(values: Iterable[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return float(np.median(known)) if known else float("nan")
