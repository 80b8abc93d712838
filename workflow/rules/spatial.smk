# Networks for single images: the stills that they learn from, and one training job for each.


wildcard_constraints:
    model="|".join(map(re.escape, STUDY.networks_for_images)) or "none",


if STUDY.renders_stills:

    rule stills:
        input:
            STUDY.weights("au_to_mesh.npz"),
            STUDY.weights("face_tessellation.json"),
        output:
            S.stills.path,
        params:
            **params("stills"),
        log:
            "logs/stills.log",
        benchmark:
            "benchmarks/stills.tsv"
        conda:
            "../envs/ferflow.yaml"
        resources:
            **resources("stills"),
        priority: 20  # the longest chain of jobs begins here
        script:
            "../scripts/step.py"


rule spatial:
    input:
        stills=lambda w: STUDY.stills if STUDY.recipe(w.model).weights is None else [],
        pretrained=lambda w: STUDY.start_of(w.model),
        adopted=lambda w: STUDY.adopted(w.model),
        further=lambda w: STUDY.further(w.model),
    output:
        **in_folder(STUDY.at(layout.SPATIAL), "model.pt", "history.csv", "predictions.csv", "time.json"),
    params:
        **params(
            "spatial",
            settings=lambda w: as_params(STUDY.recipe(w.model)),
            seed=lambda w: STUDY.seed_of(w.model),
            synthetic=STUDY.synthetic_stills,
            # An interrupted training goes on from its checkpoints here; they are nobody's output.
            run=STUDY.at(layout.RUN),
        ),
    wildcard_constraints:
        # The others are fine-tuned in steps of their own.
        model="|".join(re.escape(n) for n in STUDY.networks_for_images if n not in STUDY.finetuned) or "none",
    log:
        "logs/spatial/{model}.log",
    benchmark:
        "benchmarks/spatial/{model}.tsv"
    conda:
        "../envs/ferflow.yaml"
    threads: lambda w: STUDY.recipe(w.model).threads
    resources:
        **resources("spatial"),
    priority: 20  # what hangs on it is long
    script:
        "../scripts/step.py"
