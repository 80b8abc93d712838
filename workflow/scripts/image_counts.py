"""Count the images of each class in each data set, beside the numbers that the papers print."""

from common import job

with job(snakemake):
    from ferflow.report import image_counts
    from ferflow.settings import Sequences

    given, p = snakemake.input, snakemake.params
    image_counts.write(given.manifest, p.folders, Sequences(**p.sequences), snakemake.output[0])
