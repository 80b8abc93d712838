"""The page that the report opens with."""

from common import job

with job(snakemake):
    from ferflow.report import opening

    p = snakemake.params
    opening.write(dict(snakemake.input.items()), snakemake.output[0], p.study, p.confidence)
