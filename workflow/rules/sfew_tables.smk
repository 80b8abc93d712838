# The SFEW paper's tables and figures: published beside ours.
from ferflow.classes import EMOTIONS_NEUTRAL

PAPER = [f"sfew_table{number}" for number in (1, 2, 3, 4)]
FOLD_TABLES = [table("sfew_folds"), *([table("sfew_handmade")] if HANDMADE_CELLS else [])]
SAID = {
    protocol: of_cells("predictions.csv").get(protocol, []) + of_handmade(protocol)
    for protocol in ("random", "film", "spi")
}
# Of the paper's two matrices, under its protocol and the honest one: name of the figure, model, protocol.
MATRICES = [
    (f"sfew_confusion-{images}-{protocol}", model, protocol, images)
    for images, model in (("originals", "resnet50-200-originals"), ("crops", "resnet50-100-crops"))
    for protocol in ("random", "film")
    if any(
        model in cell.models(T.batch).values() and protocol in cell.protocols for cell in CELLS.values()
    )
]


rule sfew_metrics:
    """Metrics of all models under all protocols, with intervals, and their confusion matrices."""
    input:
        **{f"predictions_{protocol}": paths for protocol, paths in SAID.items() if paths},
    output:
        metrics=at(layout.METRICS),
        predictions=at(layout.PREDICTIONS),
        results=table("results"),
        confusion=table("confusion"),
    params:
        protocols=[protocol for protocol, paths in SAID.items() if paths],
        evaluation=plain(S.evaluation),
        protocol=S.protocol,
        seed=S.seed,
        synthetic=SYNTHETIC,
    log:
        "logs/sfew/metrics.log",
    benchmark:
        "benchmarks/sfew/metrics.tsv"
    resources:
        mem_mb=more(1000),
        runtime=more(30),
    script:
        "../scripts/sfew_metrics.py"


rule sfew_beside:
    """The paper's numbers, each beside ours or the reason why there is none, and its Tables 1 to 4."""
    input:
        sfew_folds=FOLD_TABLES,
        sfew_counts=table("sfew_counts"),
    output:
        beside=table("sfew_beside"),
        tables=[table(name) for name in PAPER],
    params:
        names=PAPER,
        dataset=DATASET,
    log:
        "logs/sfew/beside.log",
    resources:
        mem_mb=more(1000),
        runtime=more(10),
    script:
        "../scripts/sfew_beside.py"


rule figures_of_sfew:
    input:
        folds=FOLD_TABLES,
        confusion=table("confusion"),
    output:
        folds=shown_figure("sfew_accuracy", "Accuracy in each fold by protocol", "1 Results"),
        confusion=[
            shown_figure(name, f"Confusion matrix on {images}, {protocol} folds", "1 Results")
            for name, _, protocol, images in MATRICES
        ],
    params:
        matrices=[(model, protocol) for _, model, protocol, _ in MATRICES],
        classes=len(EMOTIONS_NEUTRAL),
    log:
        "logs/sfew/figures.log",
    resources:
        mem_mb=more(1000),
        runtime=more(5),
    script:
        "../scripts/figures_of_sfew.py"


SHOWN["sfew_beside"] = ("reference", "The SFEW paper and ours", "1 Results")
for number, title in enumerate(
    [
        "Table 1: transfer learning on original images",
        "Table 2: transfer learning on face crops",
        "Table 3: other networks and epochs on face crops",
    ],
    1,
):
    SHOWN[f"sfew_table{number}"] = ("sfew_paper", title, "1 Results")
SHOWN["sfew_table4"] = ("sfew_methods", "Table 4: the approaches compared", "1 Results")
RESULTS += [at(layout.METRICS), at(layout.PREDICTIONS)]
FIGURES += [figure("sfew_accuracy"), *(figure(name) for name, *_ in MATRICES)]
