"""One model's mislabelled clips with all scores, and the strips of their frames."""

from common import job

with job(snakemake):
    from pathlib import Path

    from ferflow import tables
    from ferflow.explain.strips import links
    from ferflow.report.error_table import render

    given, out = snakemake.input, list(snakemake.output)
    clips = tables.read(given.errors, "errors")["clip_id"].unique()
    strips = links(given.strips, clips, Path(out[0]).parent)
    render(given.errors, snakemake.params.model, out, strips=strips)
