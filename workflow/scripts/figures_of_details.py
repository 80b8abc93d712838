"""Reliability, differences, results by group, and confusion matrices of models and annotators."""

from common import job

with job(snakemake):
    from ferflow.report import by_group, comparisons, reliability, run

    given, out, confidence = snakemake.input, snakemake.output, snakemake.params.confidence
    reliability.reliability(given.reliability, given.calibration, out.reliability, confidence)
    if out.comparisons:  # not where one model stands alone
        comparisons.differences(given.comparisons, out.comparisons, confidence)
    if given.groups:
        by_group.by_group(given.groups, out.groups, confidence)
    run.confusions_beside(given.confusion, out.confusion)
