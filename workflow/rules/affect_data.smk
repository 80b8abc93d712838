# The images of AffectNet, or of the rendered set that stands for it, as an index; how many there are of each class.
AFFECT_ROOT = S.affect.dataset.path
AFFECT_INDEX = at(layout.AFFECT_INDEX)
AFFECT_TRUTH = []

if SYNTHETIC:
    AFFECT_TRUTH = [f"{AFFECT_ROOT}/truth.csv"]

    rule affect_images:
        """Faces in AffectNet's layout. The table of what they show is written last and stands for all of them."""
        input:
            weights("au_to_mesh.npz"),
            weights("face_tessellation.json"),
        output:
            AFFECT_TRUTH,
        params:
            folder=AFFECT_ROOT,
            synthetic=plain(S.affect.synthetic),
            synth4d=plain(S.synth4d),
            seed=S.seed,
            weights=layout.WEIGHTS,
        log:
            "logs/affect_images.log",
        benchmark:
            "benchmarks/affect_images.tsv"
        resources:
            mem_mb=more(1000),
            runtime=more(20),
        priority: 20  # the longest chain of jobs begins here
        script:
            "../scripts/affect_images.py"


rule affect_index:
    """Every image that has an expression, and what was dropped; 300,000 images have 900,000 files of annotations."""
    input:
        AFFECT_TRUTH,
    output:
        index=AFFECT_INDEX,
        counts=table("affect_counts"),
    params:
        folder=AFFECT_ROOT,
        smallest=S.affect.dataset.smallest,
    log:
        "logs/affect_index.log",
    benchmark:
        "benchmarks/affect_index.tsv"
    resources:
        mem_mb=more(2000),
        runtime=more(120),
    script:
        "../scripts/affect_index.py"


rule affect_classes:
    """Figure 2: how uneven the classes of the training part are."""
    input:
        table("affect_counts"),
    output:
        shown_figure("affect_classes", "Images per class", "4 Data"),
    log:
        "logs/figures/affect_classes.log",
    resources:
        mem_mb=more(1000),
        runtime=more(5),
    script:
        "../scripts/affect_classes.py"


SHOWN["affect_counts"] = ("affect_counts", "Images per class and what was dropped", "4 Data")
FIGURES += [figure("affect_classes")]
