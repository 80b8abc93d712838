"""The sweep over optimisers and schedules of a study of single images: a target of its own."""

from __future__ import annotations

from collections.abc import Iterator

from ferflow import layout
from ferflow.parts import OPTIMISERS, left_out
from ferflow.steps.files import ImageFiles, StudyFiles
from ferflow.steps.step import Figure, Page, ReportStep, Table


def steps(study: StudyFiles) -> Iterator[ReportStep]:
    if not isinstance(study, ImageFiles):
        return
    title = "Optimisers and schedules: published and ours"
    lost = [
        {"stage": run.stage, "run": name, "schedule": run.schedule, "note": study.lost[name]}
        | ({"optimiser": run.optimiser} if run.optimiser else {})
        for name, run in study.sweep_runs.items()
        if name in study.lost
    ]
    best = study.each(layout.SWEEP_BEST, stage=("optimiser", "schedule"))
    yield ReportStep(
        name="sweep_table",
        call="ferflow.report.sweep:write_table",
        target="sweep",
        given={"failed": lost} if lost else {},
        inputs={
            "run_jsons": study.can_be_made(study.swept("run.json")),
            "best_jsons": study.can_be_made(best),
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
        given={"names": study.swept_runs},
        inputs={
            "sweep_csv": study.table("sweep"),
            "histories": study.each(f"{layout.SWEEP}/history.csv", run=study.swept_runs),
        },
        outputs={"out": Figure("sweep", "Optimisers and schedules by epoch", OPTIMISERS)},
        left_out=left_out(study, study.sweep_runs),
    )
