"""What training on the cleaned split is worth."""

from common import job

with job(snakemake):
    from pathlib import Path

    from ferflow.datacentric import run
    from ferflow.settings import Evaluation

    p, folders = snakemake.params, [Path(path).parent for path in snakemake.input.predictions]
    run.compare_cleaned(p.networks, folders, Evaluation(**p.evaluation), p.seed, snakemake.output[0])
