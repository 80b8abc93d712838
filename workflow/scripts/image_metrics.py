"""Metrics with intervals, on all test images and on those without copies in the training."""

from common import job

with job(snakemake):
    from ferflow.evaluation import images
    from ferflow.settings import Evaluation

    given, out, p = snakemake.input, snakemake.output, snakemake.params
    images.evaluate(
        given.predictions,
        given.copies,
        given.manifest,
        out.metrics,
        {name: out.get(name) for name in ("results", "confusion", "class_report", "copies")},
        Evaluation(**p.evaluation),
        p.seed,
        p.protocol,
    )
