"""Each model's mislabelled clips with all scores, and the strips of their frames."""

from common import job

with job(snakemake):
    from pathlib import Path

    from ferflow import tables
    from ferflow.explain.strips import links
    from ferflow.report.error_table import render

    given, models, out = snakemake.input, snakemake.params.models, list(snakemake.output)
    clips = tables.read(given.errors, "errors")["clip_id"].unique()
    strips = links(given.strips, clips, Path(out[0]).parent)
    forms = len(out) // len(models)
    for number, model in enumerate(models):
        render(given.errors, model, out[forms * number :][:forms], snakemake.params.judged, strips)
