"""Images per class and data set, counted and published."""

from common import job

with job(snakemake):
    from ferflow.report import image_figures

    image_figures.write_counts(snakemake.input[0], snakemake.output[0])
