"""A study of clips: predictions, metrics, comparisons and mistaken clips."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ferflow import layout, tables
from ferflow.evaluation import detail
from ferflow.parts import IN_SHORT, PREDICTIONS, RESULTS, collected, left_out
from ferflow.report import opening
from ferflow.settings import Pictures
from ferflow.steps.files import ClipFiles, StudyFiles
from ferflow.steps.step import Figure, Folder, Page, ReportStep, Table

JUDGING = ("evaluation", "emotions", "protocol", "seed")
"""Sections of the settings that evaluation uses."""


def steps(study: StudyFiles) -> Iterator[ReportStep]:
    if not isinstance(study, ClipFiles):
        return
    if study.fused_predictions():
        yield _fusion(study)
    yield _predictions(study)
    yield _metrics(study)
    yield _figures(study)
    yield from _details(study)
    yield _opening(study)
    yield from _mistaken(study)


def several(study: ClipFiles) -> bool:
    """Whether there are several models to compare."""
    own = study.settings
    others = sum(own.baselines.models()[name] in own.baselines.compared() for name in study.baselines)
    others += own.fusion.found() if study.fuses else 0
    return len(study.models) + others + len(study.human_predictions()) > 1


def _fusion(study: ClipFiles) -> ReportStep:
    return ReportStep(
        name="fusion",
        call="ferflow.fusion.run:write_fusions",
        sees=("fusion", *JUDGING),
        given=study.failed(),
        inputs={
            "predictions_csvs": study.model_predictions() + study.baseline_predictions(),
            "manifest_csv": study.clips,
        },
        outputs={
            "predictions": study.fused_predictions()[0],
            "table": Table("fusion", "Fusion of models", RESULTS),
        },
        rests_on=PREDICTIONS,
    )


def _predictions(study: ClipFiles) -> ReportStep:
    files = [
        *study.model_predictions(),
        *study.baseline_predictions(),
        *study.control_predictions(),
        *study.human_predictions(),
    ]
    rests_on = "the predictions of folds, final models and annotators"
    classes = study.settings.emotions
    return collected(study, "predictions", files, classes, rests_on, manifest_csv=study.clips)


def lost_rows(study: ClipFiles, **more: str) -> list[Mapping[str, str]]:
    """A row for each model that is lost."""
    models = {*study.settings.fusible()}
    return [{"model": name, **more, "note": note} for name, note in study.lost.items() if name in models]


def _metrics(study: ClipFiles) -> ReportStep:
    protocols = ("test", "cv") if study.tested else ("cv",)
    title = (
        "Results on the test subjects and in cross-validation"
        if study.tested
        else "Results in cross-validation"
    )
    return ReportStep(
        name="metrics",
        call="ferflow.evaluation.run:evaluate",
        sees=JUDGING,
        inputs={"predictions_csvs": [study.at(layout.PREDICTIONS)], "manifest_csv": study.clips},
        outputs={
            "metrics": study.at(layout.METRICS),
            "results": Table("results", title, RESULTS),
            "confusion": Table("confusion"),
            "errors": Table("errors", "Clips that were mistaken, with all class scores", RESULTS),
            "class_report": Table("class_report", "Precision, recall and F1 per emotion", RESULTS),
        },
        rests_on=PREDICTIONS,
        lacks={
            "results": [
                row for name in protocols for row in lost_rows(study, protocol=name, metric="accuracy")
            ],
            "class_report": lost_rows(study, protocol=protocols[0]),
        },
    )


def _figures(study: ClipFiles) -> ReportStep:
    return ReportStep(
        name="figures_of_results",
        call=f"{__name__}:figures",
        given={"models": list(study.models.values())},
        inputs={
            "results_csv": study.table("results"),
            "confusion_csv": study.table("confusion"),
            "metrics_json": study.at(layout.METRICS),
        },
        outputs={
            "accuracy": Figure("accuracy", "Accuracy of all models", RESULTS),
            "confusions": Figure("confusions", "Confusion matrices of all models", RESULTS),
            "confusion": [
                Figure(f"confusion-{name}", f"Confusion matrix of {model}", RESULTS)
                for name, model in study.models.items()
            ],
        },
        left_out=left_out(study, study.settings.fusible()),
    )


def figures(
    results_csv: str,
    confusion_csv: str,
    metrics_json: str,
    models: Sequence[str],
    out_accuracy: str,
    out_confusions: str,
    out_confusion: Sequence[str],
) -> None:
    """Accuracy and confusion matrices, of all models together and of each."""
    from ferflow.report import run

    run.accuracy(results_csv, metrics_json, out_accuracy)
    run.confusions(confusion_csv, out_confusions)
    for model, path in zip(models, out_confusion, strict=True):
        run.confusion(confusion_csv, path, model)


def _details(study: ClipFiles) -> Iterator[ReportStep]:
    compared = several(study)
    yield ReportStep(
        name="details",
        call="ferflow.evaluation.detail:write_details",
        sees=("settings=calibration", *JUDGING),
        inputs={
            "predictions_csvs": [study.at(layout.PREDICTIONS), *study.fused_predictions()],
            "manifest_csv": study.clips,
        },
        outputs={
            name: Table(
                name,
                title if name != "comparisons" or compared else "",
                RESULTS,
                detail.SCHEMAS.get(name, ""),
            )
            for name, title in detail.TITLES.items()
        },
        rests_on=PREDICTIONS,
        lacks={
            "comparisons": [
                {"first": row["model"], "first_role": "model", "note": row["note"]}
                for row in lost_rows(study)
            ],
            **{name: lost_rows(study, protocol="") for name in ("calibration", "error_counts")},
        },
    )
    yield ReportStep(
        name="figures_of_details",
        call=f"{__name__}:figures_of_details",
        given={"confidence": study.settings.evaluation.confidence},
        inputs={
            "reliability": study.table("reliability"),
            "calibration": study.table("calibration"),
            "comparisons": study.table("comparisons"),
            "groups": study.table("results_by") if study.by else [],
            "confusion": study.table("confusion_with_annotators"),
        },
        outputs={
            "reliability": Figure("reliability", "Reliability of the models", RESULTS),
            "comparisons": Figure("comparisons", "Models against each other", RESULTS) if compared else [],
            "groups": Figure("groups", f"Accuracy by {', '.join(study.by)}", RESULTS) if study.by else [],
            "confusion": Figure(
                "annotators_confusion", "Confusion matrices of models and annotators", RESULTS
            ),
        },
        left_out=left_out(study, study.settings.fusible()),
    )


def figures_of_details(
    reliability: str,
    calibration: str,
    comparisons: str,
    groups: str | None,
    confusion: str,
    confidence: float,
    out_reliability: str,
    out_comparisons: str | None,
    out_groups: str | None,
    out_confusion: str,
) -> None:
    """Reliability, differences between models, accuracy by group, models and annotators."""
    from ferflow.report import by_group, run
    from ferflow.report import comparisons as compared
    from ferflow.report import reliability as drawn

    drawn.reliability(reliability, calibration, out_reliability, confidence)
    if out_comparisons:  # not where one model stands alone
        compared.differences(comparisons, out_comparisons, confidence)
    if groups and out_groups:
        by_group.by_group(groups, out_groups, confidence)
    run.confusions(confusion, out_confusion, annotators=True)


def _opening(study: ClipFiles) -> ReportStep:
    title = "Which model, how good, how sure, against humans, what it confuses"
    return ReportStep(
        name="opening",
        call="ferflow.report.opening:write",
        sees=("study",),
        given={"confidence": study.settings.evaluation.confidence, **study.failed()},
        inputs={"tables_csv": [study.table(name) for name in opening.TABLES]},
        outputs={"out": Page("opening.html", title, IN_SHORT, "opening")},
    )


def _mistaken(study: ClipFiles) -> Iterator[ReportStep]:
    settings, models = study.settings, list(study.models.values())
    errors = study.table("errors")
    yield ReportStep(
        name="figures_of_mistakes",
        call=f"{__name__}:mistaken_curves",
        given={"models": models, "judged": settings.splits.judged, "threshold": settings.trim.threshold},
        inputs={
            "errors": errors,
            "aus": study.of_subjects(layout.AUS),
            "trim_csv": study.trim,
            "manifest_csv": study.clips,
        },
        outputs={
            "figures": [
                Figure(f"mistaken-{name}", f"AU curves of the clips that {model} mistook", RESULTS)
                for name, model in study.models.items()
            ]
        },
    )
    yield ReportStep(
        name="strips",
        call=f"{__name__}:strips",
        sees=("pictures",),
        given={"models": models, "judged": settings.splits.judged},
        inputs={
            "errors": errors,
            "faces": study.of_subjects(layout.FACES),
            "trim_csv": study.trim,
            "manifest_csv": study.clips,
        },
        outputs={"out": Folder(study.at(layout.STRIPS))},
    )
    pages = [
        Page(
            f"mislabelled-{name}{suffix}",
            f"Clips that {model} mistook" if suffix == ".html" else "",
            RESULTS,
            "mislabelled",
            "table",
        )
        for name, model in study.models.items()
        for suffix in (".html", ".md", ".tex")
    ]
    yield ReportStep(
        name="error_tables",
        call=f"{__name__}:error_tables",
        given={"models": models, "judged": settings.splits.judged},
        inputs={"errors": errors, "strips": study.at(layout.STRIPS)},
        outputs={"pages": pages},
        rests_on=PREDICTIONS,
    )


def mistaken_curves(
    errors: str,
    aus: Sequence[str],
    trim_csv: str,
    manifest_csv: str,
    models: Sequence[str],
    judged: str,
    threshold: float,
    out_figures: Sequence[str],
) -> None:
    """Action units of the clips that a model got wrong."""
    from ferflow.explain.mistaken import write_mistaken

    for model, out in zip(models, out_figures, strict=True):
        write_mistaken(errors, aus, trim_csv, manifest_csv, out, model, threshold, judged)


def strips(
    errors: str,
    faces: Sequence[str],
    trim_csv: str,
    manifest_csv: str,
    models: Sequence[str],
    judged: str,
    pictures: Pictures,
    out: str,
    announce,
) -> None:
    """A strip of faces of every judged clip that any model got wrong, for the tables of errors."""
    from ferflow.explain.mistaken import strips_of

    n = strips_of(errors, faces, trim_csv, manifest_csv, out, models, pictures, judged)
    announce(f"{n} strips of mistaken clips")


def error_tables(
    errors: str, strips: str, models: Sequence[str], judged: str, out_pages: Sequence[str], out_folder: Path
) -> None:
    """The thesis's Figure 3.29 for each model: mislabelled clips with all scores."""
    from ferflow.explain.strips import links
    from ferflow.parts import shared_out
    from ferflow.report.table_list import render_errors

    clips = tables.read(errors, "errors")["clip_id"].unique()
    pictures = links(strips, clips, out_folder)
    for model, outputs in shared_out(models, out_pages).items():
        render_errors(errors, model, outputs, judged, pictures)
