"""Images of each class, as the paper's Figure 2."""

from common import job

with job(snakemake):
    from ferflow.report import affect_data_figures

    affect_data_figures.write_classes(snakemake.input[0], snakemake.output[0])
