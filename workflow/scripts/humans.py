"""The human baseline from annotations or vote counts: predictions and tables."""

from common import job

with job(snakemake):
    import sys
    from pathlib import Path

    from ferflow.humans import run
    from ferflow.settings import Evaluation

    p, given, out = snakemake.params, snakemake.input, snakemake.output
    evaluate = run.from_votes if p.source == "votes" else run.from_annotations
    warnings = evaluate(
        given.answers,
        given.manifest,
        given.splits,
        Path(out.majority).parent,
        Path(out.tables[0]).parent,
        p.mistaken,
        Evaluation(**p.evaluation),
        p.emotions,
        p.seed,
        given.all_clips,
    )
    for line in warnings:
        for place in (sys.stderr, sys.__stderr__):  # the log, and whoever looks on
            print(f"ferflow: warning: {line}", file=place)
