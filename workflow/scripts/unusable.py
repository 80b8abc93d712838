"""Judge every clip of the data set: list those that cannot be used, with the reason."""

from common import job

with job(snakemake):
    from ferflow.datasets import usable

    given, out = snakemake.input, snakemake.output
    usable.write(given.manifest, given.faces, out.unusable, out.remarks, snakemake.params.least_tracked)
