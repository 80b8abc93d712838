"""Train one head on all training subjects, and judge it once on the test subjects."""

from common import job

with job(snakemake):
    from pathlib import Path

    from ferflow.settings import ClipSettings
    from ferflow.training.final import train_final

    given = snakemake.input
    train_final(
        snakemake.wildcards.head,
        splits=given.splits,
        manifest=given.manifest,
        trim=given.trim,
        features=given.features,
        early=given.early,
        spatial=given.spatial,
        out_folder=Path(snakemake.output.model).parent,
        settings=ClipSettings(**snakemake.params.settings),
    )
