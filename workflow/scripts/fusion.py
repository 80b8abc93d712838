"""Fuse the models as the settings say."""

from common import job

with job(snakemake):
    from ferflow.fusion.run import write_fusions
    from ferflow.settings import Evaluation, Fusion

    p, given, out = snakemake.params, snakemake.input, snakemake.output
    write_fusions(
        given.predictions,
        given.manifest,
        out.predictions,
        out.table,
        Fusion(**p.fusion),
        Evaluation(**p.evaluation),
        p.seed,
        p.emotions,
        p.protocol,
    )
