"""What the two scripts of the networks on frames share."""

from __future__ import annotations


def training_of(snakemake):
    """The training that a rule's input, params and wildcards describe."""
    from ferflow.models.endtoend import NETWORKS
    from ferflow.settings import Augment, EndToEndPlan, Finalize
    from ferflow.training.endtoend import Training

    name, given, p = snakemake.wildcards.network, snakemake.input, snakemake.params
    return Training(
        name,
        splits=given.splits,
        manifest=given.manifest,
        trim=given.trim,
        faces=given.faces,
        network=NETWORKS[name][1](**p.network),
        plan=EndToEndPlan(**p.plan),
        finalize=Finalize(**p.finalize),
        augment=Augment(**p.augment),
        classes=p.emotions,
        seed=p.seed,
    )
