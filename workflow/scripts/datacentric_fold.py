"""What a network says of the images of one fold, which it did not see."""

from common import job

with job(snakemake):
    from pathlib import Path

    from ferflow.datacentric import run, store
    from ferflow.settings import Spatial

    given, p = snakemake.input, snakemake.params
    images = store.read(given.pixels, given.manifest)
    folder = Path(snakemake.output.predictions).parent
    fold = int(snakemake.wildcards.fold)
    run.judge_fold(images, given.photographs, fold, Spatial(**p.recipe), p.images, p.seed, folder)
