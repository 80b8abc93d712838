"""Ask a network for the test images in each way of looking; list those that it has learnt from."""

from common import job

with job(snakemake):
    from ferflow.datasets.image_sets import read_images
    from ferflow.evaluation import images

    given, out, p = snakemake.input, snakemake.output, snakemake.params
    images.judge(
        given.model,
        read_images("fer2013", given.stills),
        p.views,
        p.batch,
        snakemake.wildcards.model,
        p.seed,
        p.threads,
        out.predictions,
        out.copies,
    )
