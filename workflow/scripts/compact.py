"""The compact paper's numbers, each beside ours or the reason why there is none."""

from common import job

with job(snakemake):
    from ferflow.report import reference

    inputs = dict(snakemake.input.items())
    reference.write("compact", inputs, snakemake.output[0], dataset=snakemake.params.dataset)
