"""Accuracy in each fold by protocol, and the paper's two confusion matrices."""

from common import job

with job(snakemake):
    from ferflow.report import sfew_figures

    given, out, p = snakemake.input, snakemake.output, snakemake.params
    sfew_figures.write_folds(given.folds, out.folds, p.classes)
    for (model, protocol), path in zip(p.matrices, out.confusion, strict=True):
        sfew_figures.write_confusion(given.confusion, model, protocol, path)
