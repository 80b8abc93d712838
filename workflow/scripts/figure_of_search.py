"""The search of one head's settings."""

from common import job

with job(snakemake):
    from ferflow.report import head_search

    p = snakemake.params
    head_search.figure(snakemake.input[0], snakemake.output[0], p.model, p.logarithmic)
