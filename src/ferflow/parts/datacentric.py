"""The data-centric study (Adel 2023): what was found in the images, both protocols, the paper's numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ferflow import layout, tables
from ferflow.parts import IMAGES, PREDICTIONS, RESULTS, compare_with_published
from ferflow.steps.files import ImageFiles, StudyFiles
from ferflow.steps.step import Figure, ReportStep, Table

TITLES = {
    "sampling": "Sampling before the split and after it; before, the test is balanced: compare the recall",
    "variants": "Variants of the CNN-LSTM, by either protocol",
}
"""Titles of the comparisons."""
CLEANED = "Training on the official and on the cleaned images, judged on the same test images"
MEANS = "Mean grey level per class"
SHEETS = {
    "conflicts": "Exact copies with different labels",
    "copies": "Exact copies",
    "near_copies": "Near duplicates",
    "constant": "Nearly constant images",
    "outliers": "Outliers by mean grey level",
    "label_errors": "Suspected label errors",
}
"""Sheets of example images."""


def steps(study: StudyFiles) -> Iterator[ReportStep | Table]:
    if not isinstance(study, ImageFiles) or not study.settings.datacentric.studied:
        return
    output = Table("datacentric", "The data-centric paper: published and ours", RESULTS)
    sources = {"data_quality": study.table("data_quality")}
    sources["sampling"] = [study.table(name) for name in study.compared]
    yield compare_with_published(study, "datacentric", output, sources, ReportStep.rests_on)
    for name, rows in study.compared.items():
        table = Table(name, TITLES[name], RESULTS, "sampling")
        yield _comparison(study, name, rows, ("published", "honest"), table)
        yield _figure(study, name, study.lost_rows(rows, "published", "honest"))
    if networks := study.settings.datacentric.cleaned:
        rows, table = [(name, "none") for name in networks], Table("cleaned_training", CLEANED, RESULTS)
        yield _comparison(study, table.name, rows, ("honest", "cleaned"), table)
    # The long ones are tables to look things up in, and no pages of the report.
    yield Table("data_quality", "What was found in the images", IMAGES)
    yield Table("cleaning", "The cleaned split, rule by rule", IMAGES)
    yield Table("near_distances", "Near duplicates: labels by distance", IMAGES)
    yield Table("pixel_boxes", MEANS, IMAGES)
    yield Table("constant_images", "Nearly constant images", IMAGES)
    yield _pictures(study)


def _comparison(
    study: ImageFiles, name: str, rows: list[tuple[str, str]], protocols: tuple[str, str], table: Table
) -> ReportStep:
    lost = study.lost_rows(rows, *protocols)
    rows = [row for row in rows if row not in lost]
    return ReportStep(
        name=f"datacentric_{name}",
        call="ferflow.datacentric.run:compare",
        sees=("evaluation", "seed"),
        given={"rows": rows, "cleaned": "cleaned" in protocols},
        memory=3000,
        minutes=60,
        group=None,
        inputs={
            "predictions_csvs": study.of_rows("predictions.csv", rows, *protocols),
            "sides_csvs": study.of_rows("sides.csv", rows, *protocols),
        },
        outputs={"out": table},
        rests_on=PREDICTIONS,
        lacks={
            "out": [
                {"network": network, "sampling": sampling, "note": note}
                for (network, sampling), note in lost.items()
            ]
        },
    )


def _figure(study: ImageFiles, name: str, lost: Mapping[tuple[str, str], str]) -> ReportStep:
    return ReportStep(
        name=f"figure_of_{name}",
        call="ferflow.datacentric.figures:write_protocols",
        given={"confidence": study.settings.evaluation.confidence},
        inputs={"sampling_csv": study.table(name)},
        outputs={"out": Figure(f"protocols-{name}", f"Both protocols: {name}", RESULTS)},
        left_out=", ".join(f"{' '.join(row)} ({note})" for row, note in lost.items()),
    )


def _pictures(study: ImageFiles) -> ReportStep:
    own = study.settings.datacentric
    return ReportStep(
        name="figures_of_quality",
        call=f"{__name__}:pictures",
        given={"whiskers": own.whiskers, "margin": own.label_errors.margin, "most": own.sheet},
        inputs={
            "pixels": study.at(layout.POOL),
            "manifest_csv": study.at(layout.MANIFEST),
            "flaws_csvs": study.flaws,
            "means_csv": f"{study.at(layout.DATACENTRIC)}/pixel_means.csv",
            "boxes_csv": study.table("pixel_boxes"),
        },
        outputs={
            "means": Figure("pixel_means", MEANS, IMAGES),
            "sheets": [Figure(f"sheet-{name}", title, IMAGES) for name, title in SHEETS.items()],
        },
    )


def pictures(
    pixels: str,
    manifest_csv: str,
    flaws_csvs: Sequence[str],
    means_csv: str,
    boxes_csv: str,
    whiskers: float,
    margin: float,
    most: int,
    out_means: str,
    out_sheets: Sequence[str],
) -> None:
    """The box plot of mean grey levels per class, and sheets of at most `most` example images."""
    from ferflow.datacentric import figures, run, sheets
    from ferflow.datasets.images import read_pixels
    from ferflow.report import style
    from ferflow.report.names import marks, marks_of

    means, boxes = tables.read(means_csv, "pixel_means"), tables.read(boxes_csv, "pixel_boxes")
    images, flaws = read_pixels(pixels, manifest_csv), run.read_flaws(flaws_csvs, margin)
    mark, conflicts = marks(images.synthetic), flaws.exact[flaws.exact["n_emotions"] > 1]
    drawn = {
        "conflicts": lambda: sheets.duplicates(images, conflicts, most, SHEETS["conflicts"], mark),
        "copies": lambda: sheets.duplicates(images, flaws.exact, most, SHEETS["copies"], mark),
        "near_copies": lambda: sheets.near_duplicates(images, flaws.near, most, mark),
        "constant": lambda: sheets.constant(images, flaws.constant, most, mark),
        "outliers": lambda: sheets.outliers(images, flaws.outliers, mark),
        "label_errors": lambda: sheets.label_errors(images, flaws.label_errors, most, mark),
    }
    with style.style():
        style.save(figures.pixel_means(means, boxes, whiskers, marks_of(boxes)), out_means, MEANS)
        for (name, title), out in zip(SHEETS.items(), out_sheets, strict=True):
            style.save(drawn[name](), out, title)
