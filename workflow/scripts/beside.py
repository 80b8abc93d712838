"""Published numbers and ours in one table."""

from common import job

with job(snakemake):
    from ferflow.report import reference

    p = snakemake.params
    reference.write_best_models(snakemake.input[0], snakemake.output[0], p.dataset, p.others)
