"""The search of the classifier, and the learning curves of all phases."""

from common import job

with job(snakemake):
    from ferflow.report import finetune

    given, out, p = snakemake.input, snakemake.output, snakemake.params
    finetune.trials(given.trials, out.trials, p.network)
    finetune.phases(given.phases, out.phases, p.network, p.synthetic, p.protocol)
