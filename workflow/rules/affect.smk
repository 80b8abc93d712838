# Expression with valence and arousal (AffectNet): the manifest of images, and one training job a network.


wildcard_constraints:
    model="|".join(map(re.escape, STUDY.models)),


if STUDY.synthetic:

    rule affect_images:
        """Faces in AffectNet's layout. The table of what they show is written last."""
        input:
            STUDY.weights("au_to_mesh.npz"),
            STUDY.weights("face_tessellation.json"),
        output:
            STUDY.truth,
        params:
            **params("affect_images"),
        log:
            "logs/affect_images.log",
        benchmark:
            "benchmarks/affect_images.tsv"
        conda:
            "../envs/ferflow.yaml"
        resources:
            **resources("affect_images"),
        priority: 20  # the longest chain of jobs begins here
        script:
            "../scripts/step.py"


rule affect_manifest:
    """Every image that has an expression, and what was dropped; 300,000 images have 900,000 annotations."""
    input:
        STUDY.truth,
    output:
        manifest=STUDY.manifest,
        counts=STUDY.table("affect_counts"),
    params:
        **params("affect_manifest", root=lambda w: S.affect.dataset.path),
    log:
        "logs/affect_manifest.log",
    benchmark:
        "benchmarks/affect_manifest.tsv"
    conda:
        "../envs/ferflow.yaml"
    resources:
        **resources("affect_manifest"),
    script:
        "../scripts/step.py"


rule affect_network:
    """Trained on the training part and evaluated on the validation part."""
    input:
        manifest_csv=STUDY.manifest,
        start=lambda w: STUDY.start_of(w.model),
    output:
        **in_folder(
            STUDY.at(layout.AFFECT_MODEL),
            "model.pt",
            "history.csv",
            "predictions.csv",
            "model_info.csv",
            "time.json",
        ),
    params:
        **params(
            "affect_network",
            name=lambda w: w.model,
            model=lambda w: as_params(STUDY.models[w.model]),
            synthetic=STUDY.synthetic,
            # An interrupted training goes on from its checkpoints here, in the middle of an epoch too.
            run=STUDY.at(layout.RUN),
        ),
    log:
        "logs/affect/{model}.log",
    benchmark:
        "benchmarks/affect/{model}.tsv"
    conda:
        "../envs/ferflow.yaml"
    threads: lambda w: STUDY.models[w.model].threads
    resources:
        **resources("affect_network"),
    priority: 20  # what hangs on it is long
    script:
        "../scripts/step.py"


rule affect_speed:
    """Whether decoding and augmentation keep up with each network's training step."""
    input:
        manifest_csv=STUDY.manifest,
    output:
        STUDY.table("affect_speed"),
    params:
        **params("affect_speed", synthetic=STUDY.synthetic),
    log:
        "logs/affect_speed.log",
    benchmark:
        "benchmarks/affect_speed.tsv"
    conda:
        "../envs/ferflow.yaml"
    # The step and the loader are measured one after the other, on the same cores.
    threads: S.affect.loading.workers
    resources:
        **resources("affect_speed"),
    script:
        "../scripts/step.py"
