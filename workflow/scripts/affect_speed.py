"""Images a second through each network's training step, and from the disk."""

from common import job

with job(snakemake):
    from ferflow.bench.affect_speed import measure
    from ferflow.settings.affect import AffectModel, Loading

    p = snakemake.params
    models = {name: AffectModel(**model) for name, model in p.models.items()}
    measure(
        snakemake.input.index,
        p.root,
        models,
        Loading(**p.loading),
        p.seed,
        snakemake.threads,
        snakemake.output[0],
        synthetic=p.synthetic,
    )
