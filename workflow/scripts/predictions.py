"""Put the predictions of all models, folds and controls below one another."""

from common import job

with job(snakemake):
    from ferflow.evaluation import run

    given = snakemake.input
    parts = [path for path in given if path != given.manifest]
    run.collect(parts, given.manifest, snakemake.output[0], snakemake.params.emotions)
