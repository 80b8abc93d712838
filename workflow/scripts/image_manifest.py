"""List every image with its class, its official part and the hash of its pixels."""

from common import job

with job(snakemake):
    from ferflow.datasets.image_sets import read_images

    read_images("fer2013", snakemake.input[0]).write_manifest(snakemake.output[0])
