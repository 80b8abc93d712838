# The data-centric study (Adel 2023): what is wrong with the images, and what resampling them is worth.
#
# Included by the Snakefile for `kind: images` with `datacentric.studied: true`, after image_results.smk and before
# shown.smk. It adds its tables and figures to SHOWN, RESULTS and FIGURES, so that the target `all` makes them;
# `all_datacentric` makes them alone. Every row of the comparison is one job.
D = S.datacentric
ROWS = D.rows()
QUALITY = ["exact_duplicates", "near_duplicates", "near_distances", "constant_images", "pixel_boxes", "outliers"]
FOUND = ["exact_duplicates", "near_duplicates", "constant_images", "outliers", "label_errors"]
SHEETS = {
    "conflicts": "Exact copies with different labels",
    "copies": "Exact copies",
    "near_copies": "Near duplicates",
    "constant": "Nearly constant images",
    "outliers": "Outliers by mean grey level",
    "label_errors": "Suspected label errors",
}
THRESHOLDS = {"constant": D.constant, "near_distance": D.near_distance, "whiskers": D.whiskers}
IMAGES = {"pixels": at(layout.POOL), "manifest": at(layout.MANIFEST)}
KNOWN_OF_IMAGES = {name: f"{at(layout.DATACENTRIC)}/{name}.csv" for name in ("photographs", "pixel_means")}
CLEANED = at(layout.DATACENTRIC) + "/cleaned.csv"
COMPARED = {
    "variants": [[name, "none"] for name in D.variants],
    "sampling": [[name, sampling] for name, samplings in D.networks.items() for sampling in samplings],
}
COMPARED = {name: rows for name, rows in COMPARED.items() if rows}


def cleaned_cells(name):
    """A table of the rows with and without cleaning."""
    folder = at(layout.CELL, sampling="none")
    return expand(folder + f"/{name}.csv", network=D.cleaned, protocol=["honest", "cleaned"])


wildcard_constraints:
    fold=r"\d+",
    network="|".join(dict(ROWS)) or "none",
    sampling="|".join({sampling for _, sampling in ROWS}) or "none",
    protocol="published|honest",
    comparison="|".join(COMPARED) or "none",


rule datacentric_images:
    """FER2013 unpacked once, row for row as in the manifest."""
    input:
        stills=S.stills.path,
    output:
        at(layout.POOL),
    log:
        "logs/datacentric/images.log",
    resources:
        mem_mb=more(2000),
        runtime=more(30),
    script:
        "../scripts/datacentric_images.py"


rule datacentric_quality:
    """Copies, near copies, empty images and outliers: what needs no network."""
    input:
        **IMAGES,
    output:
        **{name: table(name) for name in QUALITY},
        **KNOWN_OF_IMAGES,
    params:
        **THRESHOLDS,
        folds=D.label_errors.folds,
        seed=S.seed,
    log:
        "logs/datacentric/quality.log",
    benchmark:
        "benchmarks/datacentric/quality.tsv"
    resources:
        mem_mb=more(3000),
        runtime=more(30),
    priority: 20  # all else waits for it
    script:
        "../scripts/datacentric_quality.py"


rule datacentric_fold:
    """A network that did not see the images of this fold judges them."""
    input:
        **IMAGES,
        photographs=KNOWN_OF_IMAGES["photographs"],
    output:
        predictions=at(layout.OUT_OF_FOLD) + "/predictions.csv",
        history=at(layout.OUT_OF_FOLD) + "/history.csv",
    params:
        recipe=plain(D.label_errors.recipe),
        images=D.images,
        seed=S.seed,
    log:
        "logs/datacentric/fold-{fold}.log",
    benchmark:
        "benchmarks/datacentric/fold-{fold}.tsv"
    threads: D.label_errors.recipe.threads
    resources:
        mem_mb=more(2000),
        runtime=more(240),
    priority: 10
    script:
        "../scripts/datacentric_fold.py"


rule datacentric_label_errors:
    """Labels that confident learning doubts."""
    input:
        **IMAGES,
        predictions=expand(at(layout.OUT_OF_FOLD) + "/predictions.csv", fold=range(D.label_errors.folds)),
    output:
        table("label_errors"),
    params:
        filter=D.label_errors.filter,
    log:
        "logs/datacentric/label_errors.log",
    resources:
        mem_mb=more(1000),
        runtime=more(30),
    script:
        "../scripts/datacentric_label_errors.py"


rule datacentric_cleaning:
    """The cleaned split: keep or drop, for every image, and by which rule."""
    input:
        **{name: table(name) for name in FOUND},
        judged=expand(at(layout.OUT_OF_FOLD) + "/predictions.csv", fold=range(D.label_errors.folds)),
        manifest=at(layout.MANIFEST),
    output:
        cleaned=CLEANED,
        cleaning=table("cleaning"),
        data_quality=table("data_quality"),
    params:
        **THRESHOLDS,
        filter=D.label_errors.filter,
        margin=D.label_errors.margin,
        images=D.images,
        cleaning=D.cleaning,
        training_only=D.training_only,
    log:
        "logs/datacentric/cleaning.log",
    resources:
        mem_mb=more(2000),
        runtime=more(30),
    script:
        "../scripts/datacentric_cleaning.py"


rule datacentric_cell:
    """One row of the comparison under one protocol."""
    input:
        **IMAGES,
        photographs=KNOWN_OF_IMAGES["photographs"],
    output:
        predictions=at(layout.CELL) + "/predictions.csv",
        history=at(layout.CELL) + "/history.csv",
        sides=at(layout.CELL) + "/sides.csv",
    params:
        recipe=plain(D.recipe),
        images=D.images,
        neighbours=lambda w: D.neighbours if w.sampling == "smote" else 1,
        seed=S.seed,
    log:
        "logs/datacentric/{network}-{sampling}-{protocol}.log",
    benchmark:
        "benchmarks/datacentric/{network}-{sampling}-{protocol}.tsv"
    threads: D.recipe.threads
    resources:
        mem_mb=more(lambda w: 4000 if w.sampling == "smote" else 2000),
        runtime=more(240),
    script:
        "../scripts/datacentric_cell.py"


rule datacentric_comparison:
    """Both protocols and their difference, with intervals."""
    input:
        predictions=lambda w: [
            f"{at(layout.CELL, network=network, sampling=sampling, protocol=protocol)}/predictions.csv"
            for network, sampling in COMPARED[w.comparison]
            for protocol in ("published", "honest")
        ],
        sides=lambda w: [
            f"{at(layout.CELL, network=network, sampling=sampling, protocol=protocol)}/sides.csv"
            for network, sampling in COMPARED[w.comparison]
            for protocol in ("published", "honest")
        ],
    output:
        at(layout.TABLES) + "/{comparison}.csv",
    params:
        rows=lambda w: COMPARED[w.comparison],
        evaluation=plain(S.evaluation),
        seed=S.seed,
    log:
        "logs/datacentric/{comparison}.log",
    resources:
        mem_mb=more(3000),
        runtime=more(60),
    script:
        "../scripts/datacentric_comparison.py"


rule datacentric_cleaned_cell:
    """A network trained on what the cleaned split keeps, and judged on all official test images."""
    input:
        **IMAGES,
        photographs=KNOWN_OF_IMAGES["photographs"],
        cleaned=CLEANED,
    output:
        predictions=at(layout.CELL, sampling="none", protocol="cleaned") + "/predictions.csv",
        history=at(layout.CELL, sampling="none", protocol="cleaned") + "/history.csv",
        sides=at(layout.CELL, sampling="none", protocol="cleaned") + "/sides.csv",
    params:
        recipe=plain(D.recipe),
        images=D.images,
        seed=S.seed,
    log:
        "logs/datacentric/{network}-none-cleaned.log",
    benchmark:
        "benchmarks/datacentric/{network}-none-cleaned.tsv"
    threads: D.recipe.threads
    resources:
        mem_mb=more(2000),
        runtime=more(240),
    script:
        "../scripts/datacentric_cleaned_cell.py"


rule datacentric_cleaned_training:
    """The official training images beside the cleaned ones."""
    input:
        predictions=cleaned_cells("predictions"),
        sides=cleaned_cells("sides"),
    output:
        table("cleaned_training"),
    params:
        networks=D.cleaned,
        evaluation=plain(S.evaluation),
        seed=S.seed,
    log:
        "logs/datacentric/cleaned_training.log",
    resources:
        mem_mb=more(2000),
        runtime=more(60),
    script:
        "../scripts/datacentric_cleaned_training.py"


rule datacentric_beside:
    """The paper's numbers and ours."""
    input:
        quality=table("data_quality"),
        compared=[table(name) for name in COMPARED],
    output:
        table("datacentric"),
    log:
        "logs/datacentric/beside.log",
    resources:
        mem_mb=more(2000),
        runtime=more(30),
    script:
        "../scripts/datacentric_beside.py"


rule figures_of_quality:
    """Sheets of example images, and the box plot."""
    input:
        **IMAGES,
        **{name: table(name) for name in [*FOUND, "pixel_boxes"]},
        pixel_means=KNOWN_OF_IMAGES["pixel_means"],
    output:
        pixel_means=shown_figure("pixel_means", "Mean grey level per class", "3 Images"),
        **{name: shown_figure(f"sheet-{name}", title, "3 Images") for name, title in SHEETS.items()},
    params:
        sheet=D.sheet,
        margin=D.label_errors.margin,
        whiskers=D.whiskers,
    log:
        "logs/datacentric/figures_of_quality.log",
    resources:
        mem_mb=more(2000),
        runtime=more(10),
    script:
        "../scripts/figures_of_quality.py"


rule figures_of_protocols:
    input:
        at(layout.TABLES) + "/{comparison}.csv",
    output:
        report(
            at(layout.FIGURES) + "/protocols-{comparison}.svg",
            category="1 Results",
            labels={"shown": "Both protocols: {comparison}", "kind": "figure"},
            caption="../report/protocols.rst",
        ),
    params:
        confidence=S.evaluation.confidence,
    log:
        "logs/datacentric/figures_of_{comparison}.log",
    resources:
        mem_mb=more(1000),
        runtime=more(5),
    script:
        "../scripts/figures_of_protocols.py"


SHOWN["datacentric"] = ("reference", "The data-centric paper: published and ours", "1 Results")
for name, title in {
    "sampling": "Sampling before the split and after it; before, the test is balanced: compare the recall",
    "variants": "Variants of the CNN-LSTM, by either protocol",
}.items():
    if name in COMPARED:
        SHOWN[name] = ("sampling", title, "1 Results")
if D.cleaned:
    title = "Training on the official and on the cleaned images, judged on the same test images"
    SHOWN["cleaned_training"] = ("cleaned_training", title, "1 Results")
SHOWN |= {
    "data_quality": ("data_quality", "What was found in the images", "3 Images"),
    "cleaning": ("cleaning", "The cleaned split, rule by rule", "3 Images"),
    "near_distances": ("near_distances", "Near duplicates: labels by distance", "3 Images"),
    "pixel_boxes": ("pixel_boxes", "Mean grey level per class", "3 Images"),
    "constant_images": ("constant_images", "Nearly constant images", "3 Images"),
}
# The long ones are tables to look things up in, and no pages of the report.
DATACENTRIC = [
    CLEANED,
    *(table(name) for name in ("exact_duplicates", "near_duplicates", "outliers", "label_errors")),
]
RESULTS += DATACENTRIC
DATACENTRIC_FIGURES = [figure(name) for name in ["pixel_means", *(f"sheet-{name}" for name in SHEETS)]] + [
    figure(f"protocols-{name}") for name in COMPARED
]
FIGURES += DATACENTRIC_FIGURES


rule all_datacentric:
    input:
        DATACENTRIC,
        DATACENTRIC_FIGURES,
        table("datacentric"),
        table("data_quality"),
        table("cleaning"),
        [table(name) for name in COMPARED],
