"""Draw the folds of one protocol."""

from common import job

with job(snakemake):
    from ferflow.sfew import folds

    p, protocol = snakemake.params, snakemake.wildcards.protocol
    folds.write(snakemake.input.manifest, protocol, p.folds, p.seed, snakemake.output[0])
