"""A study of expression with valence and arousal (AffectNet): tables and figures of Akhtar 2022."""

from __future__ import annotations

from collections.abc import Iterator

from ferflow import layout
from ferflow.classes import EMOTIONS_CONTEMPT
from ferflow.parts import (
    CURVES,
    DATA,
    IMAGES,
    PREDICTIONS,
    RESULTS,
    TRAINED,
    collected,
    compare_with_published,
)
from ferflow.steps.files import AffectFiles, StudyFiles
from ferflow.steps.step import Figure, ReportStep, Table, as_params


def steps(study: StudyFiles) -> Iterator[ReportStep | Table]:
    if not isinstance(study, AffectFiles):
        return
    yield from _data(study)
    yield from _results(study)
    yield from _training(study)
    sources = study.tables("class_report", "affect_training", "affect_augmentation")
    halves = [study.table("affect_classification"), study.table("affect_regression")]
    output = Table("affect_comparison", "The AffectNet paper and ours", RESULTS)
    yield compare_with_published(study, "affectnet", output, {"affect_metrics": halves, **sources})
    yield from _figures(study)


def _data(study: AffectFiles) -> Iterator[ReportStep | Table]:
    yield Table("affect_counts", "Images per class and what was dropped", DATA)
    yield ReportStep(
        name="affect_classes",
        call="ferflow.report.affect_figures:write_classes",
        inputs={"counts_csv": study.table("affect_counts")},
        outputs={"out": Figure("affect_classes", "Images per class", DATA)},
    )


def _results(study: AffectFiles) -> Iterator[ReportStep]:
    predictions = study.of_models("predictions.csv")
    yield collected(study, "affect_predictions", predictions, EMOTIONS_CONTEMPT)
    yield ReportStep(
        name="affect_metrics",
        call="ferflow.evaluation.run:evaluate",
        sees=("evaluation", "protocol", "seed"),
        given={
            "emotions": list(EMOTIONS_CONTEMPT),
            "scored": ["auc", "auc_pr"],
            "weighted": True,
            "synthetic": study.synthetic,
        },
        memory=4000,
        minutes=60,
        inputs={"predictions_csvs": predictions, "manifest_csv": []},
        outputs={
            "metrics": study.at(layout.METRICS),
            "results": Table("results"),
            "class_report": Table("class_report", "Precision, recall and F1 per class", RESULTS),
            "confusion": Table("confusion"),
        },
        rests_on=PREDICTIONS,
        lacks={"class_report": _lost(study)},
    )
    yield ReportStep(
        name="affect_tables",
        call="ferflow.report.affect_tables:write_metrics",
        inputs={
            "results_csv": study.table("results"),
            "info_csvs": study.of_models("model_info.csv"),
        },
        outputs={
            "classification": Table(
                "affect_classification", "Table 5: classification", RESULTS, "affect_metrics"
            ),
            "regression": Table(
                "affect_regression", "Table 6: valence and arousal", RESULTS, "affect_metrics"
            ),
            "variants": Table("affect_variants", "The paper's loss and others", RESULTS),
        },
        rests_on=PREDICTIONS,
        lacks=dict.fromkeys(("classification", "regression", "variants"), _lost(study)),
    )


def _lost(study: AffectFiles) -> list[dict[str, str]]:
    """A row for each model that is lost."""
    return [{"model": name, "note": note} for name, note in study.lost.items()]


def _training(study: AffectFiles) -> Iterator[ReportStep | Table]:
    yield ReportStep(
        name="affect_models",
        call="ferflow.report.affect_tables:write_models",
        inputs={"info_csvs": study.of_models("model_info.csv")},
        outputs={"out": Table("affect_models", "The networks", TRAINED)},
        lacks={"out": _lost(study)},
    )
    yield Table("affect_speed", "Images a second: training step and loader", TRAINED)
    yield ReportStep(
        name="affect_training",
        call="ferflow.report.affect_tables:write_training",
        given={"augment": as_params(study.settings.affect.loading.augment)},
        inputs={
            "info_csvs": study.of_models("model_info.csv"),
            "histories": study.of_models("history.csv"),
            "times": study.of_models("time.json"),
        },
        outputs={
            "training": Table("affect_training", "Table 3: training", TRAINED),
            "augmentation": Table("affect_augmentation", "Table 4: augmentation", TRAINED),
        },
        rests_on=CURVES,
        lacks={"training": _lost(study)},
    )


def _figures(study: AffectFiles) -> Iterator[ReportStep]:
    def of_models(kind: str, title: str, part: str) -> list[Figure]:
        return [Figure(f"affect_{kind}-{name}", title.format(name), part) for name in study.models]

    yield ReportStep(
        name="figures_of_affect",
        call="ferflow.report.affect_figures:write_figures",
        given={"models": list(study.models), "synthetic": study.synthetic},
        inputs={
            "histories": study.of_models("history.csv"),
            "confusion_csv": study.table("confusion"),
            "report_csv": study.table("class_report"),
            "predictions_csv": study.at(layout.PREDICTIONS),
        },
        outputs={
            "learning": of_models("learning", "Training of {}", TRAINED),
            "confusion": of_models("confusion", "Confusion matrix of {}", RESULTS),
            "plane": of_models("plane", "Valence and arousal by {}", RESULTS),
        },
    )
    yield ReportStep(
        name="affect_sheets",
        call="ferflow.report.affect_figures:write_sheets",
        given={"models": list(study.models), "synthetic": study.synthetic},
        inputs={"manifest_csv": study.manifest, "predictions_csv": study.at(layout.PREDICTIONS)},
        outputs={
            "right": of_models("right", "Rightly classified by {}", IMAGES),
            "wrong": of_models("wrong", "Wrongly classified by {}", IMAGES),
        },
    )
