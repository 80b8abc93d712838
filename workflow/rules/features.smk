# Spatial features of every tracked frame, of the clips as they are and of their augmented versions.
SPATIAL = at(layout.SPATIAL, model=S.spatial.network)


rule features:
    input:
        faces=at(layout.FACES),
        model=SPATIAL + "/model.pt",
    output:
        expand(
            at(layout.FEATURES, layer="{layer}"),
            augmentation=["none", *AUGMENTATIONS],
            layer=LAYERS,
            allow_missing=True,
        ),
    params:
        features={name: value for name, value in plain(S.features).items() if name != "normalise"},
        layers=LAYERS,
        augmentations=["none", *AUGMENTATIONS],
        listing=S.augment.listing,
        seed=S.seed,
    log:
        "logs/features/{subject}.log",
    benchmark:
        "benchmarks/features/{subject}.tsv"
    threads: S.features.threads
    resources:
        mem_mb=more(2000),
        runtime=more(90),
    script:
        "../scripts/features.py"


rule export:
    """The thesis's own layout, for others: fold i's own clips, originals only."""
    input:
        features=expand(at(layout.FEATURES), augmentation="none", subject=SUBJECTS),
        manifest=at(layout.CLIPS),
        trim=at(layout.TRIM),
        splits=at(layout.SPLITS),
    output:
        directory(at(layout.EXPORT)),
    params:
        max_frames=S.features.max_frames,
        emotions=S.emotions,
    log:
        "logs/export.log",
    resources:
        mem_mb=more(2000),
        runtime=more(30),
    script:
        "../scripts/export.py"
