"""Figures of the AffectNet study (Akhtar 2022): images per class, valence and arousal, sheets of images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle

from ferflow import tables
from ferflow.classes import EMOTIONS_CONTEMPT
from ferflow.errors import FerflowError, InputError
from ferflow.evaluation import predictions
from ferflow.evaluation.regression import DIMENSIONS
from ferflow.faces.quiet import opencv
from ferflow.faces.video import read_image
from ferflow.report import confusion, style
from ferflow.report.names import marks, marks_of, model_label

LOOKS = {
    "neutral": ("#7f8c99", "o"),
    "happy": ("#e69f00", "^"),
    "sad": ("#0072b2", "v"),
    "surprise": ("#56b4e9", "D"),
    "fear": ("#cc79a7", "P"),
    "disgust": ("#009e73", "s"),
    "angry": ("#d55e00", "X"),
    "contempt": ("#111111", "*"),
}
"""Colour and marker of each expression, in the order of AffectNet's codes 0 to 7.

Okabe and Ito's colours, which the colour-blind tell apart."""
PARTS = {"train": ("training", style.DARK), "validation": ("validation", style.LIGHT)}
"""Name and colour of each part of the data."""
PER_CLASS = "Images per class"
SEVERAL = 3000
"""Images from which on the points of the plane are drawn smaller."""
DOWN = 3
"""Images of each class of a sheet, below one another."""
SIDE = 72
"""Pixels of an image in a sheet."""
_GAP = 0.12
_LINE = 0.125
"""Between two images, and of a line below one, widths of an image."""


def classes(table: pd.DataFrame) -> Figure:
    """Images of each class in both parts, the training's largest first (Akhtar 2022, Figure 2).

    `table`: schema `affect_counts`. Each part has its own scale. Above the training's bars stand the weights
    of the classes in the loss.
    """
    rows = table[table["kind"] == "class"]
    train = rows[rows["part"] == "train"].sort_values("number", ascending=False, kind="stable")
    drawn = style.figure(2 * style.COLUMN, 2.5)
    panels = drawn.subplots(1, len(PARTS))
    for axes, letter, (part, (name, colour)) in zip(panels, "ab", PARTS.items(), strict=True):
        bars = rows[rows["part"] == part].set_index("reason").loc[list(train["reason"])]
        _bars(axes, bars, colour)
        style.panel(axes, letter, f"{name}, {bars['number'].sum():,} images")
    panels[0].set_ylabel("images")
    style.heading(drawn, PER_CLASS, marks(bool(table["synthetic"].any())))
    return drawn


def _bars(axes: Axes, rows: pd.DataFrame, colour: str) -> None:
    axes.bar(range(len(rows)), rows["number"], 0.75, color=colour)
    for place, (number, weight) in enumerate(zip(rows["number"], rows["weight"], strict=True)):
        text = f"{number:,}" + (f"\n×{weight:.2g}" if pd.notna(weight) else "")
        look = {"textcoords": "offset points", "ha": "center", "va": "bottom", "fontsize": 6}
        axes.annotate(text, (place, number), (0, 2), **look)
    axes.set(ylim=(0, 1.28 * max(1, rows["number"].max())), xlim=(-0.6, len(rows) - 0.4))
    style.names_across(axes, list(rows.index))


def write_classes(counts_csv: str | Path, out: str | Path) -> None:
    """Draw schema `affect_counts` to an SVG."""
    with style.style():
        style.save(classes(tables.read(counts_csv, "affect_counts")), out, PER_CLASS)


def plane(frame: pd.DataFrame, name: str, marks: str) -> Figure:
    """Every image in the plane of valence and arousal: true places left, predicted ones right.

    `frame`: one model's rows of schema `predictions`; images without known values are left out and
    counted. Colour and marker are those of the true class in both.
    """
    there = frame[frame["valence"].notna() & frame["arousal"].notna()]
    drawn = style.figure(2 * style.COLUMN, 4.0)
    panels = drawn.subplots(1, 2, sharex=True, sharey=True)
    size = 6 if len(there) > SEVERAL else 14
    sides = (("a", "", "true"), ("b", "predicted_", "predicted"))
    for axes, (letter, before, title) in zip(panels, sides, strict=True):
        line = {"color": style.LIGHT, "linewidth": 0.6}
        axes.axhline(0, **line)
        axes.axvline(0, **line)
        axes.add_patch(Circle((0, 0), 1, fill=False, linestyle=":", **line))
        # Shuffled, so that no class lies on top of all others.
        mixed = there.sample(frac=1, random_state=0)
        for emotion, (colour, marker) in LOOKS.items():
            places = (mixed.loc[mixed["emotion"] == emotion, f"{before}{name}"] for name in DIMENSIONS)
            axes.scatter(*places, s=size, color=colour, marker=marker, alpha=0.65, linewidths=0)
        style.panel(axes, letter, title)
        ticks, limits = [-1, -0.5, 0, 0.5, 1], (-1.08, 1.08)
        axes.set(xlim=limits, ylim=limits, aspect="equal", xlabel="valence", xticks=ticks, yticks=ticks)
    panels[0].set_ylabel("arousal")
    shown = [
        Line2D([], [], linestyle="", color=colour, marker=marker, label=emotion)
        for emotion, (colour, marker) in LOOKS.items()
        if (there["emotion"] == emotion).any()
    ]
    if shown:
        drawn.legend(handles=shown, loc="outside lower center", ncols=len(shown))
    left_out = len(frame) - len(there)
    more = f", {left_out} without known values left out" if left_out else ""
    style.heading(drawn, f"Valence and arousal by {name}: {len(there)} images{more}, by true class", marks)
    return drawn


def of_model(table: pd.DataFrame, model: str, path: str | Path) -> pd.DataFrame:
    """The rows of `model`; InputError naming the file at `path` where it has none."""
    rows = table[table["model"] == model]
    if rows.empty:
        raise InputError(path, f"has no rows of {model}", "evaluate that model first")
    return rows


def write_figures(
    models: Sequence[str],
    synthetic: bool,
    histories: Sequence[str],
    confusion_csv: str,
    report_csv: str,
    predictions_csv: str,
    out_learning: Sequence[str],
    out_confusion: Sequence[str],
    out_plane: Sequence[str],
) -> None:
    """Learning curves (Akhtar 2022, Figures 5, 6), confusion matrices (7, 8), the plane of each model."""
    from ferflow.report.run import learning_curves

    matrices, reports = tables.read(confusion_csv, "confusion"), tables.read(report_csv, "class_report")
    frame = predictions.read([predictions_csv], EMOTIONS_CONTEMPT)
    n_classes, loss = len(EMOTIONS_CONTEMPT), "loss, as optimised"
    each = zip(models, histories, out_learning, out_confusion, out_plane, strict=True)
    for model, history, learning, matrix, plane_svg in each:
        name = model_label(model)
        learning_curves([history], learning, model, n_classes, synthetic, loss=loss)
        counts, report = of_model(matrices, model, confusion_csv), of_model(reports, model, report_csv)
        with style.style():
            drawn = confusion.counts_and_report(counts, report, list(LOOKS), name, marks_of(report))
            style.save(drawn, matrix, f"Confusion matrix of {name}")
            drawn = plane(of_model(frame, model, predictions_csv), name, marks(synthetic))
            style.save(drawn, plane_svg, f"Valence and arousal by {name}")


def chosen(frame: pd.DataFrame, right: bool) -> dict[str, pd.DataFrame]:
    """At most DOWN images of each true class that were classified rightly (or wrongly), always the same."""
    is_right = frame["emotion"] == frame["predicted"]
    frame = frame[is_right if right else ~is_right].sort_values("source")
    of_class = {emotion: frame[frame["emotion"] == emotion] for emotion in LOOKS}
    return {emotion: rows.sample(min(DOWN, len(rows)), random_state=0) for emotion, rows in of_class.items()}


def described(row) -> list[str]:
    """Three lines on an image: what was predicted, its true and its predicted valence and arousal."""
    true = "not known" if pd.isna(row.valence) or pd.isna(row.arousal) else pair(row.valence, row.arousal)
    share = getattr(row, f"p_{row.predicted}")
    predicted = pair(row.predicted_valence, row.predicted_arousal)
    return [f"said: {row.predicted} {share:.2f}", f"true {true}", f"said {predicted}"]


def pair(valence: float, arousal: float) -> str:
    """Valence and arousal as `(+0.50, −0.10)`."""
    return f"({valence:+.2f}, {arousal:+.2f})".replace("-", "−")


def small(path: str | Path) -> np.ndarray | None:
    """The image at `path` as RGB uint8 [SIDE,SIDE,3]; None where it is not there or cannot be read."""
    try:
        image = read_image(path)
    except (FerflowError, OSError):
        return None
    return opencv().resize(image, (SIDE, SIDE), interpolation=opencv().INTER_AREA)


def sheet(
    columns: Mapping[str, Sequence[tuple[np.ndarray | None, Sequence[str]]]], title: str, marks: str
) -> Figure:
    """A column of images for each true class, by its name.

    An image is its pixels uint8 [SIDE,SIDE,3] (None: it cannot be read) and the lines below it.
    """
    height = 1 + 3 * _LINE + 0.12
    width = len(columns) * (1 + _GAP) - _GAP
    inches = 2 * style.COLUMN / width
    drawn = style.figure(2 * style.COLUMN, 0.75 + inches * height * DOWN)
    axes = drawn.subplots()
    for across, (emotion, images) in enumerate(columns.items()):
        left = across * (1 + _GAP)
        axes.text(left + 0.5, -0.06, emotion, ha="center", va="bottom", fontsize=7, color=style.DARK)
        for down, (pixels, lines) in enumerate(images):
            top = down * height
            if pixels is None:
                axes.text(left + 0.5, top + 0.5, "not there", ha="center", fontsize=5, color=style.LIGHT)
            style.tile(axes, pixels, left, top)
            for number, line in enumerate(lines):
                axes.text(left, top + 1 + _LINE * (number + 0.85), line, fontsize=4.4, color=style.DARK)
        if not len(images):
            axes.text(left + 0.5, 0.5, "none", ha="center", fontsize=6, color=style.LIGHT)
    axes.set(xlim=(0, width), ylim=(DOWN * height, -0.25), aspect="equal")
    axes.set_axis_off()
    style.heading(drawn, title, marks)
    return drawn


def write_sheets(
    models: Sequence[str],
    synthetic: bool,
    manifest_csv: str,
    predictions_csv: str,
    out_right: Sequence[str],
    out_wrong: Sequence[str],
) -> None:
    """Draw images that each model classified rightly and wrongly (Akhtar 2022, Figures 9 and 10)."""
    frame = predictions.read([predictions_csv], EMOTIONS_CONTEMPT)
    listed = tables.rows_of(manifest_csv, "manifest", "clip_id", frame["clip_id"])
    frame["source"] = frame["clip_id"].map(dict(zip(listed["clip_id"], listed["source"], strict=True)))
    for model, *outputs in zip(models, out_right, out_wrong, strict=True):
        rows = of_model(frame, model, predictions_csv)
        is_right = int((rows["emotion"] == rows["predicted"]).sum())
        for output, right, n in zip(outputs, (True, False), (is_right, len(rows) - is_right), strict=True):
            columns = {
                emotion: [(small(row.source), described(row)) for row in images.itertuples()]
                for emotion, images in chosen(rows, right).items()
            }
            how = "Rightly" if right else "Wrongly"
            title = f"{how} classified by {model_label(model)}: {n} of {len(rows)} images"
            about = ", some of each true class; in brackets: valence, arousal"
            with style.style():
                style.save(sheet(columns, title + about, marks(synthetic)), output, title)
