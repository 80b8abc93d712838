# Several models as one, and a closer look at all of them: from predictions alone.
from ferflow.evaluation import detail_tables
from ferflow.report import opening, papers

FUSED = [at(layout.FUSION) + "/predictions.csv"] if S.fusion.any() else []
# Models against each other: one alone is compared with nothing.
SEVERAL = len(MODELS) + len(S.baselines.compared()) + S.fusion.found() + len(HUMAN_PREDICTIONS) > 1
# Numbers of the thesis's six classes say nothing beside those of others.
THESIS_TABLES = papers.files("thesis") if S.thesis_classes() else {}
# What papers/thesis.yaml reads, and the tables that it is.
THESIS_SOURCES = {
    name: table(name)
    for name in ("results", "trimming", "cv_epochs", "early_stopping", "error_counts")
}
if FUSED:
    THESIS_SOURCES["fusion"] = table("fusion")
if S.trains_spatial():
    THESIS_SOURCES["spatial_results"] = table("spatial_results")
if FINETUNED:
    THESIS_SOURCES["finetuned"] = table("finetuned")
if HUMAN_SOURCE:
    THESIS_SOURCES["human_summary"] = table("human_summary")
if COMPARISONS:
    THESIS_SOURCES |= {name: table(name) for name in ("experiment_results", "experiment_epochs")}


if FUSED:

    rule fusion:
        """Average, weighted average, maximum, a stack, and the best set; learnt from cross-validation alone."""
        input:
            predictions=MODEL_PREDICTIONS + expand(at(layout.BASELINE), baseline=BASELINES),
            manifest=at(layout.CLIPS),
        output:
            predictions=FUSED[0],
            table=table("fusion"),
        params:
            fusion=plain(S.fusion),
            evaluation=plain(S.evaluation),
            emotions=S.emotions,
            protocol=S.protocol,
            seed=S.seed,
        log:
            "logs/fusion.log",
        benchmark:
            "benchmarks/fusion.tsv"
        resources:
            mem_mb=more(1000),
            runtime=more(30),
        script:
            "../scripts/fusion.py"


rule details:
    """Models against each other, calibration, results by group, confidences, counts of errors."""
    input:
        predictions=[at(layout.PREDICTIONS), *FUSED],
        manifest=at(layout.CLIPS),
    output:
        [table(name) for name in detail_tables.titles(BY)],
    params:
        calibration=plain(S.calibration),
        evaluation=plain(S.evaluation),
        emotions=S.emotions,
        protocol=S.protocol,
        seed=S.seed,
        by=BY,
    log:
        "logs/details.log",
    benchmark:
        "benchmarks/details.tsv"
    resources:
        mem_mb=more(1000),
        runtime=more(30),
    script:
        "../scripts/details.py"


rule figures_of_details:
    input:
        reliability=table("reliability"),
        calibration=table("calibration"),
        comparisons=table("comparisons"),
        groups=table(detail_tables.BY) if BY else [],
        confusion=table("confusion_beside"),
    output:
        reliability=shown_figure("reliability", "Reliability of the models", "1 Results"),
        comparisons=shown_figure("comparisons", "Models against each other", "1 Results") if SEVERAL else [],
        groups=shown_figure("groups", f"Accuracy by {', '.join(BY)}", "1 Results") if BY else [],
        confusion=shown_figure("beside", "Confusion matrices of models and annotators", "1 Results"),
    params:
        confidence=S.evaluation.confidence,
    log:
        "logs/figures_of_details.log",
    resources:
        mem_mb=more(1000),
        runtime=more(5),
    script:
        "../scripts/figures_of_details.py"


rule opening:
    """The page that the report opens with."""
    input:
        **{name: table(name) for name in opening.TABLES},
    output:
        report(
            at(layout.TABLES) + "/opening.html",
            category="0 In short",
            labels={"shown": "Which model, how good, how sure, against humans, what it confuses", "kind": "page"},
            caption="../report/opening.rst",
        ),
    params:
        study=S.study,
        confidence=S.evaluation.confidence,
    log:
        "logs/opening.log",
    resources:
        mem_mb=more(1000),
        runtime=more(5),
    script:
        "../scripts/opening.py"


def mislabelled(key):
    title = f"Clips that {MODELS[key]} mistook"
    return shown_table(f"mislabelled-{key}", title, "1 Results", "../report/mislabelled.rst")


rule error_tables:
    """The thesis's Figure 3.29 for each model: mislabelled clips with all scores."""
    input:
        errors=table("errors"),
        strips=at(layout.STRIPS),
    output:
        [path for key in MODELS for path in mislabelled(key)],
    params:
        models=list(MODELS.values()),
        judged=S.splits.judged,
    log:
        "logs/error_tables.log",
    resources:
        mem_mb=more(1000),
        runtime=more(5),
    script:
        "../scripts/error_tables.py"


rule thesis_beside:
    """Every number of the thesis beside ours, or the reason why there is none."""
    input:
        **THESIS_SOURCES,
        predictions=at(layout.PREDICTIONS),
        manifest=at(layout.CLIPS),
        images=[S.stills.path] if S.trains_spatial() else [],
        spatial=[SPATIAL + "/predictions.csv"] if S.trains_spatial() else [],
    output:
        [table(name) for name in THESIS_TABLES],
    params:
        sources=list(THESIS_SOURCES),
        heads=plain(S.temporal)["heads"],
        c3d=plain(S.end_to_end.c3d),
        dataset=S.dataset.name,
        network=S.spatial.network,
        others=OTHERS,
        stills=S.stills.source,
        synthetic_stills=SYNTHETIC_STILLS,
        experiments={item: run for item, run in S.experiments.published.items() if run in RUNS},
        evaluation=plain(S.evaluation),
        emotions=S.emotions,
        seed=S.seed,
    log:
        "logs/thesis_beside.log",
    resources:
        mem_mb=more(1500),
        runtime=more(30),
    script:
        "../scripts/thesis_beside.py"


if FUSED:
    SHOWN["fusion"] = ("fusion", "Fusion of models", "1 Results")
for name, title in detail_tables.titles(BY).items():
    if name != "comparisons" or SEVERAL:
        SHOWN[name] = (detail_tables.SCHEMAS.get(name, name), title, "1 Results")
for name, title in THESIS_TABLES.items():
    SHOWN[name] = ("reference", title, "6 Published beside reproduced")
FIGURES += [figure("reliability"), figure("beside"), *([figure("groups")] if BY else [])]
FIGURES += [figure("comparisons")] if SEVERAL else []
RESULTS.append(at(layout.TABLES) + "/opening.html")
RESULTS += expand(at(layout.TABLES) + "/mislabelled-{mistaken}.html", mistaken=MODELS)
