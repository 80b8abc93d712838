"""The mean of the folds' best models on the test subjects, beside the final model."""

from common import job

with job(snakemake):
    from ferflow.evaluation import fold_models
    from ferflow.settings import Evaluation

    p, given = snakemake.params, snakemake.input
    fold_models.write(
        given.tested,
        given.predictions,
        given.manifest,
        snakemake.output[0],
        p.emotions,
        Evaluation(**p.evaluation),
        p.seed,
        p.protocol,
    )
