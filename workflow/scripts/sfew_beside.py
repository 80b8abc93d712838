"""The SFEW paper's numbers, each beside ours or the reason why there is none, and its Tables 1 to 4."""

from common import job

with job(snakemake):
    from ferflow.report import sfew_beside, sfew_tables

    given, out, p = snakemake.input, snakemake.output, snakemake.params
    ours = sfew_beside.read(given.folds, given.counts, p.dataset, p.synthetic)
    sfew_beside.write(ours, out.beside)
    sfew_tables.write(ours, dict(zip(p.names, out.tables, strict=True)))
