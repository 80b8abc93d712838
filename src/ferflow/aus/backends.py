"""How far backends agree on the same clips: correlation, onset and apex of every action unit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from ferflow import tables
from ferflow.aus.agreement import correlation
from ferflow.aus.trim import au_score
from ferflow.classes import AU_COLUMNS
from ferflow.errors import InputError

SCORE = "score"
"""The row of the AU score, beside those of the single action units."""
TRUTH = "truth"
"""What the generator of rendered clips knows, as one more backend."""
LEAST = 0.5
"""A clip shows an action unit if both backends have it at this intensity (of 5) in some frame."""


def onset(curve: np.ndarray) -> int:
    """The first frame in which `curve` [T] is at half of its maximum or above."""
    return int(np.argmax(curve >= curve.max() / 2))


def compare(aus: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
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


def write_comparison(
    manifest: str | Path,
    paths: Mapping[str, Iterable[str | Path]],
    out: str | Path,
) -> None:
    """Compare the tables `paths` (by backend, schema aus) on the clips of `manifest`; write `out`."""
    clips = tables.read(manifest, "manifest")["clip_id"]
    aus = {}
    for backend, files in paths.items():
        table = pd.concat([tables.read(path, "aus") for path in files])
        missing = set(clips) - set(table["clip_id"])
        if missing:
            raise InputError(
                manifest, f"lists {min(missing)}, which {backend} lacks", "run the workflow again"
            )
        aus[backend] = table[table["clip_id"].isin(clips)]
    tables.write(compare(aus), out, "au_backends")


def _curves(table: pd.DataFrame) -> dict[str, dict[str, np.ndarray]]:
    """By clip and action unit the intensities [T] of the frames with a face, and the AU score [T]."""
    found = {}
    for clip_id, frames in table.sort_values(["clip_id", "frame"]).groupby("clip_id"):
        # Where there is no face the last one counts, so that the frames of all backends stay side by side.
        seen = frames[list(AU_COLUMNS)].ffill().bfill().fillna(0.0)
        score = np.nan_to_num(au_score(frames))
        found[clip_id] = {unit: seen[unit].to_numpy(float) for unit in AU_COLUMNS} | {SCORE: score}
    return found


def _median(values: Iterable[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return float(np.median(known)) if known else float("nan")
