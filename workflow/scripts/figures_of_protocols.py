"""The published protocol beside the honest one."""

from common import job

with job(snakemake):
    from ferflow.datacentric import run

    run.draw_protocols(snakemake.input[0], snakemake.params.confidence, snakemake.output[0])
