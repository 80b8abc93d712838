"""Choose the networks that make the best average, on PublicTest."""

from common import job

with job(snakemake):
    from ferflow.evaluation import images
    from ferflow.settings import Best

    p, given = snakemake.params, snakemake.input
    models = dict(zip(p.models, zip(given.models, given.predictions, strict=True), strict=True))
    images.choose_models(models, Best(**p.best), snakemake.output[0])
