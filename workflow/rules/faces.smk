# Faces, action units, and the frames that are kept.


rule faces:
    input:
        FACE_WEIGHTS,
        # Not the manifest: a new subject must not send the others through again.
        clips=lambda w: list(SOURCES[w.subject].values()),
    output:
        at(layout.FACES),
    params:
        clip_ids=lambda w: list(SOURCES[w.subject]),
        faces=plain(S.faces),
        weights=layout.WEIGHTS,
    log:
        "logs/faces/{subject}.log",
    benchmark:
        "benchmarks/faces/{subject}.tsv"
    resources:
        mem_mb=more(1000),
        runtime=more(10),
    script:
        "../scripts/faces.py"


rule clips:
    """Every clip is judged, before anything is trained: those that can be used, and those that cannot."""
    input:
        manifest=at(layout.MANIFEST),
        faces=expand(at(layout.FACES), subject=SUBJECTS),
    output:
        clips=at(layout.CLIPS),
        unusable=table("unusable"),
        remarks=table("remarks"),
    params:
        least_tracked=S.dataset.least_tracked,
    log:
        "logs/clips.log",
    resources:
        mem_mb=more(1000),
        runtime=more(30),
    priority: 30  # a run that is going to stop should do so soon
    script:
        "../scripts/clips.py"


rule unusable:
    """Where clips cannot be used, the run ends here unless the study leaves them out: then they are counted."""
    input:
        manifest=at(layout.MANIFEST),
        unusable=table("unusable"),
    output:
        table("unusable_counts"),
    params:
        policy=S.dataset.unusable,
        emotions=S.emotions,
        protocol=S.protocol,
    log:
        "logs/unusable.log",
    resources:
        mem_mb=more(1000),
        runtime=more(5),
    priority: 30
    script:
        "../scripts/unusable.py"


rule aus:
    input:
        weights("au_to_mesh.npz"),
        lambda w: [weights("face_landmarker.task")] if w.backend == "blendshapes" else [],
        faces=at(layout.FACES),
    output:
        at(layout.AUS, backend="{backend}"),
    params:
        # Not what is compared: one backend's table does not hang on the others.
        aus=lambda w: plain(S.aus) | {"backend": w.backend, "compared": []},
        weights=layout.WEIGHTS,
    log:
        "logs/aus/{backend}/{subject}.log",
    benchmark:
        "benchmarks/aus/{backend}/{subject}.tsv"
    resources:
        mem_mb=more(1000),
        runtime=more(5),
    script:
        "../scripts/aus.py"


rule trim:
    input:
        LOOKED_THROUGH,
        [S.trim.overrides] if S.trim.overrides else [],
        clips=at(layout.CLIPS),
        aus=expand(at(layout.AUS), subject=SUBJECTS),
    output:
        at(layout.TRIM),
    params:
        trim=plain(S.trim),
    log:
        "logs/trim.log",
    resources:
        mem_mb=more(2000),
        runtime=more(30),
    script:
        "../scripts/trim.py"


SHOWN |= {
    "unusable": ("unusable", "Clips that cannot be used", "3 Faces and trimming"),
    "unusable_counts": ("unusable_counts", "Clips used and left out", "3 Faces and trimming"),
    "remarks": ("remarks", "Remarks on clips that are used", "3 Faces and trimming"),
}
