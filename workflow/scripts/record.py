"""Keep the study's settings and the list of its tables with its results."""

from common import job

with job(snakemake):
    from ferflow import settings
    from ferflow.report import shown

    p, out = snakemake.params, snakemake.output
    settings.write(p.settings, out.settings)
    shown.write(shown.Shown({name: tuple(about) for name, about in p.tables.items()}, p.synthetic), out.shown)
