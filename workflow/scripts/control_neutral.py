"""Control: the same cascade on neutral frames only."""

from common import job

with job(snakemake):
    from ferflow.settings import ClipSettings
    from ferflow.training import controls

    given = snakemake.input
    controls.neutral_frames(
        snakemake.wildcards.head,
        splits=given.splits,
        manifest=given.manifest,
        trim=given.trim,
        features=given.features,
        early=given.early,
        truth=given.truth,
        out=snakemake.output[0],
        settings=ClipSettings(**snakemake.params.settings),
    )
