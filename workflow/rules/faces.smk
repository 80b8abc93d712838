# Faces, action units, and the frames that are kept.


rule faces:
    input:
        weights("face_landmark.tflite"),
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


rule aus:
    input:
        weights("au_to_mesh.npz"),
        faces=at(layout.FACES),
    output:
        at(layout.AUS),
    params:
        aus=plain(S.aus),
        weights=layout.WEIGHTS,
    log:
        "logs/aus/{subject}.log",
    benchmark:
        "benchmarks/aus/{subject}.tsv"
    resources:
        mem_mb=more(1000),
        runtime=more(5),
    script:
        "../scripts/aus.py"


rule trim:
    input:
        [S.trim.overrides] if S.trim.overrides else [],
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
