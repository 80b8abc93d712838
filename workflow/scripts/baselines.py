"""Judge models without a head over time in the study's folds, and on its test subjects."""

from common import job

with job(snakemake):
    from pathlib import Path

    from ferflow.settings import ClipSettings
    from ferflow.training import baselines

    given = snakemake.input
    baselines.write(
        splits=given.splits,
        manifest=given.manifest,
        trim=given.trim,
        features=given.features,
        aus=given.aus,
        spatial=given.spatial,
        out_folder=Path(snakemake.output[0]).parent,
        settings=ClipSettings(**snakemake.params.settings),
    )
