"""Put the predictions of all networks and averages below one another."""

from common import job

with job(snakemake):
    from ferflow.classes import EMOTIONS_NEUTRAL
    from ferflow.evaluation import run

    given = snakemake.input
    run.collect(given.predictions, given.manifest, snakemake.output[0], EMOTIONS_NEUTRAL)
