"""Both protocols of several networks and samplings, and their difference."""

from common import job

with job(snakemake):
    from pathlib import Path

    from ferflow.datacentric import run
    from ferflow.settings import Evaluation

    p, folders = snakemake.params, [Path(path).parent for path in snakemake.input.predictions]
    rows = [tuple(row) for row in p.rows]
    run.compare(rows, folders, Evaluation(**p.evaluation), p.seed, snakemake.output[0])
