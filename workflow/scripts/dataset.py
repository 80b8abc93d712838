"""What the data set should hold and what it does."""

from common import job

with job(snakemake):
    from ferflow.datasets.check import write_check
    from ferflow.settings import Dataset, Synth4d

    given, p = snakemake.input, snakemake.params
    settings = Dataset(**p.dataset), Synth4d(**p.synth4d)
    write_check(given.manifest, given.splits, given.unusable, snakemake.output[0], *settings)
