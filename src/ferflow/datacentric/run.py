"""The steps of the data-centric study on files: what the workflow calls."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from ferflow import tables
from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.datacentric import cleaning, comparison, label_errors, quality, sampling, training
from ferflow.datasets import duplicates
from ferflow.datasets.fer2013 import USAGES
from ferflow.datasets.image_sets import read_stills
from ferflow.datasets.images import ImageSet, read_pixels, write_pixels
from ferflow.errors import InputError
from ferflow.evaluation import predictions
from ferflow.settings import Evaluation, Spatial
from ferflow.settings.types import Sampling
from ferflow.training.predictions import write_run


def unpack(stills: str | Path, out: str | Path) -> None:
    """Read FER2013 (or stills in its format) once and write its images for the other steps.

    Raises InputError where a part is missing.
    """
    images = read_stills(stills)
    for part in USAGES:
        if part not in images.splits:
            raise InputError(stills, f"has no image of {part}", "give a copy of FER2013 with all three parts")
    write_pixels(images, out)


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
    photographs = duplicates.photographs(images.table["clip_id"], exact, near)
    fold = label_errors.assign_folds(images, photographs, folds, seed)
    of_report = {
        "exact_duplicates": (exact, "duplicates"),
        "near_duplicates": (near, "duplicates"),
        "near_distances": (distances, "near_distances"),
        "constant_images": (quality.constant_images(images, constant), "constant_images"),
        "pixel_boxes": (boxes, "pixel_boxes"),
        "outliers": (quality.outliers(means, boxes), "outliers"),
    }
    for name, (table, schema) in of_report.items():
        tables.write(table, Path(out_exact_duplicates).with_name(f"{name}.csv"), schema)
    tables.write(means, Path(out_photographs).with_name("pixel_means.csv"), "pixel_means")
    listed = images.table[["clip_id"]].assign(photograph=photographs, fold=fold)
    tables.write(listed, out_photographs, "photographs")


def read_drawn(
    pixels: str | Path, manifest_csv: str | Path, photographs_csv: str | Path, n_images: int | None, seed: int
) -> tuple[ImageSet, pd.DataFrame]:
    """The images that are trained on (all, or `n_images`), and schema `photographs` of just those."""
    images = read_pixels(pixels, manifest_csv)
    if n_images is not None:
        images = sampling.draw(images, n_images, seed)
    table = tables.read(photographs_csv, "photographs").set_index("clip_id")
    return images, table.loc[images.table["clip_id"]]


def train_fold(
    pixels: str | Path,
    manifest_csv: str | Path,
    photographs_csv: str | Path,
    fold: int,
    recipe: Spatial,
    n_images: int | None,
    seed: int,
    out_folder: Path,
) -> None:
    """Train a network on the other folds and write its predictions of `fold` to `out_folder`."""
    images, table = read_drawn(pixels, manifest_csv, photographs_csv, n_images, seed)
    write_run(out_folder, *training.train_fold(images, table["fold"].to_numpy(), fold, recipe, seed))


def find_label_errors(
    pixels: str | Path,
    manifest_csv: str | Path,
    predictions_csvs: Iterable[str | Path],
    how: str,
    out: str | Path,
) -> None:
    """Write schema `label_errors` from the predictions of all folds; `how` is cleanlab's `filter_by`."""
    images = read_pixels(pixels, manifest_csv)
    predicted = predictions.read(predictions_csvs, EMOTIONS_NEUTRAL)
    known = images.rows(images.table["clip_id"].isin(predicted["clip_id"]).to_numpy())
    tables.write(label_errors.suspects(predicted, known, how), out, "label_errors")


def clean(
    manifest_csv: str | Path,
    flaws_csvs: Sequence[str | Path],
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

    `flaws_csvs` are as `read_flaws` reads them; `predictions_csvs` are those of all folds.
    """
    agreed = label_errors.agreement(predictions.read(predictions_csvs, EMOTIONS_NEUTRAL))
    thresholds = cleaning.Thresholds(near_distance, constant, whiskers, how, n_images, agreed)
    manifest, flaws = tables.read(manifest_csv, "manifest"), read_flaws(flaws_csvs, margin)
    cleaned, steps = cleaning.clean(manifest, flaws, rules, training_only)
    tables.write(cleaned, out_cleaned, "cleaned")
    tables.write(steps, out_cleaning, "cleaning")
    tables.write(cleaning.counted(flaws, manifest, thresholds), out_data_quality, "data_quality")


def read_flaws(flaws_csvs: Sequence[str | Path], margin: float) -> cleaning.Flaws:
    """The tables of exact and near copies, constant images, outliers and label errors."""
    schemas = ("duplicates", "duplicates", "constant_images", "outliers", "label_errors")
    read = [tables.read(path, schema) for path, schema in zip(flaws_csvs, schemas, strict=True)]
    return cleaning.Flaws(*read, margin)


def train_row(
    pixels: str | Path,
    manifest_csv: str | Path,
    photographs_csv: str | Path,
    cleaned_csv: str | Path | None,
    network: str,
    sampling: Sampling,
    protocol: training.Protocol,
    recipe: Spatial,
    n_images: int | None,
    neighbours: int,
    seed: int,
    out_folder: Path,
) -> None:
    """Train and test one row (network, sampling, protocol) of the comparison and write it to `out_folder`.

    With `cleaned_csv` (schema `cleaned`) it learns only from the images that the cleaned split keeps.
    """
    images, table = read_drawn(pixels, manifest_csv, photographs_csv, n_images, seed)
    kept = None if cleaned_csv is None else cleaning.kept(cleaned_csv, images)
    row = network, sampling, protocol, recipe, neighbours, seed, kept
    *run, sides = training.train_row(images, table["photograph"].to_numpy(), *row)
    write_run(out_folder, *run)
    tables.write(sides, out_folder / "sides.csv", "sampling_sides")


def compare(
    rows: Iterable[tuple[str, str]],
    predictions_csvs: Iterable[str | Path],
    sides_csvs: Iterable[str | Path],
    cleaned: bool,
    evaluation: Evaluation,
    seed: int,
    out: str | Path,
) -> None:
    """Compare two protocols of each of `rows` (network, sampling) by their predictions.

    Writes schema `sampling` of published and honest rows or, with `cleaned`, schema `cleaned_training` of
    honest and cleaned ones.
    """
    sides = pd.concat([tables.read(path, "sampling_sides") for path in sides_csvs], ignore_index=True)
    made, schema = (comparison.cleaned, "cleaned_training") if cleaned else (comparison.compare, "sampling")
    predicted = predictions.read(predictions_csvs, EMOTIONS_NEUTRAL)
    tables.write(made([tuple(row) for row in rows], predicted, sides, evaluation, seed), out, schema)
