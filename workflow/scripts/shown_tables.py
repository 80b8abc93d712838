"""Render tables for the report and for a paper: HTML, Markdown, LaTeX."""

from common import job

with job(snakemake):
    from ferflow.report import shown

    p, out = snakemake.params, list(snakemake.output)
    forms = len(out) // len(p.shown)
    for number, (source, (schema, title)) in enumerate(zip(snakemake.input, p.shown.values(), strict=True)):
        shown.render(source, schema, title, out[forms * number :][:forms], p.synthetic, p.confidence)
