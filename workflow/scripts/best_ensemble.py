"""Average the probabilities of the networks that were chosen."""

from common import job

with job(snakemake):
    from ferflow.evaluation import images

    p, given, out = snakemake.params, snakemake.input, snakemake.output
    models = dict(zip(p.models, zip(given.predictions, given.copies, strict=True), strict=True))
    images.average_chosen(given.choice, models, out.predictions, out.copies)
