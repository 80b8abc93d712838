# From predictions to metrics and tables. A model, a fold and a control are all the same thing here.
from ferflow.report import thesis

MODELS = S.models()
# In what they are other networks than the thesis's, whose numbers stand beside theirs.
OTHERS = thesis.others(S)


def of_folds(file):
    """A file of every fold of every model, in the order of MODELS."""
    return expand(f"{at(layout.FOLD)}/{file}", head=HEADS, fold=FOLDS) + expand(
        f"{at(layout.END_TO_END_FOLD)}/{file}", network=END_TO_END, fold=FOLDS
    )


def of_finals(file):
    """A file of every final model, in the order of MODELS."""
    return expand(f"{at(layout.FINAL)}/{file}", head=HEADS) + expand(
        f"{at(layout.END_TO_END_FINAL)}/{file}", network=END_TO_END
    )


CONTROL_PREDICTIONS = (
    expand(at(layout.CONTROLS) + "/neutral-{head}.csv", head=HEADS)
    + ([at(layout.CONTROLS) + "/true-aus.csv"] if SYNTHETIC else [])
    if CONTROLS
    else []
)
MODEL_PREDICTIONS = of_folds("predictions.csv") + (of_finals("predictions.csv") if TESTED else [])


rule predictions:
    input:
        MODEL_PREDICTIONS,
        expand(at(layout.BASELINE), baseline=BASELINES),
        CONTROL_PREDICTIONS,
        HUMAN_PREDICTIONS,
        manifest=at(layout.CLIPS),
    output:
        at(layout.PREDICTIONS),
    params:
        emotions=S.emotions,
    log:
        "logs/predictions.log",
    resources:
        mem_mb=more(2000),
        runtime=more(30),
    script:
        "../scripts/predictions.py"


rule metrics:
    input:
        predictions=at(layout.PREDICTIONS),
        manifest=at(layout.CLIPS),
    output:
        metrics=at(layout.METRICS),
        tables=[table(name) for name in ("results", "confusion", "errors", "class_report")],
    params:
        evaluation=plain(S.evaluation),
        emotions=S.emotions,
        protocol=S.protocol,
        seed=S.seed,
    log:
        "logs/metrics.log",
    resources:
        mem_mb=more(2000),
        runtime=more(30),
    script:
        "../scripts/metrics.py"


rule spatial_metrics:
    input:
        SPATIAL + "/predictions.csv",
    output:
        metrics=SPATIAL + "/metrics.json",
        tables=[
            table(name)
            for name in ("spatial_results", "spatial_confusion", "spatial_errors", "spatial_class_report")
        ],
    params:
        evaluation=plain(S.evaluation),
        protocol=S.protocol,
        seed=S.seed,
        synthetic=SYNTHETIC_STILLS,
    log:
        "logs/spatial_metrics.log",
    resources:
        mem_mb=more(2000),
        runtime=more(30),
    script:
        "../scripts/spatial_metrics.py"


rule tables_of_training:
    input:
        history=of_folds("history.csv"),
        early=of_folds("early.csv"),
        final=of_finals("history.csv"),
    output:
        early_stopping=table("early_stopping"),
        cv_epochs=table("cv_epochs"),
    params:
        models=MODELS,
        synthetic=SYNTHETIC,
        protocol=S.protocol,
    log:
        "logs/tables_of_training.log",
    resources:
        mem_mb=more(2000),
        runtime=more(30),
    script:
        "../scripts/tables_of_training.py"


if TESTED:

    rule fold_models:
        """The other rule for a final score: the mean of the folds' best models on the test subjects."""
        input:
            tested=of_folds("tested.csv"),
            predictions=at(layout.PREDICTIONS),
            manifest=at(layout.CLIPS),
        output:
            table("fold_models"),
        params:
            evaluation=plain(S.evaluation),
            emotions=S.emotions,
            protocol=S.protocol,
            seed=S.seed,
        log:
            "logs/fold_models.log",
        resources:
            mem_mb=more(2000),
            runtime=more(30),
        script:
            "../scripts/fold_models.py"


rule layers:
    """Every network layer by layer: output shapes and parameters."""
    input:
        models=of_finals("model.pt"),
    output:
        table("layers"),
    params:
        frames=S.features.max_frames,
    log:
        "logs/layers.log",
    resources:
        mem_mb=more(2000),
        runtime=more(30),
    script:
        "../scripts/layers.py"


rule tables_of_trimming:
    input:
        trim=at(layout.TRIM),
        manifest=at(layout.CLIPS),
    output:
        trimming=table("trimming"),
        anomalies=table("anomalies"),
    params:
        max_frames=S.features.max_frames,
        emotions=S.emotions,
    log:
        "logs/tables_of_trimming.log",
    resources:
        mem_mb=more(2000),
        runtime=more(30),
    script:
        "../scripts/tables_of_trimming.py"


rule trackers:
    input:
        FACE_WEIGHTS,
        manifest=at(layout.CLIPS),
    output:
        clips=table("trackers"),
        summary=table("tracker_summary"),
    params:
        faces=plain(S.faces),
        weights=layout.WEIGHTS,
        synthetic=SYNTHETIC,
    log:
        "logs/trackers.log",
    benchmark:
        "benchmarks/trackers.tsv"
    priority: 10  # long, and nothing waits for it but the report
    resources:
        mem_mb=more(2000),
        runtime=more(240),
    script:
        "../scripts/trackers.py"


rule agreement:
    """Measured action units and trimming against the generator's truth."""
    input:
        truth=expand(SYNTH_TRUTH, subject=SUBJECTS),
        true_aus=[expand(path, subject=SUBJECTS) for path in SYNTH_AU_TRUTH],
        aus=expand(at(layout.AUS), subject=SUBJECTS),
        manifest=at(layout.CLIPS),
        trim=at(layout.TRIM),
    output:
        clips=table("au_agreement"),
        summary=table("au_agreement_summary"),
    log:
        "logs/agreement.log",
    resources:
        mem_mb=more(2000),
        runtime=more(30),
    script:
        "../scripts/agreement.py"


if S.aus.compared:
    COMPARED_AUS = {name: expand(at(layout.AUS, backend=name), subject=SUBJECTS) for name in S.aus.compared} | (
        {"truth": [path for pattern in SYNTH_AU_TRUTH for path in expand(pattern, subject=SUBJECTS)]}
        if SYNTHETIC
        else {}
    )

    rule au_backends:
        """Action units by several backends on the same clips."""
        input:
            **COMPARED_AUS,
            manifest=at(layout.CLIPS),
        output:
            table=table("au_backends"),
            figure=shown_figure("au_backends", "Backends for action units", "3 Faces and trimming"),
        params:
            backends=list(COMPARED_AUS),
            synthetic=SYNTHETIC,
        log:
            "logs/au_backends.log",
        resources:
            mem_mb=more(2000),
            runtime=more(30),
        script:
            "../scripts/au_backends.py"

    SHOWN["au_backends"] = ("au_backends", "Backends for action units on the same clips", "3 Faces and trimming")
    FIGURES.append(figure("au_backends"))


rule beside:
    """The thesis's Table 3.6 and ours."""
    input:
        table("results"),
    output:
        table("beside"),
    params:
        dataset=S.dataset.name,
        others=OTHERS,
    log:
        "logs/beside.log",
    resources:
        mem_mb=more(2000),
        runtime=more(30),
    script:
        "../scripts/beside.py"


RESULTS += [at(layout.METRICS), *([at(layout.EXPORT)] if HEADS else [])]
SHOWN |= {
    "results": (
        "results",
        "Results on the test subjects and in cross-validation" if TESTED else "Results in cross-validation",
        "1 Results",
    ),
    "class_report": ("class_report", "Precision, recall and F1 per emotion", "1 Results"),
    "errors": ("errors", "Clips that were mistaken, with all class scores", "1 Results"),
    "early_stopping": ("early_stopping", "Epochs at which the folds were best", "2 Cross-validation"),
    "layers": ("layers", "The networks layer by layer", "5 Networks"),
    "trimming": ("trimming", "Frames before and after trimming", "3 Faces and trimming"),
    "anomalies": ("anomalies", "Anomalies: clips that are not trimmed by themselves", "3 Faces and trimming"),
}
if TESTED:
    title = "The mean of the folds' best models beside the final one"
    SHOWN["fold_models"] = ("fold_models", title, "2 Cross-validation")
if S.thesis_classes():
    SHOWN["beside"] = ("beside", "Published and reproduced", "1 Results")
if S.trains_spatial():
    SHOWN["spatial_class_report"] = (
        "class_report", "Spatial model: precision, recall and F1", "4 Spatial model"
    )
if S.faces.compared_clips:
    SHOWN["tracker_summary"] = ("tracker_summary", "Trackers compared", "3 Faces and trimming")
if SYNTHETIC:
    title = "Action units and trimming against the truth"
    SHOWN["au_agreement_summary"] = ("au_agreement_summary", title, "3 Faces and trimming")
