"""The networks of a study of expression, valence and arousal in one table."""

from common import job

with job(snakemake):
    from ferflow.report.affect_tables import networks

    networks(list(snakemake.input), snakemake.output[0])
