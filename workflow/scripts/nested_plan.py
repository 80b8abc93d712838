"""Deal the subjects to outer and inner folds."""

from common import job

with job(snakemake):
    from ferflow.training.nested_run import write_plan

    p, out = snakemake.params, snakemake.output
    write_plan(snakemake.input[0], out.plan, out.splits, p.inner, p.seed)
