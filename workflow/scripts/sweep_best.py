"""Find the run of a stage of the sweep that the next one goes on with."""

from common import job

with job(snakemake):
    from ferflow.training import sweep

    sweep.write_best(snakemake.input, snakemake.output[0])
