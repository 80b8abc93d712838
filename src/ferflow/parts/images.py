"""A study of single images: its networks and averages, their metrics, the compact paper's numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ferflow import layout
from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.parts import (
    IMAGES,
    PREDICTIONS,
    RESULTS,
    TRAINED,
    collected,
    compare_with_published,
    left_out,
)
from ferflow.settings import BEST
from ferflow.steps.files import ImageFiles, StudyFiles
from ferflow.steps.step import Figure, ReportStep, Table, as_params


def steps(study: StudyFiles) -> Iterator[ReportStep | Table]:
    if not isinstance(study, ImageFiles):
        return
    yield Table("image_counts", "Images per class: published and counted", IMAGES)
    yield ReportStep(
        name="figure_of_counts",
        call="ferflow.report.image_figures:write_counts",
        inputs={"table_csv": study.table("image_counts")},
        outputs={"out": Figure("counts", "Images per class and data set", IMAGES)},
    )
    if not study.models:
        return
    yield from _averages(study)
    yield _predictions(study)
    yield _metrics(study)
    yield from _networks(study)
    if not study.settings.stills.by_subject:  # the paper's numbers are of FER2013
        yield _compact(study)
    yield _figures(study)


def _averages(study: ImageFiles) -> Iterator[ReportStep]:
    for name, members in study.ensembles.items():
        yield ReportStep(
            name=f"ensemble_{name}",
            call="ferflow.evaluation.images:average_models",
            given={"name": name},
            inputs={
                "predictions_csvs": study.views("predictions.csv", *members),
                "copies_csvs": study.views("copies.csv", *members),
            },
            outputs=_average(study.at(layout.ENSEMBLE, ensemble=name)),
            rests_on=PREDICTIONS,
        )
    if not study.best:
        return
    yield ReportStep(
        name="best_choice",
        call="ferflow.evaluation.images:choose_models",
        given={"names": study.models, "best": as_params(study.settings.images.best)},
        inputs={"models": study.of_models("model.pt"), "predictions_csvs": study.views("predictions.csv")},
        outputs={"out": study.choice},
    )
    yield ReportStep(
        name="best_ensemble",
        call="ferflow.evaluation.images:average_chosen",
        given={"names": study.models},
        inputs={
            "choice_json": study.choice,
            "predictions_csvs": study.views("predictions.csv"),
            "copies_csvs": study.views("copies.csv"),
        },
        outputs=_average(study.best),
        rests_on=PREDICTIONS,
    )


def _average(folder: str) -> dict[str, str]:
    return {"predictions": f"{folder}/predictions.csv", "copies": f"{folder}/copies.csv"}


def _predictions(study: ImageFiles) -> ReportStep:
    files, manifest = study.judged("predictions.csv"), study.at(layout.MANIFEST)
    return collected(study, "image_predictions", files, EMOTIONS_NEUTRAL, manifest_csv=manifest)


def _metrics(study: ImageFiles) -> ReportStep:
    return ReportStep(
        name="image_metrics",
        call="ferflow.evaluation.run:evaluate",
        sees=("evaluation", "protocol", "seed"),
        given={"emotions": list(EMOTIONS_NEUTRAL)},
        minutes=60,
        inputs={
            "predictions_csvs": [study.at(layout.PREDICTIONS)],
            "copies_csvs": study.judged("copies.csv"),
            "manifest_csv": study.at(layout.MANIFEST),
        },
        outputs={
            "metrics": study.at(layout.METRICS),
            "results": Table("results"),
            "confusion": Table("confusion"),
            "class_report": Table("class_report", "Precision, recall and F1 per emotion", RESULTS),
            "copies": Table("copies", "Test images that a network has learnt from", IMAGES),
        },
        rests_on=PREDICTIONS,
    )


def _networks(study: ImageFiles) -> Iterator[ReportStep]:
    yield ReportStep(
        name="networks",
        call="ferflow.report.image_tables:networks",
        sees=("images",),
        given={"names": study.models, **study.failed()},
        inputs={
            "models": study.of_models("model.pt"),
            "histories": study.of_models("history.csv"),
            "times": study.of_models("time.json"),
        },
        outputs={"out": Table("networks", "The networks and their training", TRAINED)},
    )
    yield ReportStep(
        name="accuracies",
        call="ferflow.report.image_tables:accuracies",
        sees=("images",),
        given=study.failed(),
        inputs={
            "results_csv": study.table("results"),
            "networks_csv": study.table("networks"),
            "choice_json": study.choice if study.best else [],
        },
        outputs={"out": Table("accuracies", "Accuracy of the networks", RESULTS)},
        rests_on=PREDICTIONS,
    )


def _compact(study: ImageFiles) -> ReportStep:
    sources = {name: study.table(name) for name in ("accuracies", "networks", "image_counts")}
    # Where they are made by targets of their own, what is there is shown.
    swept = study.table("sweep")
    included = "sweep" in study.included and study.swept_runs
    sources["sweep"] = swept if included else study.there(swept)
    sources["speed"] = study.there(layout.SPEED)
    return compare_with_published(
        study, "compact", Table("compact", "The compact paper and ours", RESULTS), sources
    )


def _figures(study: ImageFiles) -> ReportStep:
    learnt = [name for name in study.models if study.recipe(name).weights is None]
    judged = [*study.models, *study.averaged]
    return ReportStep(
        name="figures_of_images",
        call=f"{__name__}:figures",
        sees=("protocol",),
        given={
            "learnt": learnt,
            "judged": judged,
            "confidence": study.settings.evaluation.confidence,
            "synthetic": study.synthetic,
        },
        inputs={
            "histories": study.each(f"{layout.SPATIAL}/history.csv", model=learnt),
            "confusion_csv": study.table("confusion"),
            "accuracies_csv": study.table("accuracies"),
        },
        outputs={
            "accuracies": Figure("networks", "Accuracy of the networks", RESULTS),
            "learning": [
                Figure(f"image_learning-{name}", f"Learning curves of {name}", TRAINED) for name in learnt
            ],
            "confusion": [
                Figure(f"image_confusion-{name}", f"Confusion matrix of {name}", RESULTS) for name in judged
            ],
        },
        left_out=left_out(study, {*study.settings.images.models, *study.settings.images.ensembles, BEST}),
    )


def figures(
    histories: Sequence[str],
    confusion_csv: str,
    accuracies_csv: str,
    learnt: Sequence[str],
    judged: Sequence[str],
    confidence: float,
    synthetic: bool,
    protocol: str,
    out_accuracies: str,
    out_learning: Sequence[str],
    out_confusion: Sequence[str],
) -> None:
    """Accuracy of the networks, learning curves of those that were trained, and confusion matrices."""
    from ferflow.report import image_figures, run

    n_classes = len(EMOTIONS_NEUTRAL)
    image_figures.write_accuracies(accuracies_csv, out_accuracies, confidence, n_classes)
    for model, history, out in zip(learnt, histories, out_learning, strict=True):
        run.learning_curves([history], out, model, n_classes, synthetic, protocol)
    for model, out in zip(judged, out_confusion, strict=True):
        run.confusion(confusion_csv, out, model, things="images")
