"""Metrics with intervals, the report of classes and the confusion matrices."""

from common import job

with job(snakemake):
    from ferflow.evaluation import affect
    from ferflow.settings import Evaluation

    out, p = snakemake.output, snakemake.params
    names = ("affect_metrics", "affect_report", "affect_confusion")
    written = {name: out.get(name) for name in names}
    affect.evaluate(snakemake.input, out.metrics, written, Evaluation(**p.evaluation), p.seed)
