"""Put the predictions of all networks below one another."""

from common import job

with job(snakemake):
    from ferflow.evaluation import affect

    affect.collect(snakemake.input, snakemake.output[0])
