"""What the data set should hold and what it does."""

from common import job

with job(snakemake):
    from ferflow.datasets.check import write_check
    from ferflow.settings import Dataset, Synth4d

    p = snakemake.params
    write_check(snakemake.input[0], snakemake.output[0], Dataset(**p.dataset), Synth4d(**p.synth4d))
