"""Search the settings of one head over the folds of cross-validation."""

from common import job

with job(snakemake) as say:
    from ferflow.settings import Search, Temporal
    from ferflow.training.head_search import search_head

    p, given, out = snakemake.params, snakemake.input, snakemake.output
    head = snakemake.wildcards.head
    search_head(
        head,
        splits=given.splits,
        manifest=given.manifest,
        trim=given.trim,
        features=p.features,
        out_trials=out.trials,
        out_best=out.best,
        storage=p.storage,
        settings=Search(**p.search),
        temporal=Temporal(**p.temporal, heads={head: p.of}),
        max_frames=p.max_frames,
        normalise=p.normalise,
        classes=p.emotions,
        model=p.model,
        seed=p.seed,
        synthetic=p.synthetic,
        protocol=p.protocol,
        announce=say,
    )
