"""The human baseline from annotations or vote counts: predictions and tables."""

from common import job

with job(snakemake):
    from pathlib import Path

    from ferflow.humans import run
    from ferflow.settings import Evaluation

    p, given, out = snakemake.params, snakemake.input, snakemake.output
    evaluate = run.from_votes if p.source == "votes" else run.from_annotations
    evaluate(
        given.answers,
        given.manifest,
        given.splits,
        Path(out.majority).parent,
        Path(out.tables[0]).parent,
        p.mistaken,
        Evaluation(**p.evaluation),
        p.emotions,
        p.seed,
    )
