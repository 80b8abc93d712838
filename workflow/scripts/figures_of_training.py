"""Learning curves of every head, mean and spread over the folds."""

from common import job

with job(snakemake):
    from ferflow.report import run

    p, histories = snakemake.params, snakemake.input.history
    n_folds = len(histories) // len(p.models)
    for i, (model, out) in enumerate(zip(p.models.values(), snakemake.output, strict=True)):
        folds = histories[i * n_folds : (i + 1) * n_folds]
        run.learning_curves(folds, out, model, p.n_classes, p.synthetic, p.protocol)
