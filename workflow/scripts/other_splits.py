"""The study's subjects in folds of the other scheme."""

from common import job

with job(snakemake):
    from ferflow.training import splits

    given = snakemake.input
    splits.write_regrouped(given.splits, given.manifest, snakemake.output[0], snakemake.params.seed)
