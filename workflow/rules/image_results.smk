# From predictions to metrics, tables and figures of an image study.
JUDGED = list(TRAINED)
IMAGE_TABLES = ["results", "confusion", "class_report", "copies"]


def judgements(name):
    """A table of all models and ensembles."""
    return expand(at(layout.VIEWS) + f"/{name}.csv", model=JUDGED) + expand(
        at(layout.ENSEMBLE) + f"/{name}.csv", ensemble=ENSEMBLES
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
        mem_mb=2000,
        runtime=60,
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
    script:
        "../scripts/image_predictions.py"


rule networks:
    """Size and training of each network."""
    input:
        models=expand(at(layout.SPATIAL) + "/model.pt", model=JUDGED),
        histories=expand(at(layout.SPATIAL) + "/history.csv", model=JUDGED),
        benchmarks=expand("benchmarks/spatial/{model}.tsv", model=JUDGED),
    output:
        table("networks"),
    params:
        images=plain(S.images),
        models=JUDGED,
    log:
        "logs/networks.log",
    script:
        "../scripts/networks.py"


rule accuracies:
    """Every network and average, on all test images and on those without copies, in one table."""
    input:
        results=table("results"),
        networks=table("networks"),
    output:
        table("accuracies"),
    params:
        images=plain(S.images),
    log:
        "logs/accuracies.log",
    script:
        "../scripts/accuracies.py"


if JUDGED:
    RESULTS += [at(layout.METRICS), at(layout.PREDICTIONS)]
    SHOWN["accuracies"] = ("accuracies", "Accuracy of the networks", "1 Results")
    SHOWN["class_report"] = ("class_report", "Precision, recall and F1 per emotion", "1 Results")
    SHOWN["networks"] = ("networks", "The networks and their training", "2 Networks")
    SHOWN["copies"] = ("copies", "Test images that a network has learnt from", "3 Images")
