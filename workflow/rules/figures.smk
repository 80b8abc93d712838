# Every figure of the report, with its caption.
# The thesis shows M042_happy (its Figure 3.3). Where the clip cannot be used, another one stands for it.
EXAMPLE = min(SOURCES[SUBJECTS[-1]], key=lambda clip: (not clip.endswith("_happy"), clip))



rule figures_of_faces:
    input:
        aus=expand(at(layout.AUS), subject=SUBJECTS),
        trim=at(layout.TRIM),
        manifest=at(layout.CLIPS),
        splits=at(layout.SPLITS),
        agreement=table("au_agreement") if SYNTHETIC else [],
        truth=SYNTH_TRUTH.format(subject=SUBJECTS[-1]) if SYNTHETIC else [],
        true_aus=f"{S.dataset.root}/truth/{EXAMPLE}.csv" if SYNTHETIC else [],
    output:
        curve=shown_figure("au_curve", "AU score curve of a clip", "3 Faces and trimming"),
        anomalies=shown_figure("anomalies", "AU score curves of the anomalies", "3 Faces and trimming"),
        lengths=shown_figure("lengths", "Clip lengths before and after trimming", "3 Faces and trimming"),
        splits=shown_figure("splits", f"Subjects in the folds{' and the test set' if TESTED else ''}", "2 Cross-validation"),
        agreement=(
            shown_figure("agreement", "Measured against true action units", "3 Faces and trimming")
            if SYNTHETIC
            else []
        ),
    params:
        trim=plain(S.trim),
        max_frames=S.features.max_frames,
        example=EXAMPLE,
    log:
        "logs/figures_of_faces.log",
    resources:
        mem_mb=more(1000),
        runtime=more(5),
    script:
        "../scripts/figures_of_faces.py"


rule figures_of_training:
    input:
        history=of_folds("history.csv"),
    output:
        [
            shown_figure(f"learning-{name}", f"Learning curves of {MODELS[name]}", "2 Cross-validation")
            for name in MODELS
        ],
    params:
        models=MODELS,
        n_classes=len(S.emotions),
        synthetic=SYNTHETIC,
        protocol=S.protocol,
    log:
        "logs/figures_of_training.log",
    resources:
        mem_mb=more(1000),
        runtime=more(5),
    script:
        "../scripts/figures_of_training.py"


rule figures_of_spatial:
    input:
        history=SPATIAL + "/history.csv",
        confusion=table("spatial_confusion"),
    output:
        history=shown_figure("spatial_learning", "Learning curves of the spatial model", "4 Spatial model"),
        confusion=shown_figure("spatial_confusion", "Confusion matrix of the spatial model", "4 Spatial model"),
    params:
        model=S.spatial.network,
        synthetic=SYNTHETIC_STILLS,
        protocol=S.protocol,
    log:
        "logs/figures_of_spatial.log",
    resources:
        mem_mb=more(1000),
        runtime=more(5),
    script:
        "../scripts/figures_of_spatial.py"


rule figures_of_results:
    input:
        results=table("results"),
        confusion=table("confusion"),
        metrics=at(layout.METRICS),
    output:
        accuracy=shown_figure("accuracy", "Accuracy of all models", "1 Results"),
        confusions=shown_figure("confusions", "Confusion matrices of all models", "1 Results"),
        confusion=[
            shown_figure(f"confusion-{name}", f"Confusion matrix of {MODELS[name]}", "1 Results")
            for name in MODELS
        ],
    params:
        models=list(MODELS.values()),
    log:
        "logs/figures_of_results.log",
    resources:
        mem_mb=more(1000),
        runtime=more(5),
    script:
        "../scripts/figures_of_results.py"


FIGURES += (
    [figure(name) for name in ("au_curve", "anomalies", "lengths", "splits", "accuracy", "confusions")]
    + ([figure("agreement")] if SYNTHETIC else [])
    + [figure(f"{kind}-{name}") for kind in ("learning", "confusion") for name in MODELS]
    + ([figure("spatial_learning"), figure("spatial_confusion")] if S.trains_spatial() else [])
)
