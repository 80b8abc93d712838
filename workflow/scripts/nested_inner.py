"""Train one candidate without one inner fold of an outer fold, and judge it there."""

from common import job

with job(snakemake):
    from pathlib import Path

    from ferflow.settings import ClipSettings
    from ferflow.training.nested_run import run_inner

    w, given = snakemake.wildcards, snakemake.input
    run_inner(
        w.head,
        int(w.outer),
        int(w.inner),
        w.candidate,
        splits=given.splits,
        manifest=given.manifest,
        trim=given.trim,
        features=given.features,
        out_folder=Path(snakemake.output.history).parent,
        settings=ClipSettings(**snakemake.params.settings),
        model=snakemake.params.model,
    )
