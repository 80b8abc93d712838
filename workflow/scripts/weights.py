"""Fetch the pretrained files that every study needs, and check their hashes."""

from common import job

with job(snakemake):
    from ferflow import weights

    weights.fetch_many(snakemake.params.names, snakemake.params.folder)
