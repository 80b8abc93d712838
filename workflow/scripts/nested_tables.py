"""What nested cross-validation comes to."""

from common import job

with job(snakemake):
    from pathlib import Path

    from ferflow.settings import Evaluation
    from ferflow.training.nested_run import write_table

    p, given, out = snakemake.params, snakemake.input, snakemake.output
    write_table(
        [Path(path).parent for path in given.choices],
        given.manifest,
        out.nested,
        out.inner,
        Evaluation(**p.evaluation),
        p.seed,
        p.emotions,
        p.protocol,
    )
