"""Render the six clips of one synthetic subject, with their truth beside them."""

from common import job

with job(snakemake):
    from ferflow.datasets import synth4d
    from ferflow.settings import Synth4d

    p = snakemake.params
    synth4d.write_subject(
        snakemake.wildcards.subject, p.root, p.weights, Synth4d(**p.synth4d), p.emotions, p.seed
    )
