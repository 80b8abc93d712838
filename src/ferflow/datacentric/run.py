"""The steps of the data-centric study on files: what the workflow calls."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from ferflow import tables
from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.datacentric import cell, cleaning, comparison, label_errors, pool, quality, summary
from ferflow.datacentric.sampling import Protocol
from ferflow.datasets.images import ImageSet, read_pixels, write_pixels
from ferflow.evaluation import predictions
from ferflow.settings import Evaluation, Spatial
from ferflow.settings.types import Sampling


def unpack(stills: str | Path, out: str | Path) -> None:
    """Read FER2013 at `stills` once and write its images for the other steps."""
    write_pixels(pool.read(stills), out)


def examine(
    pixels: str | Path,
    manifest_csv: str | Path,
    constant: float,
    near_distance: int,
    whiskers: float,
    folds: int,
    seed: int,
    out_exact_duplicates: str | Path,
    out_photographs: str | Path,
) -> None:
    """Write what needs no network; the thresholds are those of section `datacentric`, `folds` how many.

    Beside `out_exact_duplicates` lie near_duplicates, near_distances, constant_images, pixel_boxes and
    outliers, beside `out_photographs` pixel_means (all .csv).
    """
    images = read_pixels(pixels, manifest_csv)
    exact = quality.exact_duplicates(images)
    near, distances = quality.near_duplicates(images, near_distance)
    means = quality.pixel_means(images)
    boxes = quality.boxes(means, whiskers)
    photographs = pool.photographs(images.table["clip_id"], exact, near)
    fold = label_errors.assign_folds(images, photographs, folds, seed)
    listed = images.table[["clip_id"]].assign(photograph=photographs, fold=fold)
    found, known = Path(out_exact_duplicates).parent, Path(out_photographs).parent
    tables.write(exact, out_exact_duplicates, "duplicates")
    tables.write(near, found / "near_duplicates.csv", "duplicates")
    tables.write(distances, found / "near_distances.csv", "near_distances")
    tables.write(quality.constant_images(images, constant), found / "constant_images.csv", "constant_images")
    tables.write(boxes, found / "pixel_boxes.csv", "pixel_boxes")
    tables.write(quality.outliers(means, boxes), found / "outliers.csv", "outliers")
    tables.write(means, known / "pixel_means.csv", "pixel_means")
    tables.write(listed, out_photographs, "photographs")


def drawn(images: ImageSet, photographs_csv: str | Path, n_images: int | None, seed: int):
    """The images that are trained on (all, or `n_images`), and schema `photographs` of just those."""
    if n_images is not None:
        images = pool.draw(images, n_images, seed)
    table = tables.read(photographs_csv, "photographs").set_index("clip_id")
    return images, table.loc[images.table["clip_id"]]


def judge_fold(
    pixels: str | Path,
    manifest_csv: str | Path,
    photographs_csv: str | Path,
    fold: int,
    recipe: Spatial,
    n_images: int | None,
    seed: int,
    out_folder: Path,
) -> None:
    """Train a network on the other folds and write what it says of `fold` to `out_folder`."""
    images, table = drawn(read_pixels(pixels, manifest_csv), photographs_csv, n_images, seed)
    rows, history = label_errors.judge_fold(images, table["fold"].to_numpy(), fold, recipe, seed)
    tables.write(rows, out_folder / "predictions.csv", "predictions")
    tables.write(history, out_folder / "history.csv", "history")


def find_label_errors(
    pixels: str | Path,
    manifest_csv: str | Path,
    predictions_csvs: Iterable[str | Path],
    how: str,
    out: str | Path,
) -> None:
    """Write schema `label_errors` from the judgements of all folds; `how` is cleanlab's `filter_by`."""

    images = read_pixels(pixels, manifest_csv)
    judged = predictions.read(predictions_csvs, EMOTIONS_NEUTRAL)
    known = images.rows(images.table["clip_id"].isin(judged["clip_id"]).to_numpy())
    tables.write(label_errors.suspects(judged, known, how), out, "label_errors")


def clean(
    manifest_csv: str | Path,
    found_csvs: Sequence[str | Path],
    predictions_csvs: Iterable[str | Path],
    constant: float,
    near_distance: int,
    whiskers: float,
    how: str,
    margin: float,
    n_images: int | None,
    rules: Sequence[str],
    training_only: Sequence[str],
    out_cleaned: str | Path,
    out_cleaning: str | Path,
    out_data_quality: str | Path,
) -> None:
    """Write the cleaned split (schema `cleaned`), each rule's toll (`cleaning`), the counts (`data_quality`).

    `found_csvs` are as `found` reads them; `predictions_csvs` are the judgements of all folds.
    """

    agreed = label_errors.agreement(predictions.read(predictions_csvs, EMOTIONS_NEUTRAL))
    thresholds = summary.Thresholds(near_distance, constant, whiskers, how, n_images, agreed)
    manifest, listed = tables.read(manifest_csv, "manifest"), found(found_csvs, margin)
    cleaned, steps = cleaning.clean(manifest, listed, rules, training_only)
    tables.write(cleaned, out_cleaned, "cleaned")
    tables.write(steps, out_cleaning, "cleaning")
    tables.write(summary.counted(listed, manifest, thresholds), out_data_quality, "data_quality")


def found(found_csvs: Sequence[str | Path], margin: float) -> cleaning.Found:
    """What the tables of exact and near copies, constant images, outliers and label errors hold."""
    schemas = ("duplicates", "duplicates", "constant_images", "outliers", "label_errors")
    read = [tables.read(path, schema) for path, schema in zip(found_csvs, schemas, strict=True)]
    return cleaning.Found(*read, margin)


def run_cell(
    pixels: str | Path,
    manifest_csv: str | Path,
    photographs_csv: str | Path,
    cleaned_csv: str | Path | None,
    network: str,
    sampling: Sampling,
    protocol: Protocol,
    recipe: Spatial,
    n_images: int | None,
    neighbours: int,
    seed: int,
    out_folder: Path,
) -> None:
    """Train and judge one row (network, sampling, protocol) of the comparison and write it to `out_folder`.

    With `cleaned_csv` (schema `cleaned`) it learns only from the images that the cleaned split keeps.
    """

    images, table = drawn(read_pixels(pixels, manifest_csv), photographs_csv, n_images, seed)
    kept = None if cleaned_csv is None else cleaning.kept(cleaned_csv, images)
    photographs = table["photograph"].to_numpy()
    predicted, history, sides = cell.run(
        images, photographs, network, sampling, protocol, recipe, neighbours, seed, kept
    )
    tables.write(predicted, out_folder / "predictions.csv", "predictions")
    tables.write(history, out_folder / "history.csv", "history")
    tables.write(sides, out_folder / "sides.csv", "sampling_sides")


def compare(
    rows: Iterable[tuple[str, str]],
    predictions_csvs: Iterable[str | Path],
    sides_csvs: Iterable[str | Path],
    evaluation: Evaluation,
    seed: int,
    out: str | Path,
) -> None:
    """Write schema `sampling` for `rows` (network, sampling) from what their two protocols said."""

    judged, sides = _cells(predictions_csvs, sides_csvs)
    table = comparison.compare([tuple(row) for row in rows], judged, sides, evaluation, seed)
    tables.write(table, out, "sampling")


def compare_cleaned(
    networks: Sequence[str],
    predictions_csvs: Iterable[str | Path],
    sides_csvs: Iterable[str | Path],
    evaluation: Evaluation,
    seed: int,
    out: str | Path,
) -> None:
    """Write schema `cleaned_training` for `networks` from what their honest and cleaned rows said."""

    judged, sides = _cells(predictions_csvs, sides_csvs)
    tables.write(comparison.cleaned(networks, judged, sides, evaluation, seed), out, "cleaned_training")


def _cells(
    predictions_csvs: Iterable[str | Path], sides_csvs: Iterable[str | Path]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predictions and schema `sampling_sides` of several rows."""

    judged = predictions.read(predictions_csvs, EMOTIONS_NEUTRAL)
    return judged, pd.concat([tables.read(path, "sampling_sides") for path in sides_csvs], ignore_index=True)
