# Pretrained files. On a cluster they are fetched where Snakemake runs: its nodes often have no network.
CORE_WEIGHTS = ["au_to_mesh.npz", "face_tessellation.json", "face_landmark.tflite"]
CORE_WEIGHTS += ["mtcnn-pnet.pt", "mtcnn-rnet.pt", "mtcnn-onet.pt"]


def weights(name):
    return f"{layout.WEIGHTS}/{name}"


rule weights:
    """A job a file: Snakemake removes what a job makes before it starts, and these may have been put by hand."""
    output:
        weights("{core}"),
    wildcard_constraints:
        core="|".join(re.escape(name) for name in CORE_WEIGHTS),
    params:
        names=lambda w: [w.core],
        folder=layout.WEIGHTS,
    log:
        "logs/weights/{core}.log",
    localrule: True
    script:
        "../scripts/weights.py"


rule published_weights:
    output:
        weights("{name}.pth"),
    params:
        names=lambda w: [f"{w.name}.pth"],
        folder=layout.WEIGHTS,
    log:
        "logs/weights/{name}.log",
    localrule: True
    script:
        "../scripts/weights.py"
