"""Size of each network, and how it was trained."""

from common import job

with job(snakemake):
    from ferflow.report import image_tables
    from ferflow.settings import Images

    given, p = snakemake.input, snakemake.params
    files = zip(given.models, given.histories, given.times, strict=True)
    trained = dict(zip(p.models, files, strict=True))
    image_tables.networks(trained, Images(**p.images), snakemake.output[0])
