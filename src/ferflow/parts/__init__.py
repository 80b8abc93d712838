"""The parts of a report: each module here says which tables and figures a study has, and how they are made.

`steps(study)` of a module yields the steps that make them, and tables that a step with a rule of its own
makes. A table more is a module more: nothing else lists them.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from typing import TypeVar

from ferflow import layout
from ferflow.report import papers
from ferflow.report.names import model_label
from ferflow.steps import run
from ferflow.steps.files import StudyFiles
from ferflow.steps.step import Page, ReportStep, Table

T = TypeVar("T")
IN_SHORT = "0 In short"
RESULTS = "1 Results"
CROSS_VALIDATION = "2 Cross-validation"
TRAINED = "2 Networks"
FACES = "3 Faces and trimming"
IMAGES = "3 Images"
SPATIAL = "4 Spatial model"
OPTIMISERS = "4 Optimisers and schedules"
DATA = "4 Data"
NETWORKS = "5 Networks"
HUMANS = "5 Humans"
PUBLISHED = "6 Published beside reproduced"
EXPERIMENTS = "7 Experiments"
PREDICTIONS = "the predictions"
ANSWERS = "the annotators' answers"
CURVES = "training curves"
TABLE = "its table"
"""Of what `ferflow verify` makes a table again."""


def shared_out(names: Sequence[T], paths: Sequence[str]) -> dict[T, list[str]]:
    """`paths`, as many for each of `names` as for another and in their order, by these names."""
    count = len(paths) // max(1, len(names))
    return {name: list(paths[number * count :][:count]) for number, name in enumerate(names)}


def left_out(study: StudyFiles, names: Iterable[str] | None = None) -> str:
    """The models or runs that are lost, of those in `names`, for the headings of figures."""
    lost = [name for name in study.lost if names is None or name in names]
    return ", ".join(f"{model_label(name)} ({study.lost[name]})" for name in lost)


def compare_with_published(
    study: StudyFiles,
    paper: str,
    output: Table,
    sources: Mapping[str, str | Sequence[str]],
    rests_on: str = PREDICTIONS,
) -> ReportStep:
    """Compare each number of `papers/<paper>.yaml` with the study's; `sources` are its tables of `reads`."""
    several = {name: [paths] if isinstance(paths, str) else paths for name, paths in sources.items()}
    named = [(name, path) for name, paths in several.items() for path in paths]
    return ReportStep(
        name=output.name,
        call="ferflow.report.reference:write",
        given={
            "paper": paper,
            "sources": [name for name, _ in named],
            "dataset": study.dataset,
            **study.failed(),
        },
        inputs={"tables_csv": [path for _, path in named]},
        outputs={"out": replace(output, schema="reference")},
        rests_on=rests_on,
    )


def collected(
    study: StudyFiles,
    name: str,
    predictions: Sequence[str],
    classes: Sequence[str],
    rests_on: str = PREDICTIONS,
    **manifest: str,
) -> ReportStep:
    """The step `name` that writes all predictions of a study; `manifest` may give `manifest_csv`."""
    return ReportStep(
        name=name,
        call="ferflow.evaluation.run:collect",
        given={"emotions": list(classes)},
        inputs={"predictions_csvs": list(predictions), **manifest},
        outputs={"out": study.at(layout.PREDICTIONS)},
        rests_on=rests_on,
    )


def report_steps(study: StudyFiles) -> list[ReportStep]:
    """All steps of the study's report. The last render its tables and keep its settings."""
    modules = sorted(module.name for module in pkgutil.iter_modules(__path__))
    parts = [one for name in modules for one in import_module(f"{__name__}.{name}").steps(study)]
    parts += _of_paper(study, _tables(parts))
    if study.unmade:
        parts = [*possible(study, parts), _failed(study)]
    steps = [one for one in parts if isinstance(one, ReportStep)]
    return [*steps, *_last(study, [table for table in _tables(parts) if table.title])]


RESULTS_OF_RUNS = (
    "predictions_csvs",
    "histories",
    "run_jsons",
    "tested_csvs",
    "choices_json",
    "info_csvs",
    "models",
)
"""Inputs of steps: files of every model or run, without any of which there is nothing to show."""


def possible(study: StudyFiles, parts: Sequence[ReportStep | Table]) -> list[ReportStep | Table]:
    """Those of `parts` that can be made where jobs failed.

    Tables of which nothing is left but rows of what failed are made by one step more.
    """
    lacking, kept, bare = set[str](), list(parts), list[ReportStep]()

    def can_be_made(one: ReportStep | Table) -> bool:
        if isinstance(one, Table):
            return study.path(one) not in study.unmade
        inputs = list(run.flat(one.inputs.values()))
        outputs = [study.path(output) for output in one.each_output()]
        empty = any(list(one.inputs.get(name, ["-"])) == [] for name in RESULTS_OF_RUNS)
        return not empty and not any(path in study.unmade or path in lacking for path in (*inputs, *outputs))

    while gone := [one for one in kept if not can_be_made(one)]:
        kept = [one for one in kept if one not in gone]
        bare += [one for one in gone if isinstance(one, ReportStep) and any(one.lacks.values())]
        lacking |= {
            study.path(out) for one in gone if isinstance(one, ReportStep) for out in one.each_output()
        }
    return [*kept, *([_bare_tables(bare)] if bare else [])]


def _bare_tables(steps: Sequence[ReportStep]) -> ReportStep:
    """The tables of `steps` with nothing but rows of what failed."""
    rows = {step.outputs[name]: lost for step in steps for name, lost in step.lacks.items() if lost}
    return ReportStep(
        name=BARE_TABLES,
        call="ferflow.report.tables:bare",
        given={"schemas": {table.name: table.schema or table.name for table in rows}},
        inputs={},
        outputs={table.name: table for table in rows},
        lacks={table.name: lost for table, lost in rows.items()},
    )


BARE_TABLES = "bare_tables"
FAILED_JOBS = "failed_jobs"
"""The table of jobs that failed, and the step that makes it."""


def _failed(study: StudyFiles) -> ReportStep:
    jobs = [
        {"job": one.name, "reason": one.reason, "needed_by": len(one.needing)} for one in study.unmade.jobs
    ]
    return ReportStep(
        name=FAILED_JOBS,
        call="ferflow.report.tables:failed_jobs",
        given={"jobs": jobs},
        inputs={},
        outputs={
            "out": Table("failed_jobs", "Jobs that failed: what needs them is not in this report", RESULTS)
        },
    )


def _tables(parts: Sequence[ReportStep | Table]) -> list[Table]:
    outputs = [one.each_output() if isinstance(one, ReportStep) else [one] for one in parts]
    return [table for several in outputs for table in several if isinstance(table, Table)]


def _of_paper(study: StudyFiles, tables: Sequence[Table]) -> Iterator[ReportStep]:
    """The comparison with the paper that the study names."""
    if name := study.settings.paper:
        made = {table.name for table in tables}
        sources = study.tables(*(one for one in papers.paper(name).reads if one in made))
        yield compare_with_published(
            study, name, Table("paper", "The paper's numbers and ours", RESULTS), sources
        )


def _last(study: StudyFiles, tables: list[Table]) -> Iterator[ReportStep]:
    settings = study.settings
    shown = {table.name: (table.schema or table.name, table.title) for table in tables}
    caption = {"clips": "table"}.get(settings.kind, f"{settings.kind.removesuffix('s')}_table")
    # One job for all of them, since each takes less time than a process needs to start.
    yield ReportStep(
        name="render_tables",
        call="ferflow.report.table_list:render_all",
        given={"shown": shown, "synthetic": study.synthetic, "confidence": settings.evaluation.confidence},
        inputs={"tables_csv": [study.path(table) for table in tables]},
        outputs={
            "html": [Page(f"{one.name}.html", one.title, one.part, caption, "table") for one in tables],
            "md": [Page(f"{one.name}.md") for one in tables],
            "tex": [Page(f"{one.name}.tex") for one in tables],
        },
        rests_on=TABLE,
    )
    yield ReportStep(
        name="record",
        call="ferflow.report.table_list:record",
        given={"settings": study.recorded(), "shown": shown, "synthetic": study.synthetic},
        inputs={},
        outputs={"settings": study.at(layout.SETTINGS), "shown": study.at(layout.REPORT_TABLES)},
    )
