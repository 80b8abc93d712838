# The embedded data set, the list of clips, and the split of subjects.


wildcard_constraints:
    subject="[A-Za-z0-9._+~-]+",
    head="|".join(STUDY.heads) or "none",
    fold=r"\d+",


if STUDY.synthetic:

    rule synth4d:
        input:
            STUDY.weights("au_to_mesh.npz"),
            STUDY.weights("face_tessellation.json"),
        output:
            clips=STUDY.rendered_clips,
            aus=STUDY.rendered_aus,
            truth=STUDY.rendered_truth,
        params:
            **params("synth4d"),
        log:
            "logs/synth4d/{subject}.log",
        benchmark:
            "benchmarks/synth4d/{subject}.tsv"
        group:
            STEPS["synth4d"].group
        conda:
            "../envs/ferflow.yaml"
        resources:
            **resources("synth4d"),
        script:
            "../scripts/step.py"


rule manifest:
    input:
        faces=STUDY.of_subjects(layout.FACES),
    output:
        STUDY.at(layout.MANIFEST),
    params:
        **params("manifest", dataset=STUDY.listed()),
    log:
        "logs/manifest.log",
    conda:
        "../envs/ferflow.yaml"
    resources:
        **resources("manifest"),
    script:
        "../scripts/step.py"


rule splits:
    input:
        clips_csv=STUDY.clips,
    output:
        STUDY.splits,
    params:
        **params("splits", splits=as_params(S.splits) | {"compared": []}, by_name=S.dataset.name == "bu4dfe"),
    log:
        "logs/splits.log",
    group:
        STEPS["splits"].group
    conda:
        "../envs/ferflow.yaml"
    resources:
        **resources("splits"),
    script:
        "../scripts/step.py"
