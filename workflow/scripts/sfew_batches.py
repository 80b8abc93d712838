"""The batch sizes beside one another."""

from common import job

with job(snakemake):
    from ferflow.sfew import run

    run.write_batches(snakemake.input.folds, list(snakemake.input.runs), snakemake.output[0])
