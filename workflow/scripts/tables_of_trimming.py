"""Frames before and after trimming, and the clips that are not trimmed by themselves."""

from common import job

with job(snakemake):
    from ferflow.report import tables

    given, out, p = snakemake.input, snakemake.output, snakemake.params
    tables.trimming(given.trim, given.manifest, out.trimming, out.anomalies, p.max_frames, p.emotions)
