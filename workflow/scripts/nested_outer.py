"""Choose a candidate by the inner folds, and judge it on the outer fold."""

from common import job

with job(snakemake):
    from pathlib import Path

    from ferflow.settings import ClipSettings
    from ferflow.training.nested_run import run_outer

    w, p, given = snakemake.wildcards, snakemake.params, snakemake.input
    # Their folders are named <candidate>/inner-<fold>.
    folders = [Path(path).parent for path in given.predictions]
    inner = {(one.parent.name, int(one.name.removeprefix("inner-"))): one for one in folders}
    run_outer(
        w.head,
        int(w.outer),
        inner,
        splits=given.splits,
        manifest=given.manifest,
        trim=given.trim,
        features=p.features,
        out_folder=Path(snakemake.output.choice).parent,
        settings=ClipSettings(**p.settings),
        model=p.model,
    )
