"""A study of clips compared with the thesis (Cao 2022)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ferflow import layout, tables
from ferflow.parts import PREDICTIONS, PUBLISHED, RESULTS
from ferflow.report import papers, thesis
from ferflow.settings import C3dSettings, Evaluation, HeadSettings
from ferflow.steps.files import ClipFiles, StudyFiles
from ferflow.steps.step import ReportStep, Table, as_params

STILLS = {"image_counts": "stills_counts"}
"""What papers/thesis.yaml calls the counts of the images that the network for single images learns from."""


def steps(study: StudyFiles) -> Iterator[ReportStep]:
    # Numbers of the thesis's six classes say nothing beside those of others.
    if not isinstance(study, ClipFiles):
        return
    settings = study.settings
    # In what the study's are other networks than the thesis's, whose numbers stand beside theirs.
    others = thesis.others(settings)
    yield ReportStep(
        name="published_comparison",
        call="ferflow.report.reference:write_best_models",
        given={"dataset": settings.dataset.name, "others": others, **study.failed()},
        inputs={"results_csv": study.table("results"), "splits_json": study.splits},
        outputs={
            "out": Table(
                "published_comparison",
                "Published and reproduced" if settings.thesis_classes() else "",
                RESULTS,
            )
        },
        rests_on=PREDICTIONS,
    )
    if not settings.thesis_classes():
        return
    sources = _sources(study)
    if settings.trains_spatial():
        yield ReportStep(
            name="stills_counts",
            call=f"{__name__}:count_stills",
            given={"synthetic": study.synthetic_stills},
            inputs={"stills": settings.stills.path},
            outputs={"out": Table("stills_counts", schema="image_counts")},
        )
    yield ReportStep(
        name="thesis_comparison",
        call=f"{__name__}:compare",
        sees=("evaluation", "emotions", "seed"),
        given={
            "sources": sources,
            "heads": as_params(settings.temporal.heads),
            "c3d": as_params(settings.end_to_end.c3d),
            "dataset": settings.dataset.name,
            "network": settings.spatial.network,
            "others": others,
            **study.failed(),
            "stills": settings.stills.source,
            "synthetic_stills": study.synthetic_stills,
            "experiments": {
                item: run
                for item, run in settings.experiments.published.items()
                if run in study.runs or run in study.lost
            },
        },
        inputs={
            "tables_csv": [study.table(STILLS.get(name, name)) for name in sources],
            "predictions_csv": study.at(layout.PREDICTIONS),
            "manifest_csv": study.clips,
            "splits_json": study.splits,
            "spatial_csv": f"{study.spatial}/predictions.csv" if study.trains_spatial else [],
        },
        outputs={
            name: Table(name, title, PUBLISHED, "reference") for name, title in papers.files("thesis").items()
        },
        rests_on=PREDICTIONS,
    )


def _sources(study: ClipFiles) -> list[str]:
    """The tables of papers/thesis.yaml that the study has."""
    found = ["results", "trimming", "cv_epochs", "early_stopping", "error_counts"]
    found += ["fusion"] if study.fused_predictions() else []
    found += ["spatial_results"] if study.trains_spatial else []
    found += [*STILLS] if study.settings.trains_spatial() else []
    found += ["finetuned"] if study.finetuned else []
    found += ["human_summary"] if study.humans else []
    return found + (["experiment_results", "experiment_epochs"] if study.comparisons else [])


def count_stills(stills: str, synthetic: bool, out: str) -> None:
    """The images that the network for single images learns from, by class and part (thesis, Table 3.3)."""
    from ferflow.report import image_counts

    tables.write(image_counts.of_stills(stills, synthetic), out, "image_counts")


def compare(
    sources: Sequence[str],
    tables_csv: Sequence[str],
    predictions_csv: str,
    manifest_csv: str,
    splits_json: str,
    spatial_csv: str | None,
    heads: Mapping[str, HeadSettings],
    c3d: C3dSettings,
    dataset: str,
    network: str,
    others: Mapping[str, str],
    stills: str,
    synthetic_stills: bool,
    experiments: Mapping[str, str],
    evaluation: Evaluation,
    emotions: Sequence[str],
    seed: int,
    out_folder: Path,
    failed: Mapping[str, str] | None = None,
) -> None:
    """Compare every number of the thesis with the study's, or give the reason why there is none."""
    from ferflow.report import reference
    from ferflow.training import splits

    ours = thesis.load(
        sources,
        tables_csv,
        predictions_csv,
        manifest_csv,
        emotions,
        spatial_csv,
        synthetic_stills,
        dataset=dataset,
        stills=stills,
        evaluation=evaluation,
        seed=seed,
        spatial=network,
        others=others,
        experiments=experiments,
        absent=splits.notes(splits_json),
        failed=failed or {},
        parameters=thesis.counts(heads.get("lstm"), c3d),
    )
    reference.write_each("thesis", ours, out_folder)
