# From predictions to metrics and tables. A model, a fold and a control are all the same thing here.
BEST_CONTROL_HEAD = HEADS[0]
CONTROL_PREDICTIONS = (
    expand(at(layout.CONTROLS) + "/neutral-{head}.csv", head=HEADS)
    + ([at(layout.CONTROLS) + "/true-aus.csv"] if SYNTHETIC else [])
    if S.evaluation.controls
    else []
)
MODEL_PREDICTIONS = expand(at(layout.FOLD) + "/predictions.csv", head=HEADS, fold=FOLDS) + expand(
    at(layout.FINAL) + "/predictions.csv", head=HEADS
)


def table(name):
    return f"{at(layout.TABLES)}/{name}.csv"


rule predictions:
    input:
        MODEL_PREDICTIONS,
        CONTROL_PREDICTIONS,
        manifest=at(layout.MANIFEST),
    output:
        at(layout.PREDICTIONS),
    params:
        emotions=S.emotions,
    log:
        "logs/predictions.log",
    script:
        "../scripts/predictions.py"


rule metrics:
    input:
        predictions=at(layout.PREDICTIONS),
        manifest=at(layout.MANIFEST),
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
    script:
        "../scripts/metrics.py"


rule spatial_metrics:
    input:
        at(layout.SPATIAL) + "/predictions.csv",
    output:
        metrics=at(layout.SPATIAL) + "/metrics.json",
        tables=[
            table(name)
            for name in ("spatial_results", "spatial_confusion", "spatial_errors", "spatial_class_report")
        ],
    params:
        evaluation=plain(S.evaluation),
        protocol=S.protocol,
        seed=S.seed,
        synthetic=S.stills.source == "synth4d",
    log:
        "logs/spatial_metrics.log",
    script:
        "../scripts/spatial_metrics.py"


TABLES = [table(name) for name in ("results", "spatial_results")]
