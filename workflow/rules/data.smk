# The embedded data set, the list of clips, and the split of subjects.
SUBJECTS = READY.subjects
BY = list(READY.by)
HEADS = list(S.temporal.heads)
FOLDS = range(S.splits.folds)
# Without test subjects cross-validation is all there is, and models are judged by it.
TESTED = S.splits.tested
config |= {"tested": TESTED, "folds": len(FOLDS)}  # for the captions of the report
# What the features are made of: the layers and as many augmented versions as any head asks for, in one pass.
ASKED = [(S.features.layer, head.augmentations) for head in S.temporal.heads.values()]
ASKED += [
    (run.layer or S.features.layer, S.of_run(name).augmentations)
    for name, run in S.experiments.trained().items()
    if run.of in HEADS
]
ASKED += [(S.features.layer, S.search.greatest(head, "augmentations") or 0) for head in S.search.run]
ASKED += [("dense", 0)] if S.baselines.run else []
LAYERS = list(dict.fromkeys(layer for layer, _ in ASKED)) or [S.features.layer]
AUGMENTATIONS = S.augment.transformations[: max((count for _, count in ASKED), default=0)]
# What is done with clips that cannot be used changes nothing of the list of all clips.
LISTED = plain(S.dataset) | {"unusable": "stop", "least_tracked": 0}
SYNTH_CLIPS = [f"{S.dataset.root}/{{subject}}_{e}_tex.avi" for e in S.emotions]
SYNTH_TRUTH = f"{S.dataset.root}/truth/{{subject}}.csv"
SYNTH_AU_TRUTH = [f"{S.dataset.root}/truth/{{subject}}_{e}.csv" for e in S.emotions]


wildcard_constraints:
    subject="[A-Za-z0-9._+-]+",
    head="|".join(HEADS) or "none",
    fold=r"\d+",


if SYNTHETIC:

    rule synth4d:
        input:
            weights("au_to_mesh.npz"),
            weights("face_tessellation.json"),
        output:
            clips=SYNTH_CLIPS,
            aus=SYNTH_AU_TRUTH,
            truth=SYNTH_TRUTH,
        params:
            synth4d=plain(S.synth4d),
            emotions=S.emotions,
            seed=S.seed,
            root=S.dataset.root,
            weights=layout.WEIGHTS,
        log:
            "logs/synth4d/{subject}.log",
        benchmark:
            "benchmarks/synth4d/{subject}.tsv"
        resources:
            mem_mb=more(800),
            runtime=more(10),
        script:
            "../scripts/synth4d.py"

    # Named before they are rendered.
    SOURCES = {
        subject: {
            f"{subject}_{emotion}": clip.format(subject=subject)
            for emotion, clip in zip(S.emotions, SYNTH_CLIPS, strict=True)
        }
        for subject in SUBJECTS
    }

else:
    SOURCES = {subject: {} for subject in SUBJECTS}
    for clip in READY.clips:
        SOURCES[clip.subject_id][clip.clip_id] = str(clip.source)


rule manifest:
    input:
        [list(clips.values()) for clips in SOURCES.values()],
    output:
        at(layout.MANIFEST),
    params:
        dataset=LISTED,
        emotions=S.emotions,
    log:
        "logs/manifest.log",
    resources:
        mem_mb=more(1000),
        runtime=more(30),
    script:
        "../scripts/manifest.py"


rule dataset:
    """What the data set should hold and what it does, and where its subjects stand."""
    input:
        manifest=at(layout.MANIFEST),
        unusable=table("unusable"),
        splits=at(layout.SPLITS),
    output:
        table("dataset"),
    params:
        dataset=LISTED,
        synth4d=plain(S.synth4d),
    log:
        "logs/dataset.log",
    resources:
        mem_mb=more(2000),
        runtime=more(30),
    script:
        "../scripts/dataset.py"


rule splits:
    input:
        clips=at(layout.CLIPS),
    output:
        at(layout.SPLITS),
    params:
        splits={name: value for name, value in plain(S.splits).items() if name != "compared"},
        by_name=S.dataset.name == "bu4dfe",
        seed=S.seed,
        protocol=S.protocol,
    log:
        "logs/splits.log",
    resources:
        mem_mb=more(2000),
        runtime=more(30),
    script:
        "../scripts/splits.py"


SHOWN["dataset"] = ("dataset", "The data set: expected and found", "3 Faces and trimming")
