"""Metrics with intervals, confusion matrices, errors and the report per class."""

from common import job

with job(snakemake):
    from pathlib import Path

    from ferflow.evaluation import run
    from ferflow.settings import Evaluation

    p, given, out = snakemake.params, snakemake.input, snakemake.output
    run.evaluate(
        [given.predictions],
        given.manifest,
        out.metrics,
        Path(out.tables[0]).parent,
        Evaluation(**p.evaluation),
        p.seed,
        p.emotions,
        p.protocol,
    )
