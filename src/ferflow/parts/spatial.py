"""The network for single images of a study of clips, and fine-tuned networks of any study."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ferflow import layout
from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.parts import PREDICTIONS, SPATIAL, TRAINED
from ferflow.steps.files import ClipFiles, ImageFiles, StudyFiles
from ferflow.steps.step import Figure, ReportStep, Table


def steps(study: StudyFiles) -> Iterator[ReportStep | Table]:
    if isinstance(study, ClipFiles) and study.trains_spatial:
        yield from _trained(study)
    if study.finetuned:
        yield from _finetuned(study)


def _trained(study: ClipFiles) -> Iterator[ReportStep]:
    marks = {"synthetic": study.synthetic_stills}
    yield ReportStep(
        name="spatial_metrics",
        call="ferflow.evaluation.run:evaluate",
        sees=("evaluation", "protocol", "seed"),
        given={"emotions": list(EMOTIONS_NEUTRAL), **marks},
        # There is no manifest of the stills.
        inputs={"predictions_csvs": [f"{study.spatial}/predictions.csv"], "manifest_csv": []},
        outputs={
            "metrics": f"{study.spatial}/metrics.json",
            "results": Table("spatial_results", schema="results"),
            "confusion": Table("spatial_confusion", schema="confusion"),
            "errors": Table("spatial_errors", schema="errors"),
            "class_report": Table(
                "spatial_class_report", "Spatial model: precision, recall and F1", SPATIAL, "class_report"
            ),
        },
        rests_on=PREDICTIONS,
    )
    yield ReportStep(
        name="figures_of_spatial",
        call=f"{__name__}:figures",
        sees=("protocol",),
        given={"model": study.settings.spatial.network, **marks},
        inputs={"history": f"{study.spatial}/history.csv", "confusion": study.table("spatial_confusion")},
        outputs={
            "history": Figure("spatial_learning", "Learning curves of the spatial model", SPATIAL),
            "confusion": Figure("spatial_confusion", "Confusion matrix of the spatial model", SPATIAL),
        },
    )


def figures(
    history: str,
    confusion: str,
    model: str,
    synthetic: bool,
    protocol: str,
    out_history: str,
    out_confusion: str,
) -> None:
    """Its learning curves and its confusion matrix."""
    from ferflow.report import run

    run.learning_curves([history], out_history, model, len(EMOTIONS_NEUTRAL), synthetic, protocol)
    run.confusion(confusion, out_confusion, model, things="images")


def _finetuned(study: StudyFiles) -> Iterator[ReportStep | Table]:
    part = SPATIAL if isinstance(study, ClipFiles) else TRAINED
    names = study.finetuned
    folders = [study.at(layout.SPATIAL, model=name) for name in names]
    models = study.settings.images.models if isinstance(study, ImageFiles) else {}
    lost = {model.recipe().network: study.lost[name] for name, model in models.items() if name in study.lost}
    for name in names:
        yield Table(f"trials-{name}", f"Classifiers tried on the frozen {name}", part, "trials")
    yield ReportStep(
        name="figures_of_finetune",
        call=f"{__name__}:finetuning",
        sees=("protocol",),
        given={
            "networks": [study.networks_for_images[name][0].network for name in names],
            "synthetic": study.synthetic_stills,
        },
        inputs={
            "trials": [study.table(f"trials-{name}") for name in names],
            "phases": [f"{folder}/phases.csv" for folder in folders],
        },
        outputs={
            "trials": [
                Figure(f"trials-{name}", f"Search of the classifier of {name}", part) for name in names
            ],
            "phases": [Figure(f"phases-{name}", f"Phases of fine-tuning {name}", part) for name in names],
        },
    )
    yield ReportStep(
        name="finetuned",
        call=f"{__name__}:finetuned",
        sees=("protocol",),
        given={"names": names, **({"failed": lost} if lost else {})},
        inputs={
            "models": [f"{folder}/model.pt" for folder in folders],
            "predictions": [f"{folder}/predictions.csv" for folder in folders],
        },
        outputs={"out": Table("finetuned", "Fine-tuned networks: published and ours", part)},
    )


def finetuning(
    networks: Sequence[str],
    trials: Sequence[str],
    phases: Sequence[str],
    synthetic: bool,
    protocol: str,
    out_trials: Sequence[str],
    out_phases: Sequence[str],
) -> None:
    """The search of each network's classifier, and the phases that follow it."""
    from ferflow.report import finetune, searches

    for number, network in enumerate(networks):
        searches.classifier(trials[number], out_trials[number], network)
        finetune.phases(phases[number], out_phases[number], network, synthetic, protocol)


def finetuned(
    names: Sequence[str],
    models: Sequence[str],
    predictions: Sequence[str],
    protocol: str,
    out: str,
    failed: Mapping[str, str] | None = None,
) -> None:
    """The thesis's Table 3.4 and the study's."""
    from ferflow.report.finetune import write_finetuned

    write_finetuned(
        dict(zip(names, zip(models, predictions, strict=True), strict=True)), out, protocol, failed
    )
