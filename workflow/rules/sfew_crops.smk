# The scenes of the embedded set, and the face crops of any: included by sfew.smk.
SCENE_CROPS = at(layout.SFEW_CROPS, detector=T.crops)
ABOUT_CROPS = SCENE_CROPS.removesuffix(".h5") + ".csv"

if SYNTHETIC:

    rule scenes:
        """Whole pictures with rendered faces, in SFEW's layout. The mark is written last."""
        input:
            weights("au_to_mesh.npz"),
            weights("face_tessellation.json"),
        output:
            mark=SCENES,
            truth=f"{S.sfew.dataset.path}/truth.csv",
        params:
            folder=S.sfew.dataset.path,
            scenes=plain(S.sfew.scenes),
            synth4d=plain(S.synth4d),
            seed=S.seed,
            weights=layout.WEIGHTS,
        log:
            "logs/sfew/scenes.log",
        benchmark:
            "benchmarks/sfew/scenes.tsv"
        resources:
            mem_mb=more(1000),
            runtime=more(20),
        priority: 20  # all else waits for it
        script:
            "../scripts/scenes.py"


rule sfew_crops:
    """The face of each scene that counts, cut out, and what can be said of its quality."""
    input:
        manifest=at(layout.MANIFEST),
        weights=lambda w: [weights(name) for name in DETECTORS[w.detector]],
        manual=S.sfew.crops.manual_boxes or [],
    output:
        crops=at(layout.SFEW_CROPS),
        table=at(layout.SFEW_CROPS).removesuffix(".h5") + ".csv",
    params:
        crops=plain(S.sfew.crops),
        weights=layout.WEIGHTS,
    log:
        "logs/sfew/crops-{detector}.log",
    benchmark:
        "benchmarks/sfew/crops-{detector}.tsv"
    resources:
        mem_mb=more(1500),
        runtime=more(30),
    priority: 10
    script:
        "../scripts/sfew_crops.py"


rule sfew_crop_quality:
    """How many crops of each class there are, by what they were found, and what is wrong with them."""
    input:
        manifest=at(layout.MANIFEST),
        table=ABOUT_CROPS,
    output:
        table("crop_quality"),
    log:
        "logs/sfew/crop_quality.log",
    resources:
        mem_mb=more(1000),
        runtime=more(5),
    script:
        "../scripts/sfew_crop_quality.py"


rule figure_of_crops:
    input:
        manifest=at(layout.MANIFEST),
        crops=SCENE_CROPS,
        table=ABOUT_CROPS,
    output:
        shown_figure("crops", "Face crops, flagged ones beside", "3 Images"),
    log:
        "logs/sfew/figure_of_crops.log",
    resources:
        mem_mb=more(1000),
        runtime=more(5),
    script:
        "../scripts/figure_of_crops.py"


SHOWN["crop_quality"] = ("crop_quality", "Face crops and what is flagged", "3 Images")
FIGURES += [figure("crops")]
