"""Unpack FER2013 once for all jobs of the data-centric study."""

from common import job

with job(snakemake):
    from ferflow.datacentric import run

    run.unpack(snakemake.input.stills, snakemake.output[0])
