"""The epochs at which the folds were best, and the curves averaged over the folds."""

from common import job

with job(snakemake):
    from ferflow.report import tables

    given, p = snakemake.input, snakemake.params
    models = p.models.values()

    def of_each(paths):
        """Paths in the order of the models, the same number for each."""
        count = len(paths) // len(models)
        return {model: paths[i * count : (i + 1) * count] for i, model in enumerate(models)}

    final = dict(zip(models, given.final, strict=True))
    tables.early_stopping(
        of_each(given.early), snakemake.output.early_stopping, p.synthetic, final, p.protocol
    )
    tables.cv_epochs(of_each(given.history), snakemake.output.cv_epochs, p.synthetic, p.protocol)
