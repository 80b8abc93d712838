"""The steps of the data-centric study on files: what the workflow calls."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from ferflow import tables
from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.datacentric import cleaning, label_errors, pool, quality, store, summary
from ferflow.datacentric.sampling import Protocol
from ferflow.datasets.images import ImageSet
from ferflow.settings import Evaluation, Spatial


def unpack(stills: str | Path, pixels_h5: str | Path) -> None:
    """Read FER2013 at `stills` once and write its images for the other steps."""
    store.write(pool.read(stills), pixels_h5)


def examine(
    images: ImageSet,
    near_distance: int,
    constant: float,
    whiskers: float,
    folds: int,
    seed: int,
    out: dict[str, str | Path],
) -> None:
    """Write what needs no network; the thresholds are those of section `datacentric`, `folds` how many.

    `out` names the files: exact_duplicates, near_duplicates, near_distances, constant_images, pixel_boxes,
    outliers, pixel_means, photographs.
    """
    exact = quality.exact_duplicates(images)
    near, distances = quality.near_duplicates(images, near_distance)
    means = quality.pixel_means(images)
    boxes = quality.boxes(means, whiskers)
    photographs = pool.photographs(images.table["clip_id"], exact, near)
    fold = label_errors.assign_folds(images, photographs, folds, seed)
    listed = images.table[["clip_id"]].assign(photograph=photographs, fold=fold)
    for name, table, schema in (
        ("exact_duplicates", exact, "duplicates"),
        ("near_duplicates", near, "duplicates"),
        ("near_distances", distances, "near_distances"),
        ("constant_images", quality.constant_images(images, constant), "constant_images"),
        ("pixel_boxes", boxes, "pixel_boxes"),
        ("outliers", quality.outliers(means, boxes), "outliers"),
        ("pixel_means", means, "pixel_means"),
        ("photographs", listed, "photographs"),
    ):
        tables.write(table, out[name], schema)


def drawn(images: ImageSet, photographs_csv: str | Path, n_images: int | None, seed: int):
    """The images that are trained on (all, or `n_images`), and schema `photographs` of just those."""
    if n_images is not None:
        images = pool.draw(images, n_images, seed)
    table = tables.read(photographs_csv, "photographs").set_index("clip_id")
    return images, table.loc[images.table["clip_id"]]


def judge_fold(
    images: ImageSet,
    photographs_csv: str | Path,
    fold: int,
    recipe: Spatial,
    n_images: int | None,
    seed: int,
    folder: Path,
) -> None:
    """Train a network on the other folds and write what it says of `fold` to `folder`."""
    images, table = drawn(images, photographs_csv, n_images, seed)
    rows, history = label_errors.judge_fold(images, table["fold"].to_numpy(), fold, recipe, seed)
    tables.write(rows, folder / "predictions.csv", "predictions")
    tables.write(history, folder / "history.csv", "history")


def doubt(images: ImageSet, predictions_csvs: Iterable[str | Path], how: str, out: str | Path) -> None:
    """Write schema `label_errors` from the judgements of all folds; `how` is cleanlab's `filter_by`."""
    from ferflow.evaluation import predictions

    judged = predictions.read(predictions_csvs, EMOTIONS_NEUTRAL)
    known = images.rows(images.table["clip_id"].isin(judged["clip_id"]).to_numpy())
    tables.write(label_errors.suspects(judged, known, how), out, "label_errors")


def clean(
    manifest_csv: str | Path,
    found: cleaning.Found,
    rules: Sequence[str],
    training_only: Sequence[str],
    thresholds: summary.Thresholds,
    out: dict[str, str | Path],
) -> None:
    """Write the cleaned split (`cleaned`), each rule's toll (`cleaning`), and the counts (`data_quality`)."""
    manifest = tables.read(manifest_csv, "manifest")
    cleaned, steps = cleaning.clean(manifest, found, rules, training_only)
    tables.write(cleaned, out["cleaned"], "cleaned")
    tables.write(steps, out["cleaning"], "cleaning")
    tables.write(summary.counted(found, manifest, thresholds), out["data_quality"], "data_quality")


def found(given: dict[str, str | Path], margin: float) -> cleaning.Found:
    """What the tables `exact_duplicates`, `near_duplicates`, … hold, by the names of `cleaning.Found`."""
    return cleaning.Found(
        tables.read(given["exact_duplicates"], "duplicates"),
        tables.read(given["near_duplicates"], "duplicates"),
        tables.read(given["constant_images"], "constant_images"),
        tables.read(given["outliers"], "outliers"),
        tables.read(given["label_errors"], "label_errors"),
        margin,
    )


def run_cell(
    images: ImageSet,
    photographs_csv: str | Path,
    row: tuple[str, str, Protocol],
    recipe: Spatial,
    n_images: int | None,
    neighbours: int,
    seed: int,
    folder: Path,
    cleaned_csv: str | Path | None = None,
) -> None:
    """Train and judge one row (network, sampling, protocol) of the comparison and write it to `folder`.

    With `cleaned_csv` (schema `cleaned`) it learns only from the images that the cleaned split keeps.
    """
    from ferflow.datacentric import cell

    images, table = drawn(images, photographs_csv, n_images, seed)
    kept = None if cleaned_csv is None else cleaning.kept(cleaned_csv, images)
    predicted, history, sides = cell.run(
        images, table["photograph"].to_numpy(), *row, recipe, neighbours, seed, kept
    )
    tables.write(predicted, folder / "predictions.csv", "predictions")
    tables.write(history, folder / "history.csv", "history")
    tables.write(sides, folder / "sides.csv", "sampling_sides")


def compare(
    rows: Iterable[tuple[str, str]],
    folders: Iterable[str | Path],
    evaluation: Evaluation,
    seed: int,
    out: str | Path,
) -> None:
    """Write schema `sampling` for `rows` (network, sampling) from the `folders` of their two protocols."""
    from ferflow.datacentric import comparison

    judged, sides = _cells(folders)
    tables.write(comparison.compare(list(rows), judged, sides, evaluation, seed), out, "sampling")


def compare_cleaned(
    networks: Sequence[str],
    folders: Iterable[str | Path],
    evaluation: Evaluation,
    seed: int,
    out: str | Path,
) -> None:
    """Write schema `cleaned_training` for `networks` from the `folders` of their honest and cleaned rows."""
    from ferflow.datacentric import comparison

    judged, sides = _cells(folders)
    tables.write(comparison.cleaned(networks, judged, sides, evaluation, seed), out, "cleaned_training")


def _cells(folders: Iterable[str | Path]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predictions and schema `sampling_sides` of several rows."""
    from ferflow.evaluation import predictions

    folders = [Path(folder) for folder in folders]
    judged = predictions.read([folder / "predictions.csv" for folder in folders], EMOTIONS_NEUTRAL)
    return judged, pd.concat(
        [tables.read(folder / "sides.csv", "sampling_sides") for folder in folders], ignore_index=True
    )


def draw_sheets(images: ImageSet, found: cleaning.Found, n: int, out: dict[str, str | Path]) -> None:
    """Sheets of at most `n` example images.

    `out` names the files: conflicts, copies, near_copies, constant, outliers, label_errors.
    """
    from ferflow.datacentric import sheets
    from ferflow.report import style
    from ferflow.report.names import marks

    mark = marks(images.synthetic)
    conflicts = found.exact[found.exact["n_emotions"] > 1]
    with style.style():
        for name, title, figure in (
            (
                "conflicts",
                "Exact copies with different labels",
                lambda: sheets.duplicates(images, conflicts, n, "Exact copies with different labels", mark),
            ),
            (
                "copies",
                "Exact copies",
                lambda: sheets.duplicates(images, found.exact, n, "Exact copies", mark),
            ),
            ("near_copies", "Near duplicates", lambda: sheets.near_duplicates(images, found.near, n, mark)),
            ("constant", "Nearly constant images", lambda: sheets.constant(images, found.constant, n, mark)),
            (
                "outliers",
                "Outliers by mean grey level",
                lambda: sheets.outliers(images, found.outliers, mark),
            ),
            (
                "label_errors",
                "Suspected label errors",
                lambda: sheets.label_errors(images, found.label_errors, n, mark),
            ),
        ):
            style.save(figure(), out[name], title)


def draw_means(means_csv: str | Path, boxes_csv: str | Path, whiskers: float, out: str | Path) -> None:
    """The box plot of mean grey levels per class."""
    from ferflow.datacentric import figures
    from ferflow.report import style
    from ferflow.report.names import marks_of

    means, boxes = tables.read(means_csv, "pixel_means"), tables.read(boxes_csv, "pixel_boxes")
    with style.style():
        drawn = figures.pixel_means(means, boxes, whiskers, marks_of(boxes))
        style.save(drawn, out, "Mean grey level per class")


def draw_protocols(sampling_csv: str | Path, confidence: float, out: str | Path) -> None:
    """Both protocols of every row of schema `sampling`, and their difference."""
    from ferflow.datacentric import figures
    from ferflow.report import style
    from ferflow.report.names import marks

    table = tables.read(sampling_csv, "sampling")
    with style.style():
        drawn = figures.protocols(table, confidence, marks(bool(table["synthetic"].any())))
        style.save(drawn, out, "Resampling before and after the split")
