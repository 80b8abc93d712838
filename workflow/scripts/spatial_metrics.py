"""The same for the stills that the spatial model is judged on."""

from common import job

with job(snakemake):
    from pathlib import Path

    from ferflow.evaluation import run
    from ferflow.settings import Evaluation

    p, out = snakemake.params, snakemake.output
    run.evaluate_spatial(
        snakemake.input[0],
        out.metrics,
        Path(out.tables[0]).parent,
        Evaluation(**p.evaluation),
        p.seed,
        synthetic=p.synthetic,
        protocol=p.protocol,
    )
