"""Learning curves and confusion matrix of the spatial model."""

from common import job

with job(snakemake):
    from ferflow.classes import EMOTIONS_NEUTRAL
    from ferflow.report import run

    given, out, p = snakemake.input, snakemake.output, snakemake.params
    run.learning_curves([given.history], out.history, p.model, len(EMOTIONS_NEUTRAL), p.synthetic, p.protocol)
    run.confusion(given.confusion, out.confusion, p.model, things="images")
