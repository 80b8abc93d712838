"""Sheets of rightly and wrongly classified images (Akhtar 2022, Figures 9 and 10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ferflow.classes import EMOTIONS_CONTEMPT
from ferflow.errors import FerflowError
from ferflow.evaluation import predictions
from ferflow.faces.quiet import opencv
from ferflow.faces.video import read_image
from ferflow.report import style
from ferflow.report.affect_figures import of_model
from ferflow.report.affect_looks import LOOKS
from ferflow.report.names import marks, model_label

DOWN = 3
"""Images of each class, below one another."""
SIDE = 72
"""Pixels: so large are images embedded."""
_GAP = 0.12
_LINE = 0.125
"""Between two images, and of a line below one, widths of an image."""


@dataclass(frozen=True)
class Shown:
    """An image of a sheet: pixels uint8 [SIDE,SIDE,3] (None: it cannot be read), and what is said of it."""

    pixels: np.ndarray | None
    lines: Sequence[str]


def chosen(frame: pd.DataFrame, right: bool) -> dict[str, pd.DataFrame]:
    """At most DOWN images of each true class that were classified rightly (or wrongly), always the same."""
    is_right = frame["emotion"] == frame["predicted"]
    frame = frame[is_right if right else ~is_right].sort_values("image")
    found = {}
    for emotion in LOOKS:
        mine = frame[frame["emotion"] == emotion]
        found[emotion] = mine.sample(min(DOWN, len(mine)), random_state=0)
    return found


def described(row) -> list[str]:
    """Three lines on an image: what was predicted, its true and its predicted valence and arousal."""
    true = "not known" if pd.isna(row.valence) or pd.isna(row.arousal) else pair(row.valence, row.arousal)
    share = getattr(row, f"p_{row.predicted}")
    said = pair(row.predicted_valence, row.predicted_arousal)
    return [f"said: {row.predicted} {share:.2f}", f"true {true}", f"said {said}"]


def pair(valence: float, arousal: float) -> str:
    """Valence and arousal as `(+0.50, −0.10)`."""
    return f"({valence:+.2f}, {arousal:+.2f})".replace("-", "−")


def small(path: Path) -> np.ndarray | None:
    """The image at `path` as RGB uint8 [SIDE,SIDE,3]; None where it is not there or cannot be read."""
    try:
        image = read_image(path)
    except (FerflowError, OSError):
        return None
    return opencv().resize(image, (SIDE, SIDE), interpolation=opencv().INTER_AREA)


def sheet(columns: dict[str, Sequence[Shown]], title: str, marks: str) -> Figure:
    """A column of images for each true class, by its name."""
    height = 1 + 3 * _LINE + 0.12
    width = len(columns) * (1 + _GAP) - _GAP
    inches = 2 * style.COLUMN / width
    drawn = style.figure(2 * style.COLUMN, 0.75 + inches * height * DOWN)
    axes = drawn.subplots()
    for across, (emotion, images) in enumerate(columns.items()):
        left = across * (1 + _GAP)
        axes.text(left + 0.5, -0.06, emotion, ha="center", va="bottom", fontsize=7, color=style.DARK)
        for down, image in enumerate(images):
            top = down * height
            if image.pixels is not None:
                extent = (left, left + 1, top + 1, top)
                axes.imshow(image.pixels, extent=extent, interpolation="none")
            else:
                axes.text(left + 0.5, top + 0.5, "not there", ha="center", fontsize=5, color=style.LIGHT)
            axes.add_patch(Rectangle((left, top), 1, 1, fill=False, edgecolor=style.LIGHT, linewidth=0.3))
            for number, line in enumerate(image.lines):
                axes.text(left, top + 1 + _LINE * (number + 0.85), line, fontsize=4.4, color=style.DARK)
        if not len(images):
            axes.text(left + 0.5, 0.5, "none", ha="center", fontsize=6, color=style.LIGHT)
    axes.set(xlim=(0, width), ylim=(DOWN * height, -0.25), aspect="equal")
    axes.set_axis_off()
    style.heading(drawn, title, marks)
    return drawn


def write(
    predictions_csv: str | Path,
    images: Mapping[str, str],
    root: str | Path,
    output: str | Path,
    model: str,
    right: bool,
    synthetic: bool,
) -> None:
    """Draw a sheet of what `model` classified rightly (or wrongly); `images` lie by their names in `root`."""
    frame = of_model(predictions.read([predictions_csv], EMOTIONS_CONTEMPT), model, predictions_csv)
    frame["image"] = frame["clip_id"].map(images)
    columns = {
        emotion: [Shown(small(Path(root) / row.image), described(row)) for row in rows.itertuples()]
        for emotion, rows in chosen(frame, right).items()
    }
    is_right = int((frame["emotion"] == frame["predicted"]).sum())
    n = is_right if right else len(frame) - is_right
    title = (
        f"{'Rightly' if right else 'Wrongly'} classified by {model_label(model)}: {n} of {len(frame)} images"
    )
    about = ", some of each true class; in brackets: valence, arousal"
    with style.style():
        style.save(sheet(columns, title + about, marks(synthetic)), output, title)
