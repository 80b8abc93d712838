"""Every network of the study, layer by layer."""

from common import job

with job(snakemake):
    from ferflow.report.layers import layers

    layers(snakemake.input.models, snakemake.output[0], snakemake.params.frames)
