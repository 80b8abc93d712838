"""The compact paper's numbers, each beside ours or the reason why there is none."""

from common import job

with job(snakemake):
    from ferflow.report import image_beside
    from ferflow.settings import Images

    given, p = snakemake.input, snakemake.params
    image_beside.write(
        Images(**p.images),
        given.accuracies,
        given.networks,
        given.counts,
        given.get("sweep") or None,
        given.get("speed") or None,
        p.dataset,
        snakemake.output[0],
    )
