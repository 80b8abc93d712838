"""Render a table for the report and for a paper: HTML, Markdown, LaTeX."""

from common import job

with job(snakemake):
    from ferflow.report import image_beside, image_tables, tables, thesis_tables

    p, source, out = snakemake.params, snakemake.input.table, list(snakemake.output)
    if p.schema == "results":
        tables.render_results(source, p.title, out, p.confidence)
    elif p.schema == "accuracies":
        image_tables.render_accuracies(source, p.title, out, p.confidence)
    elif p.schema == "image_beside":
        image_beside.render(source, p.title, out)
    elif p.schema == "thesis_beside":
        thesis_tables.render(source, p.title, out)
    elif p.schema == "beside":
        tables.render_beside(source, p.title, out)
    else:
        tables.render(source, p.schema, p.title, out, p.synthetic)
