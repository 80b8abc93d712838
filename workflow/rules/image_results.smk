# From predictions to metrics, tables and figures of an image study.
JUDGED = list(TRAINED)
IMAGE_TABLES = ["results", "confusion", "class_report", "copies"]


def judgements(name):
    """A table of all models and ensembles."""
    return expand(at(layout.VIEWS) + f"/{name}.csv", model=JUDGED) + expand(
        at(layout.ENSEMBLE) + f"/{name}.csv", ensemble=AVERAGED
    )


rule image_metrics:
    input:
        predictions=judgements("predictions"),
        copies=judgements("copies"),
        manifest=at(layout.MANIFEST),
    output:
        metrics=at(layout.METRICS),
        **{name: table(name) for name in IMAGE_TABLES},
    params:
        evaluation=plain(S.evaluation),
        protocol=S.protocol,
        seed=S.seed,
    log:
        "logs/image_metrics.log",
    benchmark:
        "benchmarks/image_metrics.tsv"
    resources:
        mem_mb=more(2000),
        runtime=more(60),
    script:
        "../scripts/image_metrics.py"


rule image_predictions:
    """All of them below one another."""
    input:
        predictions=judgements("predictions"),
        manifest=at(layout.MANIFEST),
    output:
        at(layout.PREDICTIONS),
    log:
        "logs/image_predictions.log",
    resources:
        mem_mb=more(2000),
        runtime=more(30),
    script:
        "../scripts/image_predictions.py"


rule networks:
    """Size and training of each network."""
    input:
        models=expand(at(layout.SPATIAL) + "/model.pt", model=JUDGED),
        histories=expand(at(layout.SPATIAL) + "/history.csv", model=JUDGED),
        times=expand(at(layout.SPATIAL) + "/time.json", model=JUDGED),
    output:
        table("networks"),
    params:
        images=plain(S.images),
        models=JUDGED,
    log:
        "logs/networks.log",
    resources:
        mem_mb=more(2000),
        runtime=more(30),
    script:
        "../scripts/networks.py"


rule accuracies:
    """Every network and average, on all test images and on those without copies, in one table."""
    input:
        results=table("results"),
        networks=table("networks"),
        choice=BEST_CHOICE if S.images.best else [],
    output:
        table("accuracies"),
    params:
        images=plain(S.images),
    log:
        "logs/accuracies.log",
    resources:
        mem_mb=more(2000),
        runtime=more(30),
    script:
        "../scripts/accuracies.py"


rule compact:
    """The compact paper's numbers, each beside ours or the reason why there is none."""
    input:
        accuracies=table("accuracies"),
        networks=table("networks"),
        image_counts=table("image_counts"),
        # Made by targets of their own; what is there is shown.
        sweep=table("sweep") if Path(table("sweep")).exists() else [],
        speed=layout.SPEED if Path(layout.SPEED).exists() else [],
    output:
        table("compact"),
    params:
        dataset=STILLS,
    log:
        "logs/compact.log",
    resources:
        mem_mb=more(2000),
        runtime=more(30),
    script:
        "../scripts/compact.py"


LEARNT = [model for model in JUDGED if TRAINED[model][0].weights is None]
SIMPLEST = next(view for view in ("one", "mirror", "ten") if view in S.images.views)
CONFUSED = [*JUDGED, *AVERAGED]


rule figures_of_images:
    input:
        histories=expand(at(layout.SPATIAL) + "/history.csv", model=LEARNT),
        confusion=table("confusion"),
        accuracies=table("accuracies"),
    output:
        accuracies=shown_figure("networks", "Accuracy of the networks", "1 Results"),
        learning=[
            shown_figure(f"image_learning-{model}", f"Learning curves of {model}", "2 Networks")
            for model in LEARNT
        ],
        confusion=[
            shown_figure(f"image_confusion-{model}", f"Confusion matrix of {model}", "1 Results")
            for model in CONFUSED
        ],
    params:
        models=LEARNT,
        confused=[f"{model}@{SIMPLEST}" for model in CONFUSED],
        confidence=S.evaluation.confidence,
        synthetic=SYNTHETIC,
        protocol=S.protocol,
    log:
        "logs/figures_of_images.log",
    resources:
        mem_mb=more(1000),
        runtime=more(5),
    script:
        "../scripts/figures_of_images.py"


rule figure_of_counts:
    input:
        table("image_counts"),
    output:
        shown_figure("counts", "Images per class and data set", "3 Images"),
    log:
        "logs/figure_of_counts.log",
    resources:
        mem_mb=more(1000),
        runtime=more(5),
    script:
        "../scripts/figure_of_counts.py"


SHOWN["image_counts"] = ("image_counts", "Images per class: published and counted", "3 Images")
FIGURES += [figure("counts")]
if JUDGED:
    RESULTS += [at(layout.METRICS), at(layout.PREDICTIONS)]
    SHOWN["accuracies"] = ("accuracies", "Accuracy of the networks", "1 Results")
    SHOWN["compact"] = ("reference", "The compact paper and ours", "1 Results")
    SHOWN["class_report"] = ("class_report", "Precision, recall and F1 per emotion", "1 Results")
    SHOWN["networks"] = ("networks", "The networks and their training", "2 Networks")
    SHOWN["copies"] = ("copies", "Test images that a network has learnt from", "3 Images")
    FIGURES += [figure("networks")]
    FIGURES += [figure(f"image_learning-{model}") for model in LEARNT]
    FIGURES += [figure(f"image_confusion-{model}") for model in CONFUSED]
