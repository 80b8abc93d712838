"""Average the probabilities of several networks."""

from common import job

with job(snakemake):
    from ferflow.evaluation import images

    given, out = snakemake.input, snakemake.output
    images.average_models(
        snakemake.wildcards.ensemble, given.predictions, given.copies, out.predictions, out.copies
    )
