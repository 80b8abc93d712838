"""List every clip with its subject, emotion, length, size, rate and hash."""

from common import job

with job(snakemake):
    from ferflow.datasets import listing, manifest
    from ferflow.settings import Settings

    manifest.build(listing(Settings(**snakemake.params.settings)), snakemake.output[0])
