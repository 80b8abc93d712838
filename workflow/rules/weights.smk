# Pretrained files. On a cluster they are fetched where Snakemake runs: its nodes often have no network.


rule weights:
    """A job a file: Snakemake removes what a job makes before it starts, and these may have been put by hand."""
    output:
        STUDY.weights("{core}"),
    wildcard_constraints:
        core="|".join(map(re.escape, STUDY.core_weights())),
    params:
        **params("weights", names=lambda w: [w.core]),
    log:
        "logs/weights/{core}.log",
    conda:
        "../envs/ferflow.yaml"
    localrule: True
    script:
        "../scripts/step.py"


rule published_weights:
    """Networks to start from, as torchvision (.pth) or Keras (.h5) keep them; also put there by hand."""
    output:
        STUDY.weights("{name}"),
    wildcard_constraints:
        name=r"[^/]+\.(pth|h5)",
    params:
        **params("published_weights", names=lambda w: [w.name]),
    log:
        "logs/weights/{name}.log",
    conda:
        "../envs/ferflow.yaml"
    localrule: True
    script:
        "../scripts/step.py"
