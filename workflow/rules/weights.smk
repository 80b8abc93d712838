# Pretrained files. On a cluster they are fetched where Snakemake runs: its nodes often have no network.
from ferflow.faces.detect import DETECTORS

CORE_WEIGHTS = ["au_to_mesh.npz", "face_tessellation.json", "face_landmark.tflite"]
CORE_WEIGHTS += ["face_landmarker.task"]
CORE_WEIGHTS += sorted({name for files in DETECTORS.values() for name in files})


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
    """Networks to start from, as torchvision (.pth) or Keras (.h5) keep them; also put there by hand."""
    output:
        weights("{name}"),
    wildcard_constraints:
        name=r"[^/]+\.(pth|h5)",
    params:
        names=lambda w: [w.name],
        folder=layout.WEIGHTS,
    log:
        "logs/weights/{name}.log",
    localrule: True
    script:
        "../scripts/weights.py"
