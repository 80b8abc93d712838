"""Accuracy of all models and controls, and their confusion matrices."""

from common import job

with job(snakemake):
    from ferflow.report import run

    given, out, p = snakemake.input, snakemake.output, snakemake.params
    run.accuracy(given.results, given.metrics, out.accuracy)
    run.confusions(given.confusion, out.confusions)
    for model, path in zip(p.models, out.confusion, strict=True):
        run.confusion(given.confusion, path, model)
