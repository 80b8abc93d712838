"""Backends for action units on the same clips: the table and the figure."""

from common import job

with job(snakemake):
    from ferflow.aus import backends
    from ferflow.report import au_backends

    given, p = snakemake.input, snakemake.params
    paths = {name: list(given[name]) for name in p.backends}
    backends.write_comparison(given.manifest, paths, snakemake.output.table)
    au_backends.write(snakemake.output.table, snakemake.output.figure, p.synthetic)
