"""Frames before and after trimming, and the clips that are not trimmed by themselves."""

from common import job

with job(snakemake):
    from ferflow.report import tables

    given, out = snakemake.input, snakemake.output
    tables.trimming(given.trim, given.manifest, out.trimming, out.anomalies, snakemake.params.max_frames)
