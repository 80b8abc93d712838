# Faces, action units, and the frames that are kept.
# Of the two networks for landmarks the one that is set, and what the detector needs.
FACE_WEIGHTS = [weights("face_landmarker.task" if S.faces.landmarks == "bundle" else "face_landmark.tflite")]
FACE_WEIGHTS += [weights(name) for name in DETECTORS[S.faces.detector]]


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
    priority: 30  # all clips are seen before features are made of any; a run that is going to stop does so soon
    script:
        "../scripts/faces.py"


rule unusable:
    """Every clip is judged, before anything is trained on clips."""
    input:
        manifest=at(layout.MANIFEST),
        faces=expand(at(layout.FACES), subject=SUBJECTS),
    output:
        unusable=table("unusable"),
        remarks=table("remarks"),
    params:
        least_tracked=S.dataset.least_tracked,
    log:
        "logs/unusable.log",
    resources:
        mem_mb=more(1000),
        runtime=more(30),
    priority: 30
    script:
        "../scripts/unusable.py"


rule clips:
    """The clips that can be used. Where others cannot, the run ends here unless the study leaves them out."""
    input:
        manifest=at(layout.MANIFEST),
        unusable=table("unusable"),
    output:
        clips=at(layout.CLIPS),
        counts=table("unusable_counts"),
    params:
        emotions=S.emotions,
        protocol=S.protocol,
    log:
        "logs/clips.log",
    resources:
        mem_mb=more(1000),
        runtime=more(5),
    priority: 30
    script:
        "../scripts/clips.py"


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
