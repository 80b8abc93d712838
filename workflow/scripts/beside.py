"""Published numbers and ours in one table."""

from common import job

with job(snakemake):
    from ferflow.report import tables

    tables.beside(snakemake.input[0], snakemake.output[0], snakemake.params.dataset)
