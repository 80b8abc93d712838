"""Strips and AU curves of the clips that models got wrong, from files."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ferflow import tables
from ferflow.errors import InputError
from ferflow.explain import strips
from ferflow.explain.frames import Paths
from ferflow.report import style
from ferflow.report.names import marks, model_label
from ferflow.report.run import clips_of, scores_of
from ferflow.report.trimming import COLUMNS, SHEET, score_sheet, shade_kept
from ferflow.settings import Pictures
from ferflow.shards import BySubject


def draw_mistaken(
    clips: pd.DataFrame, scores: Mapping[str, np.ndarray], threshold: float, what: str, marks: str
) -> Figure:
    """AU score [T] (0–5) of each mistaken clip with the frames that trimming keeps.

    `clips`: rows of schema `trim` with `emotion`, `predicted` and `probability` (of the latter), in the order
    in which they are drawn; the first SHEET of them are. `threshold`: share of the maximum below which faces
    count as neutral; `what`: the model, for the heading.
    """
    shown = clips.head(SHEET)
    drawn = style.figure(style.PAGE, 0.95 + 1.35 * max(1, math.ceil(len(shown) / COLUMNS)))
    title = f"AU scores of the {len(clips)} clips that {what} got wrong"
    if len(clips) == 1:
        title = f"AU score of the only clip that {what} got wrong"
    if len(shown) < len(clips):
        title += f" (the {len(shown)} that it was surest of)"

    def shade(axes: Axes, clip: dict) -> None:
        shade_kept(axes, clip)
        axes.tick_params(labelsize=6.5)
        classes = f"{clip['emotion']} → {clip['predicted']} {clip['probability']:.2f}"
        axes.set_title(f"{clip['clip_id']}\n{classes}", fontsize=7, loc="left")

    if len(clips):
        shaded = "kept by trimming"
        score_sheet(drawn, shown, scores, threshold, shade, shaded, line=0.9, dot=3.2, room=1.08)
    else:
        title = f"AU scores of the clips that {what} got wrong"
        style.nothing(drawn, "no clip was mistaken")
    style.heading(drawn, title, marks)
    return drawn


def strips_of(
    errors_csv: str | Path,
    faces: Paths,
    trim_csv: str | Path,
    manifest_csv: str | Path,
    folder: str | Path,
    models: Sequence[str],
    settings: Pictures,
    protocol: str = "test",
) -> int:
    """A strip (`strips.write_strip`) of every clip that one of `models` got wrong; their number.

    `protocol`: of the predictions, `test`, or `cv` where nobody is held out.
    """
    errors = tables.read(errors_csv, "errors")
    wrong = errors[(errors["protocol"] == protocol) & errors["model"].isin(models)]
    clips, files = clips_of(trim_csv, manifest_csv).set_index("clip_id"), BySubject(faces)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    names = sorted(set(wrong["clip_id"]))
    for name in names:
        if name not in clips.index:
            raise InputError(errors_csv, f"names the clip {name}, which {trim_csv} lacks", "evaluate again")
        clip = clips.loc[name]
        strips.write_strip(
            folder / strips.file_name(name),
            files[clip["subject_id"]],
            name,
            (int(clip["begin"]), int(clip["end"])),
            settings.strip_frames,
            settings.strip_size,
            marks(clip["synthetic"]),
        )
    return len(names)


def write_mistaken(
    errors_csv: str | Path,
    aus: Paths,
    trim_csv: str | Path,
    manifest_csv: str | Path,
    output: str | Path,
    model: str,
    threshold: float,
    protocol: str = "test",
) -> None:
    """AU curves of the clips that `model` got wrong under `protocol`, the surest mistakes first."""
    errors = tables.read(errors_csv, "errors")
    wrong = errors[(errors["protocol"] == protocol) & (errors["model"] == model)]
    probability_of = {row["clip_id"]: row[f"p_{row['predicted']}"] for row in wrong.to_dict("records")}
    clips = clips_of(trim_csv, manifest_csv)
    synthetic = bool(clips["synthetic"].any())
    clips = clips.merge(wrong[["clip_id", "predicted"]], on="clip_id", validate="one_to_one")
    clips["probability"] = clips["clip_id"].map(probability_of).astype(float)
    clips = clips.sort_values(["probability", "clip_id"], ascending=[False, True])
    shown = clips.head(SHEET)
    needed = BySubject(aus).of(sorted(set(shown["subject_id"])))
    scores = scores_of(needed, shown["clip_id"])
    with style.style():
        drawn = draw_mistaken(clips, scores, threshold, model_label(model), marks(synthetic))
        style.save(drawn, output, f"AU scores of clips that {model_label(model)} got wrong")
