"""Judge every clip of the data set: list those that can be used, and those that cannot with the reason."""

from common import job

with job(snakemake):
    from ferflow.datasets import usable

    given, out = snakemake.input, snakemake.output
    usable.write(given.manifest, given.faces, out.clips, out.unusable, snakemake.params.least_tracked)
