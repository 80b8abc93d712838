"""What the two scripts of the networks on frames share."""

from __future__ import annotations


def training_of(snakemake):
    """The training that a rule's input, params and wildcards describe."""
    from ferflow.models.endtoend import NETWORKS
    from ferflow.settings import Augment, EndToEndPlan, Finalize
    from ferflow.training.endtoend import Training

    given, p = snakemake.input, snakemake.params
    return Training(
        p.of,
        model=p.get("model", p.of),
        splits=given.splits,
        manifest=given.manifest,
        trim=given.trim,
        faces=given.faces,
        network=NETWORKS[p.of][1](**p.network),
        plan=EndToEndPlan(**p.plan),
        finalize=Finalize(**p.finalize) if p.finalize else None,
        augment=Augment(**p.augment),
        classes=p.emotions,
        seed=p.seed,
    )
