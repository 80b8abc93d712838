"""List every clip with its subject, emotion, length, size, rate and hash."""

from common import job

with job(snakemake):
    from ferflow.datasets import listing, manifest
    from ferflow.settings import Dataset

    p = snakemake.params
    manifest.build(listing(Dataset(**p.dataset), p.emotions), snakemake.output[0])
