"""Metrics of all models of the SFEW study under all protocols, and their confusion matrices."""

from common import job

with job(snakemake):
    from ferflow.settings import Evaluation
    from ferflow.sfew import results

    given, out, p = snakemake.input, snakemake.output, snakemake.params
    results.evaluate(
        {protocol: given[f"predictions_{protocol}"] for protocol in p.protocols},
        p.synthetic,
        Evaluation(**p.evaluation),
        p.seed,
        p.protocol,
        out.metrics,
        out.predictions,
        out.results,
        out.confusion,
    )
