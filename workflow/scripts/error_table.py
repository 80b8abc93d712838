"""One model's mislabelled clips with all scores."""

from common import job

with job(snakemake):
    from ferflow.report.error_table import render

    render(snakemake.input[0], snakemake.params.model, list(snakemake.output))
