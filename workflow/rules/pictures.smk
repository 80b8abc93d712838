# Pictures that explain the study: the way in, what the networks see, and what they got wrong.
STRIPS = at(layout.STRIPS)
EXAMPLE_FILES = dict(
    faces=expand(at(layout.FACES), subject=SUBJECTS),
    aus=expand(at(layout.AUS), subject=SUBJECTS),
    trim=at(layout.TRIM),
    manifest=at(layout.CLIPS),
)


rule figures_of_way:
    """Faces of the data set, a face found, the frames kept, augmentation (thesis, Figures 3.2, 3.5, 3.8, 3.9)."""
    input:
        **EXAMPLE_FILES,
    output:
        samples=shown_figure("samples", "Faces of the data set", "3 Faces and trimming"),
        face=shown_figure("face", "The face of a clip: found, followed, resized", "3 Faces and trimming"),
        kept=shown_figure("kept", "Frames of a clip before and after trimming", "3 Faces and trimming"),
        offline=shown_figure("augmentation", "Augmentation, offline and online", "3 Faces and trimming"),
        online=shown_figure("online", "Online augmentation, step by step", "3 Faces and trimming"),
    params:
        example=EXAMPLE,
        emotions=S.emotions,
        chin=S.faces.extend,
        transformations=S.augment.transformations,
        listing=S.augment.listing,
        online=plain(S.spatial.online),
        pictures=plain(S.pictures),
        seed=S.seed,
    log:
        "logs/figures_of_way.log",
    resources:
        mem_mb=more(1000),
        runtime=more(20),
    script:
        "../scripts/figures_of_way.py"


rule figures_of_mistakes:
    """Action units of the test clips that a model got wrong."""
    input:
        errors=table("errors"),
        aus=expand(at(layout.AUS), subject=SUBJECTS),
        trim=at(layout.TRIM),
        manifest=at(layout.CLIPS),
    output:
        [
            shown_figure(f"mistaken-{name}", f"AU curves of the clips that {MODELS[name]} mistook", "1 Results")
            for name in MODELS
        ],
    params:
        models=list(MODELS.values()),
        judged=S.splits.judged,
        threshold=S.trim.threshold,
    log:
        "logs/figures_of_mistakes.log",
    resources:
        mem_mb=more(1000),
        runtime=more(20),
    script:
        "../scripts/figures_of_mistakes.py"


rule strips:
    """A strip of faces of every test clip that any model got wrong, for the tables of errors."""
    input:
        errors=table("errors"),
        faces=expand(at(layout.FACES), subject=SUBJECTS),
        trim=at(layout.TRIM),
        manifest=at(layout.CLIPS),
    output:
        directory(STRIPS),
    params:
        models=list(MODELS.values()),
        judged=S.splits.judged,
        pictures=plain(S.pictures),
    log:
        "logs/strips.log",
    resources:
        mem_mb=more(1000),
        runtime=more(20),
    script:
        "../scripts/strips.py"


FIGURES += [figure(name) for name in ("samples", "face", "kept", "augmentation", "online")]
FIGURES += [figure(f"mistaken-{name}") for name in MODELS]
RESULTS.append(STRIPS)


if HEADS:

    rule feature_maps:
        """What each block of the spatial network makes of one face (thesis, Figure 3.14)."""
        input:
            **EXAMPLE_FILES,
            model=SPATIAL + "/model.pt",
        output:
            shown_figure("feature_maps", f"Feature maps of {S.spatial.network}", "5 Networks"),
        params:
            example=EXAMPLE,
            pictures=plain(S.pictures),
            threads=S.features.threads,
            seed=S.seed,
        log:
            "logs/feature_maps.log",
        threads: S.features.threads
        resources:
            mem_mb=more(2000),
            runtime=more(20),
        script:
            "../scripts/feature_maps.py"

    FIGURES.append(figure("feature_maps"))


if HEADS and TESTED:

    rule deciding_frames:
        """The frames that decide, and where in them the cascade looks, on clips that it was not trained on."""
        input:
            model=at(layout.FINAL) + "/model.pt",
            predictions=at(layout.FINAL) + "/predictions.csv",
            faces=expand(at(layout.FACES), subject=SUBJECTS),
            features=ORIGINALS,
            trim=at(layout.TRIM),
            manifest=at(layout.CLIPS),
        output:
            report(
                figure("deciding-{head}"),
                category="5 Networks",
                labels=lambda w: {"shown": f"The frames that decide: {MODELS[w.head]}", "kind": "figure"},
                caption="../report/deciding.rst",
            ),
        params:
            emotions=S.emotions,
            pictures=plain(S.pictures),
            threads=S.temporal.threads,
            seed=S.seed,
        log:
            "logs/deciding_frames/{head}.log",
        benchmark:
            "benchmarks/deciding_frames/{head}.tsv"
        threads: S.temporal.threads
        resources:
            mem_mb=more(3000),
            runtime=more(30),
        script:
            "../scripts/deciding_frames.py"

    FIGURES += [figure(f"deciding-{head}") for head in HEADS]
