"""Hand-made features of the crops with a support vector machine, in each fold of each protocol."""

from common import job

with job(snakemake):
    from ferflow.settings.sfew import HandMade
    from ferflow.sfew import svm

    given, out, p = snakemake.input, snakemake.output, snakemake.params
    settings = HandMade(**p.handmade)
    said = {
        (protocol, cell): path
        for protocol in settings.protocols
        for cell, path in zip(p.cells, out[f"predictions_{protocol}"], strict=True)
    }
    folds = {protocol: given[f"folds_{protocol}"] for protocol in settings.protocols}
    svm.judge(given.crops, given.manifest, folds, settings, p.seed, said, out.folds)
