"""The networks of a study of expression, valence and arousal in one table."""

from common import job

with job(snakemake):
    from ferflow.affect.train import table

    table(list(snakemake.input), snakemake.output[0])
