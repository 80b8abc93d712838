"""A closer look at the predictions of models, fusions and annotators."""

from common import job

with job(snakemake):
    from pathlib import Path

    from ferflow.evaluation.detail import write_details
    from ferflow.settings import Calibration, Evaluation

    p, given = snakemake.params, snakemake.input
    write_details(
        given.predictions,
        given.manifest,
        Path(snakemake.output[0]).parent,
        Calibration(**p.calibration),
        Evaluation(**p.evaluation),
        p.seed,
        p.emotions,
        p.protocol,
        p.by,
    )
