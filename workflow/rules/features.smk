# Spatial features of every tracked frame, of the clips as they are and of their augmented versions.


rule features:
    input:
        faces=STUDY.at(layout.FACES),
        model=f"{STUDY.spatial}/model.pt",
    output:
        features=each(
            STUDY.at(layout.FEATURES, layer="{layer}"),
            augmentation=["none", *STUDY.augmentations],
            layer=STUDY.layers,
        ),
    params:
        **params(
            "features",
            settings=as_params(S.features) | {"normalise": "none"},
            layers=STUDY.layers,
            augmentations=["none", *STUDY.augmentations],
            listing=S.augment.listing,
            watched=S.spatial.network,
        ),
    log:
        "logs/features/{subject}.log",
    benchmark:
        "benchmarks/features/{subject}.tsv"
    group:
        group_of_shard("features")
    conda:
        "../envs/ferflow.yaml"
    threads: S.features.threads
    resources:
        **resources("features"),
    script:
        "../scripts/step.py"


rule export:
    """The thesis's own layout, for others: fold i's own clips, originals only."""
    input:
        features=STUDY.all_features(),
        manifest=STUDY.clips,
        trim=STUDY.trim,
        splits=STUDY.splits,
    output:
        directory(STUDY.at(layout.EXPORT)),
    params:
        **params("export", max_frames=S.features.max_frames),
    log:
        "logs/export.log",
    conda:
        "../envs/ferflow.yaml"
    resources:
        **resources("export"),
    script:
        "../scripts/step.py"
