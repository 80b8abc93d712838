"""Train one head without one fold, and judge it on that fold."""

from common import job

with job(snakemake) as say:
    from pathlib import Path

    from ferflow.settings import Finalize, Temporal
    from ferflow.training.crossval import run_fold

    p, given = snakemake.params, snakemake.input
    head = p.of
    run_fold(
        head,
        int(snakemake.wildcards.fold),
        splits=given.splits,
        manifest=given.manifest,
        trim=given.trim,
        features=given.features,
        out_folder=Path(snakemake.output.history).parent,
        temporal=Temporal(**p.temporal, heads={head: p.head}),
        finalize=Finalize(**p.finalize) if p.finalize else None,
        max_frames=p.max_frames,
        normalise=p.normalise,
        classes=p.emotions,
        model=p.model,
        seed=p.seed,
        announce=say,
        tested=p.tested,
    )
