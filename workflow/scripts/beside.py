"""Published numbers and ours in one table."""

from common import job

with job(snakemake):
    from ferflow.report import tables

    p = snakemake.params
    tables.beside(snakemake.input[0], snakemake.output[0], p.dataset, p.others)
