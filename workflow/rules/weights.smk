# Pretrained files. On a cluster they are fetched where Snakemake runs: its nodes often have no network.
CORE_WEIGHTS = ["au_to_mesh.npz", "face_tessellation.json", "face_landmark.tflite"]


def weights(name):
    return f"{layout.WEIGHTS}/{name}"


rule weights:
    output:
        [weights(name) for name in CORE_WEIGHTS],
    params:
        names=CORE_WEIGHTS,
        folder=layout.WEIGHTS,
    log:
        "logs/weights.log",
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
