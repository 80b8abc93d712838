"""Validation curves of the sweep."""

from common import job

with job(snakemake):
    from ferflow.report import sweep

    given = snakemake.input
    histories = dict(zip(snakemake.params.runs, given.histories, strict=True))
    sweep.write_figure(given.table, histories, snakemake.output[0])
