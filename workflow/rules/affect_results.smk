# From predictions of expression, valence and arousal to metrics, tables and figures (Akhtar 2022).
AFFECT_JUDGED = expand(at(layout.AFFECT_MODEL) + "/predictions.csv", model=AFFECT_MODELS)


def affect_files(name):
    """A file of every model's training."""
    return expand(at(layout.AFFECT_MODEL) + f"/{name}", model=AFFECT_MODELS)


rule affect_metrics:
    input:
        AFFECT_JUDGED,
    output:
        metrics=at(layout.METRICS),
        **{name: table(name) for name in ["affect_metrics", "affect_report", "affect_confusion"]},
    params:
        evaluation=plain(S.evaluation),
        seed=S.seed,
    log:
        "logs/affect_metrics.log",
    benchmark:
        "benchmarks/affect_metrics.tsv"
    resources:
        mem_mb=more(4000),
        runtime=more(60),
    script:
        "../scripts/affect_metrics.py"


rule affect_predictions:
    """All of them below one another."""
    input:
        AFFECT_JUDGED,
    output:
        at(layout.PREDICTIONS),
    log:
        "logs/affect_predictions.log",
    resources:
        mem_mb=more(2000),
        runtime=more(30),
    script:
        "../scripts/affect_predictions.py"


rule affect_tables:
    """Tables 3 to 6, the losses beside one another, and the paper's numbers beside ours."""
    input:
        metrics=table("affect_metrics"),
        report=table("affect_report"),
        histories=affect_files("history.csv"),
        times=affect_files("time.json"),
        abouts=affect_files("about.csv"),
    output:
        training=table("affect_training"),
        augmentation=table("affect_augmentation"),
        classification=table("affect_classification"),
        regression=table("affect_regression"),
        variants=table("affect_variants"),
        beside=table("affect_beside"),
    params:
        models=list(AFFECT_MODELS),
        augment=plain(S.affect.loading.augment) if S.affect.loading.augment else None,
        dataset=DATASET,
    log:
        "logs/affect_tables.log",
    resources:
        mem_mb=more(2000),
        runtime=more(30),
    script:
        "../scripts/affect_tables.py"


rule figures_of_affect:
    """Training graphs (Figures 5 and 6), confusion matrices (7 and 8), the plane of valence and arousal."""
    input:
        histories=affect_files("history.csv"),
        confusion=table("affect_confusion"),
        report=table("affect_report"),
        predictions=at(layout.PREDICTIONS),
    output:
        learning=[
            shown_figure(f"affect_learning-{model}", f"Training of {model}", "2 Networks") for model in AFFECT_MODELS
        ],
        confusion=[
            shown_figure(f"affect_confusion-{model}", f"Confusion matrix of {model}", "1 Results")
            for model in AFFECT_MODELS
        ],
        plane=[
            shown_figure(f"affect_plane-{model}", f"Valence and arousal by {model}", "1 Results")
            for model in AFFECT_MODELS
        ],
    params:
        models=list(AFFECT_MODELS),
        synthetic=SYNTHETIC,
    log:
        "logs/figures_of_affect.log",
    resources:
        mem_mb=more(2000),
        runtime=more(15),
    script:
        "../scripts/figures_of_affect.py"


rule affect_sheets:
    """Images that each network classified rightly and wrongly (Figures 9 and 10)."""
    input:
        predictions=at(layout.PREDICTIONS),
        index=at(layout.AFFECT_INDEX),
    output:
        right=[
            shown_figure(f"affect_right-{model}", f"Rightly classified by {model}", "3 Images")
            for model in AFFECT_MODELS
        ],
        wrong=[
            shown_figure(f"affect_wrong-{model}", f"Wrongly classified by {model}", "3 Images")
            for model in AFFECT_MODELS
        ],
    params:
        models=list(AFFECT_MODELS),
        root=S.affect.dataset.path,
    log:
        "logs/affect_sheets.log",
    resources:
        mem_mb=more(2000),
        runtime=more(15),
    script:
        "../scripts/affect_sheets.py"


if AFFECT_MODELS:
    RESULTS += [at(layout.METRICS), at(layout.PREDICTIONS)]
    SHOWN["affect_classification"] = ("affect_metrics", "Table 5: classification", "1 Results")
    SHOWN["affect_regression"] = ("affect_metrics", "Table 6: valence and arousal", "1 Results")
    SHOWN["affect_variants"] = ("affect_variants", "The paper's loss and others", "1 Results")
    SHOWN["affect_beside"] = ("reference", "The AffectNet paper and ours", "1 Results")
    SHOWN["affect_report"] = ("affect_report", "Precision, recall and F1 per class", "1 Results")
    SHOWN["affect_training"] = ("affect_training", "Table 3: training", "2 Networks")
    SHOWN["affect_augmentation"] = ("affect_augmentation", "Table 4: augmentation", "2 Networks")
    FIGURES += [
        figure(f"affect_{kind}-{model}")
        for kind in ["learning", "confusion", "plane", "right", "wrong"]
        for model in AFFECT_MODELS
    ]
