"""One network under one way of sampling and one protocol."""

from common import job

with job(snakemake):
    from pathlib import Path

    from ferflow.datacentric import run, store
    from ferflow.settings import Spatial

    given, p, w = snakemake.input, snakemake.params, snakemake.wildcards
    images = store.read(given.pixels, given.manifest)
    folder = Path(snakemake.output.predictions).parent
    row = (w.network, w.sampling, w.protocol)
    run.run_cell(images, given.photographs, row, Spatial(**p.recipe), p.images, p.neighbours, p.seed, folder)
