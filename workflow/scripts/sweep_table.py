"""The runs of the sweep beside the published numbers."""

from common import job

with job(snakemake):
    from ferflow.report import sweep

    sweep.write_table(snakemake.input.runs, snakemake.input.best, list(snakemake.output))
