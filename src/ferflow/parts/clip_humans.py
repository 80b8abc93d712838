"""A study of clips: human annotators."""

from __future__ import annotations

from collections.abc import Iterator

from ferflow import layout
from ferflow.parts import ANSWERS, HUMANS
from ferflow.steps.files import ClipFiles, StudyFiles
from ferflow.steps.step import Figure, ReportStep, Table


def steps(study: StudyFiles) -> Iterator[ReportStep]:
    if not isinstance(study, ClipFiles) or not study.humans:
        return
    folder = study.at(layout.HUMANS)
    # Vote counts do not name annotators.
    named = study.humans in ("annotations", "simulated")
    shown = {
        "human_summary": Table("human_summary", "The human baseline", HUMANS),
        "human_clips": Table("human_clips", "What the annotators said of each clip", HUMANS),
        "human_mistaken": Table("human_mistaken", "What mistaken clips were taken for", HUMANS),
        "human_confusion": Table(
            "human_confusion", "All answers by the label of the clip", HUMANS, "confusion"
        ),
    }
    if named:
        shown["human_accuracy"] = Table("human_accuracy", "Accuracy of each annotator", HUMANS)
    yield ReportStep(
        name="humans",
        call="ferflow.humans.run:write",
        sees=("evaluation", "emotions", "seed"),
        given={"source": study.humans, "mistaken": study.settings.humans.mistaken},
        inputs={
            "answers": study.human_answers(),
            "all_clips_csv": study.at(layout.MANIFEST),
            "manifest_csv": study.clips,
            "splits_json": study.splits,
        },
        outputs={
            "majority": study.human_predictions()[0],
            "annotators": f"{folder}/annotators.csv" if named else [],
            **shown,
        },
        rests_on=ANSWERS,
    )
    yield ReportStep(
        name="figures_of_humans",
        call=f"{__name__}:figures",
        given={
            "mistaken": study.settings.humans.mistaken,
            "confidence": study.settings.evaluation.confidence,
        },
        inputs={
            "clips": study.table("human_clips"),
            "taken_for": study.table("human_mistaken"),
            "summary": study.table("human_summary"),
            "accuracy": study.table("human_accuracy") if named else [],
        },
        outputs={
            "boxes": Figure("human_boxes", "Human answers that agree with the label", HUMANS),
            "mistaken": Figure("human_mistaken", "What mistaken clips were taken for", HUMANS),
            "annotators": Figure("human_annotators", "Accuracy of the annotators", HUMANS) if named else [],
        },
    )


def figures(
    clips: str,
    taken_for: str,
    summary: str,
    accuracy: str | None,
    mistaken: float,
    confidence: float,
    out_boxes: str,
    out_mistaken: str,
    out_annotators: str | None,
) -> None:
    """Answers that agree with the label, what mistaken clips were taken for, each annotator's accuracy."""
    from ferflow.report import humans

    humans.write_boxes(clips, accuracy, summary, out_boxes, confidence)
    humans.write_mistaken(taken_for, out_mistaken, mistaken)
    if accuracy and out_annotators:
        humans.write_annotators(accuracy, summary, out_annotators, confidence)
