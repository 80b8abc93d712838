# The images of a study, and the predictions of each of its networks for its test images.


if S.stills.by_subject:

    rule stills_by_subject:
        """The faces in a set without official parts, and the subjects of each part."""
        input:
            STUDY.face_weights(),
            root=S.stills.path,
        output:
            images=STUDY.at(layout.POOL),
            manifest=STUDY.at(layout.MANIFEST),
        params:
            **params("stills_by_subject"),
        log:
            "logs/stills_by_subject.log",
        conda:
            "../envs/ferflow.yaml"
        resources:
            **resources("stills_by_subject"),
        script:
            "../scripts/step.py"

else:

    rule image_manifest:
        """Every image with its class, official part and hash."""
        input:
            stills=STUDY.stills,
        output:
            STUDY.at(layout.MANIFEST),
        params:
            **params("image_manifest"),
        log:
            "logs/image_manifest.log",
        conda:
            "../envs/ferflow.yaml"
        resources:
            **resources("image_manifest"),
        script:
            "../scripts/step.py"


rule further_images:
    """The faces of a further set in FER2013's form: networks that name it are trained on all of them."""
    input:
        STUDY.face_weights(),
        root=lambda w: S.images.folders[w.further],
    output:
        images=layout.FURTHER,
        manifest=f"{Path(layout.FURTHER).parent}/manifest.csv",
    params:
        **params("further_images", name=lambda w: w.further),
    wildcard_constraints:
        further="|".join(S.images.folders),
    log:
        "logs/further_images/{further}.log",
    conda:
        "../envs/ferflow.yaml"
    resources:
        **resources("further_images"),
    script:
        "../scripts/step.py"


rule image_counts:
    """Images per class and data set, beside the numbers that the papers print."""
    input:
        # Folders are read where they are there, and named where they are not.
        STUDY.image_folders(),
        manifest_csv=STUDY.at(layout.MANIFEST),
    output:
        STUDY.table("image_counts"),
    params:
        **params("image_counts", folders=S.images.folders, sequences=as_params(S.images.sequences)),
    log:
        "logs/image_counts.log",
    conda:
        "../envs/ferflow.yaml"
    resources:
        **resources("image_counts"),
    script:
        "../scripts/step.py"


rule views:
    """Predictions for both test parts, and which images of them the network has learnt from."""
    input:
        stills=STUDY.stills,
        model_pt=f"{STUDY.at(layout.SPATIAL)}/model.pt",
    output:
        **in_folder(STUDY.at(layout.VIEWS), "predictions.csv", "copies.csv"),
    params:
        **params(
            "views",
            views=S.images.views,
            batch=lambda w: STUDY.recipe(w.model).batch,
            threads=lambda w: STUDY.recipe(w.model).threads,
            seed=lambda w: STUDY.seed_of(w.model),
            watched=lambda w: STUDY.recipe(w.model).network,
        ),
    log:
        "logs/views/{model}.log",
    benchmark:
        "benchmarks/views/{model}.tsv"
    conda:
        "../envs/ferflow.yaml"
    threads: lambda w: STUDY.recipe(w.model).threads
    resources:
        **resources("views"),
    script:
        "../scripts/step.py"
