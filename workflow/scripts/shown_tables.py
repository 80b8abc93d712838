"""Render tables for the report and for a paper: HTML, Markdown, LaTeX."""

from common import job


def render(source: str, schema: str, title: str, out: list[str]) -> None:
    if schema == "results":
        tables.render_results(source, title, out, p.confidence)
    elif schema == "accuracies":
        image_tables.render_accuracies(source, title, out, p.confidence)
    elif schema == "image_beside":
        image_beside.render(source, title, out)
    elif schema == "thesis_beside":
        thesis_tables.render(source, title, out)
    elif schema == "beside":
        tables.render_beside(source, title, out)
    else:
        tables.render(source, schema, title, out, p.synthetic)


with job(snakemake):
    from ferflow.report import image_beside, image_tables, tables, thesis_tables

    p, out = snakemake.params, list(snakemake.output)
    forms = len(out) // len(p.shown)
    for number, (source, (schema, title)) in enumerate(zip(snakemake.input, p.shown.values(), strict=True)):
        render(source, schema, title, out[forms * number :][:forms])
