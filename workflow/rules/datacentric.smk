# The data-centric study (Adel 2023): what is wrong with the images, and networks trained on them as they are,
# resampled, and cleaned. Every row of its comparison is one job.


wildcard_constraints:
    fold=r"\d+",
    network="|".join(dict(S.datacentric.rows())) or "none",
    sampling="|".join({sampling for _, sampling in S.datacentric.rows()}) or "none",
    protocol="published|honest|cleaned",


rule datacentric_images:
    """FER2013 unpacked once, row for row as in the manifest."""
    input:
        stills=STUDY.stills,
    output:
        STUDY.at(layout.POOL),
    params:
        **params("datacentric_images"),
    log:
        "logs/datacentric/images.log",
    conda:
        "../envs/ferflow.yaml"
    resources:
        **resources("datacentric_images"),
    script:
        "../scripts/step.py"


rule datacentric_quality:
    """Copies, near copies, empty images and outliers: what needs no network."""
    input:
        pixels=STUDY.at(layout.POOL),
        manifest_csv=STUDY.at(layout.MANIFEST),
    output:
        **STUDY.tables("exact_duplicates", "near_duplicates", "near_distances"),
        **STUDY.tables("constant_images", "pixel_boxes", "outliers"),
        **in_folder(STUDY.at(layout.DATACENTRIC), "photographs.csv", "pixel_means.csv"),
    params:
        **params(
            "datacentric_quality",
            constant=S.datacentric.constant,
            near_distance=S.datacentric.near_distance,
            whiskers=S.datacentric.whiskers,
            folds=S.datacentric.label_errors.folds,
        ),
    log:
        "logs/datacentric/quality.log",
    benchmark:
        "benchmarks/datacentric/quality.tsv"
    conda:
        "../envs/ferflow.yaml"
    resources:
        **resources("datacentric_quality"),
    priority: 20  # all else waits for it
    script:
        "../scripts/step.py"


rule datacentric_fold:
    """Predictions of the images of this fold by a network that did not see them."""
    input:
        **STUDY.pool,
    output:
        **in_folder(STUDY.at(layout.OUT_OF_FOLD), "predictions.csv", "history.csv"),
    params:
        **params(
            "datacentric_fold",
            recipe=as_params(S.datacentric.label_errors.recipe),
            n_images=S.datacentric.images,
        ),
    log:
        "logs/datacentric/fold-{fold}.log",
    benchmark:
        "benchmarks/datacentric/fold-{fold}.tsv"
    conda:
        "../envs/ferflow.yaml"
    threads: S.datacentric.label_errors.recipe.threads
    resources:
        **resources("datacentric_fold"),
    priority: 10
    script:
        "../scripts/step.py"


rule datacentric_label_errors:
    """Labels that confident learning suspects."""
    input:
        pixels=STUDY.at(layout.POOL),
        manifest_csv=STUDY.at(layout.MANIFEST),
        predictions_csvs=STUDY.out_of_fold(),
    output:
        STUDY.table("label_errors"),
    params:
        **params("datacentric_label_errors", how=S.datacentric.label_errors.filter),
    log:
        "logs/datacentric/label_errors.log",
    conda:
        "../envs/ferflow.yaml"
    resources:
        **resources("datacentric_label_errors"),
    script:
        "../scripts/step.py"


rule datacentric_cleaning:
    """The cleaned split: keep or drop, for every image, and by which rule."""
    input:
        flaws_csvs=STUDY.flaws,
        predictions_csvs=STUDY.out_of_fold(),
        manifest_csv=STUDY.at(layout.MANIFEST),
    output:
        cleaned=STUDY.cleaned,
        **STUDY.tables("cleaning", "data_quality"),
    params:
        **params(
            "datacentric_cleaning",
            constant=S.datacentric.constant,
            near_distance=S.datacentric.near_distance,
            whiskers=S.datacentric.whiskers,
            how=S.datacentric.label_errors.filter,
            margin=S.datacentric.label_errors.margin,
            n_images=S.datacentric.images,
            rules=S.datacentric.cleaning,
            training_only=S.datacentric.training_only,
        ),
    log:
        "logs/datacentric/cleaning.log",
    conda:
        "../envs/ferflow.yaml"
    resources:
        **resources("datacentric_cleaning"),
    script:
        "../scripts/step.py"


rule datacentric_row:
    """One row of the comparison under one protocol; `cleaned` learns from what the cleaned split keeps."""
    input:
        **STUDY.pool,
        cleaned_csv=lambda w: STUDY.cleaned if w.protocol == "cleaned" else [],
    output:
        **in_folder(STUDY.at(layout.DATACENTRIC_ROW), "predictions.csv", "history.csv", "sides.csv"),
    params:
        **params(
            "datacentric_row",
            recipe=as_params(S.datacentric.recipe),
            n_images=S.datacentric.images,
            neighbours=lambda w: S.datacentric.neighbours if w.sampling == "smote" else 1,
        ),
    log:
        "logs/datacentric/{network}-{sampling}-{protocol}.log",
    benchmark:
        "benchmarks/datacentric/{network}-{sampling}-{protocol}.tsv"
    conda:
        "../envs/ferflow.yaml"
    threads: S.datacentric.recipe.threads
    resources:
        **resources("datacentric_row"),
    script:
        "../scripts/step.py"
