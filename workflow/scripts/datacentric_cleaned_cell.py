"""One network trained on the images that the cleaned split keeps."""

from common import job

with job(snakemake):
    from pathlib import Path

    from ferflow.datacentric import run, store
    from ferflow.settings import Spatial

    given, p = snakemake.input, snakemake.params
    images = store.read(given.pixels, given.manifest)
    folder = Path(snakemake.output.predictions).parent
    row = (snakemake.wildcards.network, "none", "cleaned")
    run.run_cell(
        images, given.photographs, row, Spatial(**p.recipe), p.images, 1, p.seed, folder, given.cleaned
    )
