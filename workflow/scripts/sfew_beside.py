"""The SFEW paper's numbers, each beside ours or the reason why there is none, and its Tables 1 to 4."""

from common import job

with job(snakemake):
    from ferflow import tables
    from ferflow.report import reference, sfew_tables

    out, p = snakemake.output, snakemake.params
    ours = reference.read("sfew", dict(snakemake.input.items()), dataset=p.dataset)
    tables.write(reference.compare("sfew", ours), out.beside, "reference")
    sfew_tables.write(ours, dict(zip(p.names, out.tables, strict=True)))
