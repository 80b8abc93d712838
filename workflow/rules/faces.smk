# Faces, action units, and the frames that are kept.


rule faces:
    input:
        STUDY.face_weights(),
        # Not the manifest: a new subject must not send the others through again.
        clips=lambda w: list(STUDY.clips_of(w.subject).values()),
    output:
        STUDY.at(layout.FACES),
    params:
        **params("faces", clip_ids=lambda w: list(STUDY.clips_of(w.subject))),
    log:
        "logs/faces/{subject}.log",
    benchmark:
        "benchmarks/faces/{subject}.tsv"
    group:
        group_of_shard("faces")
    conda:
        "../envs/ferflow.yaml"
    resources:
        **resources("faces"),
    priority: 30  # all clips are seen before features are made of any; a run that is going to stop does so soon
    script:
        "../scripts/step.py"


rule unusable:
    """Every clip is judged, before anything is trained on clips."""
    input:
        manifest_csv=STUDY.at(layout.MANIFEST),
        faces=STUDY.of_subjects(layout.FACES),
    output:
        **STUDY.tables("unusable", "remarks"),
    params:
        **params("unusable", least_tracked=S.dataset.least_tracked),
    log:
        "logs/unusable.log",
    group:
        STEPS["unusable"].group
    conda:
        "../envs/ferflow.yaml"
    resources:
        **resources("unusable"),
    priority: 30
    script:
        "../scripts/step.py"


rule clips:
    """The clips that can be used. Where others cannot, the run ends here unless the study leaves them out."""
    input:
        manifest_csv=STUDY.at(layout.MANIFEST),
        unusable_csv=STUDY.table("unusable"),
    output:
        STUDY.clips,
    params:
        **params("clips"),
    log:
        "logs/clips.log",
    group:
        STEPS["clips"].group
    conda:
        "../envs/ferflow.yaml"
    resources:
        **resources("clips"),
    priority: 30
    script:
        "../scripts/step.py"


rule aus:
    input:
        STUDY.weights("au_to_mesh.npz"),
        lambda w: [STUDY.weights("face_landmarker.task")] if w.backend == "blendshapes" else [],
        lambda w: STUDY.openface_tables(w.subject) if w.backend == "openface" else [],
        faces=STUDY.at(layout.FACES),
    output:
        STUDY.at(layout.AUS, backend="{backend}"),
    params:
        # Not what is compared: one backend's table does not hang on the others.
        **params(
            "aus",
            settings=lambda w: as_params(S.aus) | {"backend": w.backend, "compared": []},
            clip_ids=lambda w: [list(STUDY.sources[one]) for one in STUDY.shards[w.subject]],
        ),
    log:
        "logs/aus/{backend}/{subject}.log",
    benchmark:
        "benchmarks/aus/{backend}/{subject}.tsv"
    group:
        group_of_shard("aus")
    conda:
        "../envs/ferflow.yaml"
    resources:
        **resources("aus"),
    script:
        "../scripts/step.py"


rule trim:
    input:
        [S.trim.overrides] if S.trim.overrides else [],
        clips_csv=STUDY.clips,
        aus_paths=STUDY.of_subjects(layout.AUS),
    output:
        STUDY.trim,
    params:
        **params("trim"),
    log:
        "logs/trim.log",
    conda:
        "../envs/ferflow.yaml"
    resources:
        **resources("trim"),
    script:
        "../scripts/step.py"


if S.faces.compared_clips:

    rule trackers:
        """MedianFlow, KCF and CSRT on a few clips."""
        input:
            STUDY.face_weights(),
            manifest_csv=STUDY.clips,
        output:
            clips=STUDY.table("trackers"),
        params:
            **params("trackers"),
        log:
            "logs/trackers.log",
        benchmark:
            "benchmarks/trackers.tsv"
        conda:
            "../envs/ferflow.yaml"
        resources:
            **resources("trackers"),
        priority: 10  # long, and nothing waits for it but the report
        script:
            "../scripts/step.py"
