"""Train a network for expression, valence and arousal, and judge it on the validation part."""

from common import job

with job(snakemake):
    from pathlib import Path

    from ferflow.settings.affect import AffectModel, Loading
    from ferflow.training.affect import train

    given, p, folder = snakemake.input, snakemake.params, Path(snakemake.output.model).parent
    start = given.start or None
    model, loading = AffectModel(**p.model), Loading(**p.loading)
    name = snakemake.wildcards.model
    train(given.index, p.root, name, model, loading, p.seed, start, folder, p.run, synthetic=p.synthetic)
