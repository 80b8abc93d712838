# The spatial model, the temporal heads fold by fold, the final models, and two controls.
ORIGINALS = expand(at(layout.FEATURES), augmentation="none", subject=SUBJECTS)


def head_features(head):
    """Feature files that a head trains on: the originals and its share of the augmented versions."""
    count = S.temporal.heads[head].augmentations
    names = ["none", *S.augment.transformations[:count]]
    return expand(at(layout.FEATURES), augmentation=names, subject=SUBJECTS)


rule spatial:
    input:
        stills=S.stills.path if S.spatial.weights is None else [],
        weights=[] if S.spatial.weights is None else S.spatial.weights,
    output:
        model=at(layout.SPATIAL) + "/model.pt",
        history=at(layout.SPATIAL) + "/history.csv",
        predictions=at(layout.SPATIAL) + "/predictions.csv",
    params:
        spatial=plain(S.spatial),
        seed=S.seed,
        synthetic=S.stills.source == "synth4d",
    log:
        "logs/spatial.log",
    benchmark:
        "benchmarks/spatial.tsv"
    threads: S.spatial.threads
    resources:
        mem_mb=4000,
        runtime=240,
    script:
        "../scripts/spatial.py"


rule fold:
    input:
        features=lambda w: head_features(w.head),
        manifest=at(layout.MANIFEST),
        trim=at(layout.TRIM),
        splits=at(layout.SPLITS),
    output:
        history=at(layout.FOLD) + "/history.csv",
        predictions=at(layout.FOLD) + "/predictions.csv",
        early_history=at(layout.FOLD) + "/early.csv",
        early=at(layout.FOLD) + "/early.json",
    params:
        head=lambda w: plain(S.temporal.heads[w.head]),
        temporal=plain(S.temporal),
        finalize=plain(S.finalize),
        augmentations=lambda w: S.augment.transformations[: S.temporal.heads[w.head].augmentations],
        max_frames=S.features.max_frames,
        seed=S.seed,
    log:
        "logs/fold/{head}-{fold}.log",
    benchmark:
        "benchmarks/fold/{head}-{fold}.tsv"
    threads: S.temporal.threads
    resources:
        mem_mb=3000,
        runtime=240,
    script:
        "../scripts/fold.py"


rule final:
    input:
        features=lambda w: head_features(w.head),
        early=expand(at(layout.FOLD) + "/early.json", fold=FOLDS, allow_missing=True),
        manifest=at(layout.MANIFEST),
        trim=at(layout.TRIM),
        splits=at(layout.SPLITS),
        spatial=at(layout.SPATIAL) + "/model.pt",
    output:
        model=at(layout.FINAL) + "/model.pt",
        history=at(layout.FINAL) + "/history.csv",
        predictions=at(layout.FINAL) + "/predictions.csv",
    params:
        settings=plain(S),
    log:
        "logs/final/{head}.log",
    benchmark:
        "benchmarks/final/{head}.tsv"
    threads: S.temporal.threads
    resources:
        mem_mb=3000,
        runtime=120,
    script:
        "../scripts/final.py"
