"""Every network and average, on all test images and on those without copies, in one table."""

from common import job

with job(snakemake):
    from ferflow.evaluation.images import chosen_models
    from ferflow.report import image_tables
    from ferflow.settings import Images

    given = snakemake.input
    image_tables.accuracies(
        given.results,
        given.networks,
        Images(**snakemake.params.images),
        snakemake.output[0],
        chosen_models(given.choice) if given.choice else (),
    )
