"""A study of clips: the training of its models, and explanations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ferflow import layout
from ferflow.parts import CROSS_VALIDATION, CURVES, EXPERIMENTS, NETWORKS, PREDICTIONS, shared_out
from ferflow.parts.clip_data import example_clip, example_files
from ferflow.parts.clip_results import JUDGING, lost_rows
from ferflow.settings import Comparison, Evaluation, Pictures, Range
from ferflow.steps.files import ClipFiles, StudyFiles
from ferflow.steps.step import Figure, ReportStep, Table, as_params


def steps(study: StudyFiles) -> Iterator[ReportStep | Table]:
    if not isinstance(study, ClipFiles):
        return
    yield from _training(study)
    if study.tested:
        yield _fold_models(study)
    if study.settings.splits.compared:
        yield _split_kinds(study)
    if study.settings.nested.heads:
        yield _nested(study)
    if study.settings.experiments.chosen():
        yield _experiments(study)
    for head in dict.fromkeys(study.settings.search.run):
        title = f"Settings of {study.settings.models()[head]} tried over cross-validation"
        yield Table(f"search-{head}", title, CROSS_VALIDATION, "head_trials")
        yield _search(study, head)
    yield from _explained(study)


def _training(study: ClipFiles) -> Iterator[ReportStep]:
    marks = {"synthetic": study.synthetic}
    yield ReportStep(
        name="tables_of_training",
        call=f"{__name__}:tables",
        sees=("protocol",),
        given={"models": list(study.models.values()), **marks},
        inputs={
            "histories": study.of_folds("history.csv"),
            "early": study.of_folds("early_history.csv"),
            "final": study.of_finals("history.csv"),
        },
        outputs={
            "early_stopping": Table(
                "early_stopping", "Epochs at which the folds were best", CROSS_VALIDATION
            ),
            "cv_epochs": Table("cv_epochs"),
        },
        rests_on=CURVES,
        lacks={"early_stopping": lost_rows(study)},
    )
    yield ReportStep(
        name="figures_of_training",
        call=f"{__name__}:learning_curves",
        sees=("protocol",),
        given={"models": list(study.models.values()), "n_classes": len(study.settings.emotions), **marks},
        inputs={"histories": study.of_folds("history.csv")},
        outputs={
            "figures": [
                Figure(f"learning-{name}", f"Learning curves of {model}", CROSS_VALIDATION)
                for name, model in study.models.items()
            ]
        },
    )
    yield ReportStep(
        name="layers",
        call="ferflow.report.tables:layers",
        given={"frames": study.settings.features.max_frames},
        inputs={"models": study.of_finals("model.pt")},
        outputs={"out": Table("layers", "The networks layer by layer", NETWORKS)},
    )


def tables(
    models: Sequence[str],
    histories: Sequence[str],
    early: Sequence[str],
    final: Sequence[str],
    synthetic: bool,
    protocol: str,
    out_early_stopping: str,
    out_cv_epochs: str,
) -> None:
    """The epochs at which folds were best, and the curves of cross-validation."""
    from ferflow.report import tables

    last = dict(zip(models, final, strict=True))
    tables.early_stopping(shared_out(models, early), out_early_stopping, synthetic, last, protocol)
    tables.cv_epochs(shared_out(models, histories), out_cv_epochs, synthetic, protocol)


def learning_curves(
    models: Sequence[str],
    histories: Sequence[str],
    n_classes: int,
    synthetic: bool,
    protocol: str,
    out_figures: Sequence[str],
) -> None:
    """Learning curves of each model."""
    from ferflow.report import run

    for (model, own), out in zip(shared_out(models, histories).items(), out_figures, strict=True):
        run.learning_curves(own, out, model, n_classes, synthetic, protocol)


def _fold_models(study: ClipFiles) -> ReportStep:
    title = "The mean of the folds' best models beside the final one"
    return ReportStep(
        name="fold_models",
        call="ferflow.evaluation.fold_models:write",
        sees=("settings=evaluation", "emotions", "protocol", "seed"),
        inputs={
            "tested_csvs": study.of_folds("fold_test_predictions.csv"),
            "predictions_csv": study.at(layout.PREDICTIONS),
            "manifest_csv": study.clips,
        },
        outputs={"out": Table("fold_models", title, CROSS_VALIDATION)},
        rests_on=PREDICTIONS,
        lacks={"out": lost_rows(study)},
    )


def _split_kinds(study: ClipFiles) -> ReportStep:
    splits = study.settings.splits
    lost = {head: study.why_lost(head) for head in dict.fromkeys(splits.compared)} | study.split_lost()
    notes = {head: note for head, note in lost.items() if note}
    title = "Cross-validation in folds of one sex and of both"
    return ReportStep(
        name="split_kinds",
        call=f"{__name__}:split_kinds",
        sees=JUDGING,
        given={"models": study.split_heads, "schemes": [splits.scheme, splits.other()]},
        inputs={
            "histories": study.of_schemes("history.csv"),
            "predictions": study.of_schemes("predictions.csv"),
            "manifest_csv": study.clips,
        },
        outputs={
            "table": Table("split_kinds", title, CROSS_VALIDATION),
            "figure": Figure("split_kinds", "Folds of one sex and of both", CROSS_VALIDATION),
        },
        rests_on=PREDICTIONS,
        lacks={"table": [{"model": head, "note": note} for head, note in notes.items()]},
        left_out=", ".join(f"{head} ({note})" for head, note in notes.items()),
    )


def split_kinds(
    models: Sequence[str],
    schemes: Sequence[str],
    histories: Sequence[str],
    predictions: Sequence[str],
    manifest_csv: str,
    evaluation: Evaluation,
    emotions: Sequence[str],
    protocol: str,
    seed: int,
    out_table: str,
    out_figure: str,
) -> None:
    """The same heads in folds of one sex and of both."""
    from ferflow.evaluation import split_kinds as measured
    from ferflow.report import split_kinds as drawn

    pairs = [(model, scheme) for model in models for scheme in schemes]
    predicted, curves = shared_out(pairs, predictions), shared_out(pairs, histories)
    measured.write(predicted, curves, manifest_csv, out_table, evaluation, seed, emotions, protocol)
    drawn.figure(out_table, out_figure, 1 / len(emotions), evaluation.confidence)


def _nested(study: ClipFiles) -> ReportStep:
    nested = study.settings.nested
    folds = {"head": study.nested_heads, "outer": range(nested.outer)}
    inner = "Candidates on the inner folds of nested cross-validation"
    return ReportStep(
        name="nested_tables",
        call="ferflow.training.nested:write_table",
        sees=JUDGING,
        inputs={
            "choices_json": study.each(f"{layout.NESTED_OUTER}/choice.json", **folds),
            "inner_csvs": study.each(f"{layout.NESTED_OUTER}/inner.csv", **folds),
            "predictions_csvs": study.each(f"{layout.NESTED_OUTER}/predictions.csv", **folds),
            "manifest_csv": study.clips,
        },
        outputs={
            "nested": Table("nested", "Nested cross-validation", CROSS_VALIDATION),
            "inner": Table("nested_inner", inner, CROSS_VALIDATION),
        },
        rests_on=PREDICTIONS,
        lacks={
            "nested": [
                {"model": study.settings.models()[head], "note": note}
                for head, note in study.nested_lost().items()
            ]
        },
    )


def _experiments(study: ClipFiles) -> ReportStep:
    compared = list(dict.fromkeys(run for one in study.comparisons.values() for run in one.runs))
    listed = {  # (comparison, run): why the run is missing
        (one.title, run): note
        for one in study.settings.experiments.chosen().values()
        for run in one.runs
        if (note := study.why_lost(run))
    }
    return ReportStep(
        name="experiments",
        call=f"{__name__}:experiments",
        sees=JUDGING,
        given={
            "compared": compared,
            "comparisons": {name: as_params(one) for name, one in study.comparisons.items()},
            "changes": {name: study.settings.told(name) for name in study.runs},
            "synthetic": study.synthetic,
            **({"lost": {title: _of_title(listed, title) for title, _ in listed}} if listed else {}),
        },
        inputs={
            "histories": [path for name in compared for path in study.of_run(name, "history.csv")],
            "predictions": [path for name in study.runs for path in study.of_run(name, "predictions.csv")],
            "manifest_csv": study.clips,
        },
        outputs={
            "table": Table("experiments", "Settings compared in cross-validation", EXPERIMENTS),
            "epochs": Table("experiment_epochs", schema="cv_epochs"),
            "results": Table("experiment_results", schema="results"),
            "figures": [
                Figure(f"experiment-{name}", one.title, EXPERIMENTS)
                for name, one in study.comparisons.items()
            ],
        },
        rests_on=CURVES,
        lacks={
            "table": [
                {"comparison": title, "run": run, "note": note} for (title, run), note in listed.items()
            ]
        },
    )


def _of_title(listed: Mapping[tuple[str, str], str], title: str) -> str:
    """The runs that a comparison lacks, with the reasons."""
    return ", ".join(f"{run} ({note})" for (of, run), note in listed.items() if of == title)


def experiments(
    compared: Sequence[str],
    comparisons: Mapping[str, Comparison],
    changes: Mapping[str, Mapping],
    histories: Sequence[str],
    predictions: Sequence[str],
    manifest_csv: str,
    evaluation: Evaluation,
    emotions: Sequence[str],
    protocol: str,
    seed: int,
    synthetic: bool,
    out_table: str,
    out_epochs: str,
    out_results: str,
    out_figures: Sequence[str],
    lost: Mapping[str, str] | None = None,
) -> None:
    """Every run of every comparison: accuracy in cross-validation, and the gap to the training's.

    `lost` says by a comparison's title which runs are left out of its figure, and why.
    """
    from ferflow.evaluation import run
    from ferflow.report import experiments, style, tables

    curves = shared_out(compared, histories)
    tables.cv_epochs(curves, out_epochs, synthetic, protocol)
    run.tabulate(predictions, manifest_csv, out_results, evaluation, seed, emotions, protocol)
    experiments.write_table(curves, comparisons, changes, out_table, synthetic, protocol)
    for comparison, out in zip(comparisons.values(), out_figures, strict=True):
        with style.left_out((lost or {}).get(comparison.title, "")):
            experiments.write_figure(curves, comparison, out, len(emotions), synthetic, protocol)


def _search(study: ClipFiles, head: str) -> ReportStep:
    model = study.settings.models()[head]
    tried = study.settings.search.tried(head)
    return ReportStep(
        name=f"figure_of_search_{head}",
        call="ferflow.report.searches:head",
        given={
            "model": model,
            "logarithmic": [name for name, one in tried.items() if isinstance(one, Range) and one.log],
        },
        inputs={"trials_csv": study.table(f"search-{head}")},
        outputs={"out": Figure(f"search-{head}", f"Search of the settings of {head}", CROSS_VALIDATION)},
    )


def _explained(study: ClipFiles) -> Iterator[ReportStep]:
    settings = study.settings
    if study.heads:
        yield ReportStep(
            name="feature_maps",
            call=f"{__name__}:feature_maps",
            sees=("pictures", "seed"),
            given={"example": example_clip(study)},
            threads=settings.features.threads,
            gpu=True,
            inputs={**example_files(study), "model": f"{study.spatial}/model.pt"},
            outputs={"out": Figure("feature_maps", f"Feature maps of {settings.spatial.network}", NETWORKS)},
        )
    for head in study.heads if study.tested else []:
        final = study.at(layout.FINAL, head=head)
        yield ReportStep(
            name=f"deciding_frames_{head}",
            call="ferflow.explain.network_run:deciding_frames",
            sees=("emotions", "settings=pictures", "seed"),
            threads=settings.temporal.threads,
            memory=3000,
            minutes=30,
            inputs={
                "model": f"{final}/model.pt",
                "predictions_csv": f"{final}/predictions.csv",
                "faces": study.of_subjects(layout.FACES),
                "features": study.all_features(),
                "trim_csv": study.trim,
                "manifest_csv": study.clips,
            },
            outputs={
                "out": Figure(f"deciding-{head}", f"The frames that decide: {study.models[head]}", NETWORKS)
            },
        )


def feature_maps(
    faces: Sequence[str],
    aus: Sequence[str],
    trim_csv: str,
    manifest_csv: str,
    model: str,
    example: str,
    threads: int,
    seed: int,
    pictures: Pictures,
    out: str,
) -> None:
    """Feature maps of each block of the spatial network for one face (thesis, Figure 3.14)."""
    from ferflow.explain import network_run
    from ferflow.explain.preprocessing_figures import Example

    clip = Example.of(example, faces, aus, trim_csv, manifest_csv)
    network_run.feature_maps(model, clip, out, threads, seed, pictures)
