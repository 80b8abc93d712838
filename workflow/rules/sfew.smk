# Transfer learning on faces in scenes (SFEW): scenes and face crops, folds, networks, hand-made features.


wildcard_constraints:
    network="[a-z0-9_]+",
    unfrozen="[012]",
    images="|".join(STUDY.images),
    detector="[a-z]+",
    protocol="random|film|spi",
    run="|".join(map(re.escape, STUDY.runs)) or "none",


if STUDY.synthetic:

    rule scenes:
        """Whole pictures with rendered faces, in SFEW's layout. The mark is written last."""
        input:
            STUDY.weights("au_to_mesh.npz"),
            STUDY.weights("face_tessellation.json"),
        output:
            mark=STUDY.scenes,
            truth=f"{S.sfew.dataset.path}/truth.csv",
        params:
            **params("scenes"),
        log:
            "logs/sfew/scenes.log",
        benchmark:
            "benchmarks/sfew/scenes.tsv"
        conda:
            "../envs/ferflow.yaml"
        resources:
            **resources("scenes"),
        priority: 20  # all else waits for it
        script:
            "../scripts/step.py"


rule sfew_manifest:
    """Every scene with its class, film and set; those left out, and how many of each class there are."""
    input:
        STUDY.scenes,
    output:
        manifest=STUDY.manifest,
        dropped=STUDY.table("sfew_dropped"),
        counts=STUDY.table("sfew_counts"),
    params:
        **params("sfew_manifest", root=lambda w: S.sfew.dataset.path),
    log:
        "logs/sfew/manifest.log",
    benchmark:
        "benchmarks/sfew/manifest.tsv"
    conda:
        "../envs/ferflow.yaml"
    resources:
        **resources("sfew_manifest"),
    script:
        "../scripts/step.py"


rule sfew_originals:
    """Whole scenes as the networks take them."""
    input:
        manifest_csv=STUDY.manifest,
    output:
        STUDY.images["originals"],
    params:
        **params("sfew_originals"),
    log:
        "logs/sfew/originals.log",
    benchmark:
        "benchmarks/sfew/originals.tsv"
    conda:
        "../envs/ferflow.yaml"
    resources:
        **resources("sfew_originals"),
    script:
        "../scripts/step.py"


rule sfew_crops:
    """Detect and cut out the face that counts in each scene, and measure its quality."""
    input:
        lambda w: STUDY.detector_weights(w.detector),
        [S.sfew.crops.manual_boxes] if S.sfew.crops.manual_boxes else [],
        manifest_csv=STUDY.manifest,
    output:
        crops=STUDY.at(layout.SFEW_CROPS),
        table=STUDY.at(layout.SFEW_CROPS_TABLE),
    params:
        **params("sfew_crops", name=lambda w: w.detector),
    log:
        "logs/sfew/crops-{detector}.log",
    benchmark:
        "benchmarks/sfew/crops-{detector}.tsv"
    conda:
        "../envs/ferflow.yaml"
    resources:
        **resources("sfew_crops"),
    priority: 10
    script:
        "../scripts/step.py"


rule sfew_folds_of:
    """The fold in which each image is tested."""
    input:
        manifest_csv=STUDY.manifest,
    output:
        STUDY.at(layout.SFEW_FOLDS),
    params:
        **params("sfew_folds_of"),
    log:
        "logs/sfew/folds-{protocol}.log",
    conda:
        "../envs/ferflow.yaml"
    resources:
        **resources("sfew_folds_of"),
    script:
        "../scripts/step.py"


rule sfew_frozen:
    """Cache the features of a network's frozen stages for every image."""
    input:
        lambda w: STUDY.start_of(w.network),
        images_h5=lambda w: STUDY.images[w.images],
    output:
        STUDY.frozen,
    params:
        **params("sfew_frozen", start=lambda w: S.sfew.transfer.start_of(w.network)),
    log:
        "logs/sfew/frozen/{network}-{unfrozen}-{images}.log",
    benchmark:
        "benchmarks/sfew/frozen/{network}-{unfrozen}-{images}.tsv"
    conda:
        "../envs/ferflow.yaml"
    threads: S.sfew.transfer.threads
    resources:
        **resources("sfew_frozen"),
    priority: 10
    script:
        "../scripts/step.py"


rule sfew_run:
    """One training in each fold of a protocol, evaluated after several numbers of epochs."""
    input:
        manifest_csv=STUDY.manifest,
        folds_csv=STUDY.at(layout.SFEW_FOLDS),
        features_h5=lambda w: STUDY.run_features(w.run),
        weights=lambda w: STUDY.run_start(w.run),
    output:
        **in_folder(STUDY.at(layout.SFEW_RUN), "predictions.csv", "runs.csv", "history.csv"),
    params:
        **params(
            "sfew_run",
            run=lambda w: STUDY.run(w.run, w.protocol),
            transfer=lambda w: STUDY.trained(w.protocol),
        ),
    log:
        "logs/sfew/{protocol}-{run}.log",
    benchmark:
        "benchmarks/sfew/{protocol}-{run}.tsv"
    conda:
        "../envs/ferflow.yaml"
    threads: S.sfew.transfer.threads
    resources:
        **resources("sfew_run"),
    priority: 5
    script:
        "../scripts/step.py"


if STUDY.handmade.under():

    rule sfew_handmade:
        """LPQ and PHOG of the crops with a support vector machine: one job, since all of them take seconds."""
        input:
            crops_h5=STUDY.images["crops"],
            manifest_csv=STUDY.manifest,
            folds_csvs=STUDY.folds_of(STUDY.handmade.protocols),
        output:
            predictions=STUDY.of_handmade(),
        params:
            **params("sfew_handmade"),
        log:
            "logs/sfew/handmade.log",
        benchmark:
            "benchmarks/sfew/handmade.tsv"
        conda:
            "../envs/ferflow.yaml"
        resources:
            **resources("sfew_handmade"),
        script:
            "../scripts/step.py"
