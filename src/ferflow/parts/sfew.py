"""A study of faces in scenes (SFEW): images, accuracies in each fold, and the paper beside ours (Gong)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import get_args

from ferflow import layout, tables
from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.parts import IMAGES, PREDICTIONS, RESULTS, TRAINED, collected
from ferflow.settings.sfew import SfewProtocol
from ferflow.steps.files import SfewFiles, StudyFiles
from ferflow.steps.step import Figure, ReportStep, Table

PAPER = {
    "sfew_table1": "Table 1: transfer learning on original images",
    "sfew_table2": "Table 2: transfer learning on face crops",
    "sfew_table3": "Table 3: other networks and epochs on face crops",
    "sfew_table4": "Table 4: the approaches compared",
}
MATRICES = {"originals": "resnet50-200-originals", "crops": "resnet50-100-crops"}
"""The paper's two confusion matrices, each of a model; under its protocol and the honest one."""


def steps(study: StudyFiles) -> Iterator[ReportStep | Table]:
    if not isinstance(study, SfewFiles):
        return
    yield from _images(study)
    yield from _folds(study)
    yield from _metrics(study)
    yield from _paper(study)


def _images(study: SfewFiles) -> Iterator[ReportStep | Table]:
    yield Table("sfew_counts", "Images per class: published and counted", IMAGES)
    yield Table("sfew_dropped", "Images that are left out", IMAGES)
    yield ReportStep(
        name="sfew_crop_quality",
        call="ferflow.sfew.crops:write_quality",
        inputs={"manifest_csv": study.manifest, "crops_csv": study.about_crops},
        outputs={"out": Table("crop_quality", "Face crops and what is flagged", IMAGES)},
    )
    yield ReportStep(
        name="figure_of_crops",
        call="ferflow.report.crop_sheet:draw",
        given={"title": "Face crops"},
        inputs={
            "manifest_csv": study.manifest,
            "crops_h5": study.images["crops"],
            "crops_csv": study.about_crops,
        },
        outputs={"out": Figure("crops", "Face crops, flagged ones beside", IMAGES)},
    )


def _folds(study: SfewFiles) -> Iterator[ReportStep]:
    handmade = study.of_handmade()
    title = "Accuracy of the hand-made features in each fold"
    yield ReportStep(
        name="sfew_folds",
        call=f"{__name__}:folds",
        given={"models": study.transfer.models()},
        lacks={
            "folds": [
                {"model": model, "protocol": protocol, "note": note}
                for (model, protocol), note in study.lost_models().items()
            ]
        },
        inputs={
            "manifest_csv": study.manifest,
            "predictions_csvs": study.of_runs("predictions.csv"),
            "handmade_csvs": handmade,
        },
        outputs={
            "folds": Table("sfew_folds", "Accuracy of the networks in each fold", TRAINED),
            "handmade": Table("sfew_handmade", title, TRAINED, "sfew_folds") if handmade else [],
        },
        rests_on=PREDICTIONS,
    )
    yield ReportStep(
        name="sfew_protocols",
        call="ferflow.sfew.run:write_protocols",
        given={"protocols": study.transfer.under()},
        inputs={"manifest_csv": study.manifest, "folds_csvs": study.folds_of(study.transfer.under())},
        outputs={"out": Table("sfew_protocols", "How the protocols divide the images", TRAINED)},
    )
    # Batch sizes are compared on originals, under the paper's folds.
    compared = [
        name
        for name, run in study.runs.items()
        if run.images == "originals" and not run.unfrozen and "random" in run.protocols
    ]
    compared = [name for name in compared if study.can_be_made([_runs_csv(study).format(run=name)])]
    if compared:
        yield ReportStep(
            name="sfew_batches",
            call="ferflow.sfew.run:write_batches",
            inputs={
                "folds_table_csv": study.table("sfew_folds"),
                "runs_csvs": study.each(_runs_csv(study), run=compared),
            },
            outputs={"out": Table("sfew_batches", "Batch sizes on original images", TRAINED)},
            rests_on=PREDICTIONS,
        )


def _runs_csv(study: SfewFiles) -> str:
    return f"{study.at(layout.SFEW_RUN, protocol='random')}/runs.csv"


def folds(
    manifest_csv: str,
    predictions_csvs: Sequence[str],
    handmade_csvs: Sequence[str],
    models: Mapping[str, Mapping[str, str | int]],
    out_folds: str,
    out_handmade: str | None,
) -> None:
    """Accuracies of all networks, and of the hand-made features, in all folds."""
    from ferflow.sfew import run

    run.write_folds(predictions_csvs, models, manifest_csv, out_folds)
    if out_handmade:
        run.write_folds(handmade_csvs, {}, manifest_csv, out_handmade)


def _metrics(study: SfewFiles) -> Iterator[ReportStep]:
    predictions = [
        path
        for protocol in get_args(SfewProtocol)
        for path in study.of_runs("predictions.csv", protocol) + study.of_handmade(protocol)
    ]
    yield collected(study, "sfew_predictions", predictions, EMOTIONS_NEUTRAL, manifest_csv=study.manifest)
    yield ReportStep(
        name="sfew_metrics",
        call="ferflow.evaluation.run:evaluate",
        sees=("evaluation", "protocol", "seed"),
        given={
            "emotions": list(EMOTIONS_NEUTRAL),
            # The paper has no AUC, whose bootstrap would take most of the time.
            "scored": [],
            "representative": True,
        },
        minutes=30,
        inputs={"predictions_csvs": [study.at(layout.PREDICTIONS)], "manifest_csv": study.manifest},
        outputs={
            "metrics": study.at(layout.METRICS),
            "results": Table("results"),
            "confusion": Table("confusion"),
        },
        rests_on=PREDICTIONS,
    )


def _paper(study: SfewFiles) -> Iterator[ReportStep]:
    folds_csvs = [study.table("sfew_folds")]
    folds_csvs += [study.table("sfew_handmade")] if study.handmade.under() else []
    # Of a model that is missing under one protocol alone, the others are there.
    lost = {f"{model} {protocol}": note for (model, protocol), note in study.lost_models().items()}
    failed = {"failed": lost} if lost else {}
    schemas = {name: "sfew_paper" for name in PAPER} | {"sfew_table4": "sfew_methods"}
    yield ReportStep(
        name="sfew_comparison",
        call=f"{__name__}:compare",
        given={"dataset": study.dataset, **failed},
        inputs={"folds_csvs": folds_csvs, "counts_csv": study.table("sfew_counts")},
        outputs={
            "comparison": Table("sfew_comparison", "The SFEW paper and ours", RESULTS, "reference"),
            "tables": [Table(name, title, RESULTS, schemas[name]) for name, title in PAPER.items()],
        },
        rests_on=PREDICTIONS,
    )
    drawn = [
        (images, model, protocol)
        for images, model in MATRICES.items()
        for protocol in ("random", "film")
        if any(
            model in run.models(study.transfer.batch).values() and protocol in run.protocols
            for run in study.runs.values()
        )
        and (model, protocol) not in study.lost_models()
    ]
    yield ReportStep(
        name="figures_of_sfew",
        call=f"{__name__}:figures",
        given={"matrices": [(model, protocol) for _, model, protocol in drawn]},
        inputs={"folds_csvs": folds_csvs, "confusion_csv": study.table("confusion")},
        outputs={
            "folds": Figure("sfew_accuracy", "Accuracy in each fold by protocol", RESULTS),
            "confusion": [
                Figure(
                    f"sfew_confusion-{images}-{protocol}",
                    f"Confusion matrix on {images}, {protocol} folds",
                    RESULTS,
                )
                for images, _, protocol in drawn
            ],
        },
        left_out=", ".join(f"{name} ({note})" for name, note in lost.items()),
    )


def compare(
    folds_csvs: Sequence[str],
    counts_csv: str,
    dataset: str,
    out_comparison: str,
    out_tables: Sequence[str],
    failed: Mapping[str, str] | None = None,
) -> None:
    """Compare the paper's numbers with ours, or say why there is none, and write its Tables 1 to 4."""
    from ferflow.report import reference, sfew_tables

    sources = ["sfew_counts", *["sfew_folds"] * len(folds_csvs)]
    ours = reference.read("sfew", sources, [counts_csv, *folds_csvs], failed, dataset=dataset)
    tables.write(reference.compare("sfew", ours), out_comparison, "reference")
    sfew_tables.write(ours, dict(zip(PAPER, out_tables, strict=True)))


def figures(
    folds_csvs: Sequence[str],
    confusion_csv: str,
    matrices: Sequence[tuple[str, str]],
    out_folds: str,
    out_confusion: Sequence[str],
) -> None:
    """Accuracy in each fold by protocol, and the paper's two confusion matrices (its Figures 4 and 5)."""
    from ferflow.report import sfew_figures

    sfew_figures.write_folds(folds_csvs, out_folds, len(EMOTIONS_NEUTRAL))
    for (model, protocol), path in zip(matrices, out_confusion, strict=True):
        sfew_figures.write_confusion(confusion_csv, model, protocol, path)
