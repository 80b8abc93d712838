"""Judge every clip of the data set: list those that can be used, and those that cannot with the reason."""

from common import job

with job(snakemake):
    from ferflow.datasets import usable

    given, out = snakemake.input, snakemake.output
    written = out.clips, out.unusable, out.remarks
    usable.write(given.manifest, given.faces, *written, snakemake.params.least_tracked)
