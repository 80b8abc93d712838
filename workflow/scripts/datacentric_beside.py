"""Every number of the data-centric paper beside ours."""

from common import job

with job(snakemake):
    from ferflow.datacentric import run

    run.beside(snakemake.input.quality, snakemake.input.compared, snakemake.output[0])
