"""Copies, near copies, empty images and outliers: what needs no network."""

from common import job

with job(snakemake):
    from ferflow.datacentric import run, store

    given, p = snakemake.input, snakemake.params
    images = store.read(given.pixels, given.manifest)
    run.examine(
        images, p.near_distance, p.constant, p.whiskers, p.folds, p.seed, dict(snakemake.output.items())
    )
