"""The sweep over optimisers and schedules of a study of single images: a target of its own."""

from __future__ import annotations

from collections.abc import Iterator

from ferflow import layout
from ferflow.parts import OPTIMISERS
from ferflow.steps.files import ImageFiles, StudyFiles
from ferflow.steps.step import Figure, Page, ReportStep, Table


def steps(study: StudyFiles) -> Iterator[ReportStep]:
    if not isinstance(study, ImageFiles):
        return
    title = "Optimisers and schedules: published and ours"
    yield ReportStep(
        name="sweep_table",
        call="ferflow.report.sweep:write_table",
        target="sweep",
        inputs={
            "run_jsons": study.swept("run.json"),
            "best_jsons": study.each(layout.SWEEP_BEST, stage=("optimiser", "schedule")),
        },
        outputs={
            "table": Table("sweep"),
            "pages": [
                Page("sweep.html", title, OPTIMISERS, "image_table", "table"),
                Page("sweep.md"),
                Page("sweep.tex"),
            ],
        },
    )
    yield ReportStep(
        name="sweep_figure",
        call="ferflow.report.sweep:write_figure",
        target="sweep",
        given={"names": list(study.sweep_runs)},
        inputs={"sweep_csv": study.table("sweep"), "histories": study.swept("history.csv")},
        outputs={"out": Figure("sweep", "Optimisers and schedules by epoch", OPTIMISERS)},
    )
