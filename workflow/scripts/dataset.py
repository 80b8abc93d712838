"""What the data set should hold and what it does."""

from common import job

with job(snakemake):
    from ferflow.datasets.check import write_check
    from ferflow.settings import Dataset, Synth4d

    given, p = snakemake.input, snakemake.params
    dataset, synth4d = Dataset(**p.dataset), Synth4d(**p.synth4d)
    write_check(given.manifest, snakemake.output[0], dataset, synth4d, given.unusable)
