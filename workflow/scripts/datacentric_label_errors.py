"""Labels that are doubted by networks that did not see the image."""

from common import job

with job(snakemake):
    from ferflow.datacentric import run, store

    given = snakemake.input
    images = store.read(given.pixels, given.manifest)
    run.doubt(images, given.predictions, snakemake.params.filter, snakemake.output[0])
