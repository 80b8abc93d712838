"""A study of expression with valence and arousal (AffectNet): tables and figures of Akhtar 2022."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ferflow import layout
from ferflow.classes import EMOTIONS_CONTEMPT
from ferflow.parts import CURVES, DATA, IMAGES, PREDICTIONS, RESULTS, TRAINED, beside_paper
from ferflow.settings import Evaluation
from ferflow.steps.files import AffectFiles, StudyFiles
from ferflow.steps.step import Figure, ReportStep, Table, plain


def steps(study: StudyFiles) -> Iterator[ReportStep | Table]:
    if not isinstance(study, AffectFiles):
        return
    yield from _data(study)
    yield from _results(study)
    yield from _training(study)
    names = ("affect_metrics", "affect_report", "affect_training", "affect_augmentation")
    output = Table("affect_beside", "The AffectNet paper and ours", RESULTS)
    yield beside_paper(study, "affectnet", output, {name: study.table(name) for name in names})
    yield from _figures(study)


def _data(study: AffectFiles) -> Iterator[ReportStep | Table]:
    yield Table("affect_counts", "Images per class and what was dropped", DATA)
    yield ReportStep(
        name="affect_classes",
        call="ferflow.report.affect_data_figures:write_classes",
        inputs={"counts_csv": study.table("affect_counts")},
        outputs={"out": Figure("affect_classes", "Images per class", DATA)},
    )


def _results(study: AffectFiles) -> Iterator[ReportStep]:
    predictions = study.of_models("predictions.csv")
    yield ReportStep(
        name="affect_predictions",
        call="ferflow.evaluation.affect:collect",
        inputs={"predictions_csvs": predictions},
        outputs={"out": study.at(layout.PREDICTIONS)},
        rests_on=PREDICTIONS,
    )
    yield ReportStep(
        name="affect_metrics",
        call=f"{__name__}:metrics",
        sees=("evaluation", "seed"),
        memory=4000,
        minutes=60,
        inputs={"predictions_csvs": predictions},
        outputs={
            "metrics": study.at(layout.METRICS),
            "table": Table("affect_metrics"),
            "report": Table("affect_report", "Precision, recall and F1 per class", RESULTS),
            "confusion": Table("affect_confusion"),
        },
        rests_on=PREDICTIONS,
    )
    yield ReportStep(
        name="affect_tables",
        call=f"{__name__}:tables",
        inputs={"metrics_csv": study.table("affect_metrics")},
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
    )


def metrics(
    predictions_csvs: Sequence[str],
    evaluation: Evaluation,
    seed: int,
    out_metrics: str,
    out_table: str,
    out_report: str,
    out_confusion: str,
) -> None:
    """Metrics with intervals, the report of classes and the confusion matrices."""
    from ferflow.evaluation import affect

    made = {"affect_metrics": out_table, "affect_report": out_report, "affect_confusion": out_confusion}
    affect.evaluate(predictions_csvs, out_metrics, made, evaluation, seed)


def tables(metrics_csv: str, out_classification: str, out_regression: str, out_variants: str) -> None:
    """Tables 5 and 6 of the paper, and its losses beside others."""
    from ferflow.report import affect_tables

    affect_tables.halves(metrics_csv, out_classification, out_regression)
    affect_tables.variants(metrics_csv, out_variants)


def _augment(study: AffectFiles) -> dict | None:
    return plain(study.settings.affect.loading.augment)


def _training(study: AffectFiles) -> Iterator[ReportStep | Table]:
    yield ReportStep(
        name="affect_models",
        call="ferflow.report.affect_tables:networks",
        inputs={"about_csvs": study.of_models("about.csv")},
        outputs={"out": Table("affect_models", "The networks", TRAINED)},
    )
    yield Table("affect_speed", "Images a second: training step and loader", TRAINED)
    yield ReportStep(
        name="affect_training",
        call=f"{__name__}:training",
        given={"models": list(study.models), "augment": _augment(study)},
        inputs={
            "histories": study.of_models("history.csv"),
            "times": study.of_models("time.json"),
            "abouts": study.of_models("about.csv"),
        },
        outputs={
            "training": Table("affect_training", "Table 3: training", TRAINED),
            "augmentation": Table("affect_augmentation", "Table 4: augmentation", TRAINED),
        },
        rests_on=CURVES,
    )


def training(
    models: Sequence[str],
    histories: Sequence[str],
    times: Sequence[str],
    abouts: Sequence[str],
    augment: Mapping | None,
    out_training: str,
    out_augmentation: str,
) -> None:
    """Tables 3 and 4 of the paper."""
    from ferflow.report import affect_tables

    left = zip(histories, times, abouts, strict=True)
    trained = {model: affect_tables.Trained(*files) for model, files in zip(models, left, strict=True)}
    affect_tables.training(trained, out_training)
    affect_tables.augmentation(augment, out_augmentation)


def _figures(study: AffectFiles) -> Iterator[ReportStep]:
    def of_models(kind: str, title: str, part: str) -> list[Figure]:
        return [Figure(f"affect_{kind}-{name}", title.format(name), part) for name in study.models]

    yield ReportStep(
        name="figures_of_affect",
        call=f"{__name__}:figures",
        given={"models": list(study.models), "synthetic": study.synthetic},
        inputs={
            "histories": study.of_models("history.csv"),
            "confusion_csv": study.table("affect_confusion"),
            "report_csv": study.table("affect_report"),
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
        call=f"{__name__}:sheets",
        sees=("root=affect.dataset.path",),
        given={"models": list(study.models)},
        inputs={"watched": study.index, "predictions_csv": study.at(layout.PREDICTIONS)},
        outputs={
            "right": of_models("right", "Rightly classified by {}", IMAGES),
            "wrong": of_models("wrong", "Wrongly classified by {}", IMAGES),
        },
    )


def figures(
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
    """Training graphs (Figures 5, 6), confusion matrices (7, 8), the plane of valence and arousal."""
    from ferflow.report import affect_figures
    from ferflow.report.run import learning_curves

    n_classes, loss = len(EMOTIONS_CONTEMPT), "loss, as optimised"
    for number, model in enumerate(models):
        history = [histories[number]]
        learning_curves(history, out_learning[number], model, n_classes, synthetic, loss=loss)
        affect_figures.write_confusion(confusion_csv, report_csv, out_confusion[number], model)
        affect_figures.write_plane(predictions_csv, out_plane[number], model)


def sheets(
    models: Sequence[str],
    root: str,
    predictions_csv: str,
    out_right: Sequence[str],
    out_wrong: Sequence[str],
) -> None:
    """Images that each network classified rightly and wrongly (Figures 9 and 10)."""
    from ferflow.report import affect_sheets

    for number, model in enumerate(models):
        affect_sheets.write(predictions_csv, root, out_right[number], model, True)
        affect_sheets.write(predictions_csv, root, out_wrong[number], model, False)
